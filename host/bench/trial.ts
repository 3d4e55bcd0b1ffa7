/** What one engine's rounds of a case have given so far, pass after pass. */
import { BATCH } from "./batch.ts";
import type { Counts, Subject } from "./subject.ts";

/** `hot`: the same BATCH flows in each batch; `random`: all of them in turn, shuffled. */
export const ORDERS = ["hot", "random"] as const;
export type Order = (typeof ORDERS)[number];
export type Orders = Readonly<Record<Order, Uint32Array>>;

/** Batches whose frames also go through one by one, for the worst fuel. */
const FUEL_BATCHES = 64;

const FRAME_IN = "Event.FRAME_IN";
const EVENT = "Event.";

/** Of one order of the flows. */
export interface Figures {
  /** ns a packet, by round. */
  readonly times: number[];
  readonly counts: Counts;
  /** A packet's part of the batch that took most fuel, and the packet that took most alone. 0: calls are not bounded. */
  fuelPerPacket: number;
  fuelWorst: number;
}

export class Trial {
  readonly engine: string;
  readonly figures: Readonly<Record<Order, Figures>>;
  /** Rows in the flow table before the first frame of the last pass; null of an image that has none. */
  rowsHeld: number | null = null;

  constructor(engine: string) {
    this.engine = engine;
    this.figures = { hot: noFigures(), random: noFigures() };
  }

  /** Batches number `first` and on of each order. `timed`: false while warming up. */
  round(subject: Subject, orders: Orders, first: number, batches: number, timed: boolean): void {
    for (const order of ORDERS) {
      const figures = this.figures[order];
      const run = subject.run(orders[order], first, batches);
      if (timed) figures.times.push(run.nsPerPacket);
      figures.fuelPerPacket = Math.max(figures.fuelPerPacket, run.fuelPerPacket);
      for (const [name, count] of run.counts) figures.counts.set(name, (figures.counts.get(name) ?? 0) + count);
    }
  }

  /** After the rounds of a pass; `first`: the batch after theirs. */
  close(subject: Subject, orders: Orders, first: number): void {
    this.rowsHeld = subject.rowsHeld;
    for (const order of ORDERS) {
      const figures = this.figures[order];
      if (!subject.isBounded) continue;
      figures.fuelWorst = Math.max(figures.fuelWorst, subject.worstFuel(orders[order], first, FUEL_BATCHES));
    }
  }

  /** Whether all frames have got this verdict. */
  allGot(verdict: string): boolean {
    return ORDERS.every((order) => {
      const { counts } = this.figures[order];
      return counts.has(FRAME_IN) && counts.get(`Verdict.${verdict}`) === counts.get(FRAME_IN);
    });
  }

  /** By event: how often it was counted, a frame. */
  eventsPerPacket(order: Order): Record<string, number> {
    const { counts } = this.figures[order];
    const events = [...counts].filter(([name]) => name.startsWith(EVENT) && name !== FRAME_IN);
    return Object.fromEntries(events.map(([name, count]) => [name.slice(EVENT.length), count / counts.get(FRAME_IN)!]));
  }
}

function noFigures(): Figures {
  return { times: [], counts: new Map(), fuelPerPacket: 0, fuelWorst: 0 };
}

/** The hot flows are BATCH of them. */
export function ordersOf(shuffled: Uint32Array): Orders {
  return { hot: shuffled.subarray(0, BATCH), random: shuffled };
}
