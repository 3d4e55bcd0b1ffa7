/**
 * The wires between nodes. A frame arrives after the wire's latency and a seeded jitter, and never before one that was
 * sent earlier the same way; some are lost, if the wire is made so. Whoever listens (`tap`) sees every frame of every wire
 * when it is sent.
 */
import type { VirtualClock } from "./clock.ts";
import type { Random } from "./random.ts";

/** The two ends of a wire: 0 is nearer to the clients, 1 nearer to the servers. A frame's direction is the end it was
 *  sent from. */
export type Side = 0 | 1;

export interface WireTiming {
  readonly latencyUs: number;
  /** A frame takes up to this much longer. */
  readonly jitterUs: number;
  /** Share of the frames that never arrive, 0 to 1. */
  readonly loss: number;
}

/** How long the next frame takes, in µs; null: it is lost. */
export function travelTime({ latencyUs, jitterUs, loss }: WireTiming, random: Random): number | null {
  if (loss > 0 && random.u32() < loss * 2 ** 32) return null;
  return latencyUs + random.between(0, jitterUs);
}

export type Tap = (timeUs: number, wire: Wire, from: Side, frame: Uint8Array) => void;
export type Receive = (frame: Uint8Array) => void;

export class Wire {
  readonly name: string;
  /** Place in the order in which the fabric's wires were made. */
  readonly number: number;
  readonly timing: WireTiming;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #taps: readonly Tap[];
  readonly #receivers: [Receive | null, Receive | null] = [null, null];
  /** When the last frame from each side arrives. */
  readonly #lastArrival: [number, number] = [0, 0];

  constructor(name: string, number: number, timing: WireTiming, clock: VirtualClock, random: Random, taps: readonly Tap[]) {
    this.name = name;
    this.number = number;
    this.timing = timing;
    this.#clock = clock;
    this.#random = random;
    this.#taps = taps;
  }

  /** What is plugged in at `side` takes the frames that come from the other one. */
  plug(side: Side, receive: Receive): void {
    if (this.#receivers[side]) throw new Error(`${this.name} has something plugged in at its end ${side} already`);
    this.#receivers[side] = receive;
  }

  /** Sends a frame from `side`. The bytes must not change after. */
  send(from: Side, frame: Uint8Array): void {
    for (const tap of this.#taps) tap(this.#clock.now, this, from, frame);
    const travel = travelTime(this.timing, this.#random);
    if (travel === null) return;
    const arrival = Math.max(this.#clock.now + travel, this.#lastArrival[from]);
    this.#lastArrival[from] = arrival;
    this.#clock.at(arrival, () => this.#receivers[from === 0 ? 1 : 0]?.(frame));
  }
}

export class Fabric {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #wires = new Map<string, Wire>();
  readonly #taps: Tap[] = [];

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  wire(name: string, timing: WireTiming): Wire {
    if (this.#wires.has(name)) throw new Error(`there are two wires called ${name}`);
    const wire = new Wire(name, this.#wires.size, timing, this.#clock, this.#random.fork(`wire ${name}`), this.#taps);
    this.#wires.set(name, wire);
    return wire;
  }

  /** By name, in the order in which they were made. */
  get wires(): ReadonlyMap<string, Wire> {
    return this.#wires;
  }

  tap(tap: Tap): void {
    this.#taps.push(tap);
  }
}
