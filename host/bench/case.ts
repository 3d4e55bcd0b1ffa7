/** One scenario at one number of flows, on all engines: they take turns, so that a slow moment hits them all alike. */
import { isDeepStrictEqual } from "node:util";
import { Random } from "../emulator/random.ts";
import type { Engine } from "../engine/engine.ts";
import { DobbsError } from "../errors.ts";
import { HELD_FIRST, inOrder, shuffled, STRANGERS_FIRST } from "./flows.ts";
import type { Scenario } from "./scenarios.ts";
import { medianRatio, summary, type Summary } from "./statistics.ts";
import { Subject } from "./subject.ts";
import { type Order, ORDERS, type Orders, ordersOf, Trial } from "./trial.ts";

/** Rounds of each pass that are not timed: V8 compiles its best code only after a while. */
const WARM_UP_ROUNDS = 3;

export interface Contestant {
  readonly name: string;
  readonly engine: Engine;
}

export interface EngineResult {
  /** Over the rounds. */
  readonly nsPerPacket: Summary;
  /** By other engine: the median over the rounds of this one's time by that one's time in the same round. */
  readonly ratioTo: Readonly<Record<string, number>>;
}

export interface CaseResult {
  readonly scenario: string;
  /** Flows that the frames are of. */
  readonly flows: number;
  /** Rows in the flow table before the first frame; null at a switch. */
  readonly rowsHeld: number | null;
  readonly order: Order;
  readonly engines: Readonly<Record<string, EngineResult>>;
  /** About one a Wasm instruction: a packet's part of the batch that took most, and the packet that took most alone.
   *  Null when no engine bounds its calls. */
  readonly fuel: { readonly perPacket: number; readonly worst: number } | null;
  /** By event: how often it was counted, a frame. The same on all engines. */
  readonly eventsPerPacket: Readonly<Record<string, number>>;
}

export class Case {
  readonly scenario: Scenario;
  readonly flows: number;
  readonly #image: Uint8Array;
  readonly #contestants: readonly Contestant[];
  readonly #orders: Orders;
  readonly #trials: readonly Trial[];

  /** What the order of the flows follows from: `seed`. */
  constructor(scenario: Scenario, flows: number, image: Uint8Array, contestants: readonly Contestant[], seed: number) {
    this.scenario = scenario;
    this.flows = flows;
    this.#image = image;
    this.#contestants = contestants;
    const numbers = inOrder(scenario.known ? HELD_FIRST : STRANGERS_FIRST, flows);
    this.#orders = ordersOf(shuffled(numbers, new Random(`bench/${seed}`)));
    this.#trials = contestants.map(({ name }) => new Trial(name));
  }

  /** Loads, fills the tables, and runs `rounds` rounds of `batches` batches on each engine. */
  pass(rounds: number, batches: number): void {
    const { scenario, flows } = this;
    const entries = this.#contestants.map(({ engine }, index) => ({
      trial: this.#trials[index]!,
      subject: new Subject(scenario, engine, this.#image, flows),
    }));
    const all = WARM_UP_ROUNDS + rounds;
    for (let round = 0; round < all; round++) {
      for (let turn = 0; turn < entries.length; turn++) {
        const { trial, subject } = entries[(round + turn) % entries.length]!;
        trial.round(subject, this.#orders, round * batches, batches, round >= WARM_UP_ROUNDS);
      }
    }
    for (const { trial, subject } of entries) trial.close(subject, this.#orders, all * batches);
  }

  /** A result for each order. Throws E_BENCH_VERDICT or E_BENCH_DIFFERS when what was timed is not what it says. */
  results(): CaseResult[] {
    this.#check();
    const [first] = this.#trials;
    return ORDERS.map((order) => ({
      scenario: this.scenario.name,
      flows: this.flows,
      rowsHeld: first!.rowsHeld,
      order,
      engines: Object.fromEntries(this.#trials.map((trial) => [trial.engine, this.#engineResult(trial, order)])),
      fuel: this.#fuel(order),
      eventsPerPacket: first!.eventsPerPacket(order),
    }));
  }

  #engineResult(trial: Trial, order: Order): EngineResult {
    const { times } = trial.figures[order];
    const others = this.#trials.filter((other) => other !== trial);
    const ratios = others.map((other) => [other.engine, medianRatio(times, other.figures[order].times)]);
    return { nsPerPacket: summary(times), ratioTo: Object.fromEntries(ratios) };
  }

  #fuel(order: Order): CaseResult["fuel"] {
    const figures = this.#trials.map((trial) => trial.figures[order]).find(({ fuelWorst }) => fuelWorst > 0);
    return figures ? { perPacket: figures.fuelPerPacket, worst: figures.fuelWorst } : null;
  }

  #check(): void {
    const { name, verdict } = this.scenario;
    const [first] = this.#trials;
    for (const trial of this.#trials) {
      if (!trial.allGot(verdict)) throw fault("E_BENCH_VERDICT", `${name} on ${trial.engine}: not every frame was a ${verdict}`);
      const same = ORDERS.every((order) => isDeepStrictEqual(trial.figures[order].counts, first!.figures[order].counts));
      if (same && trial.rowsHeld === first!.rowsHeld) continue;
      throw fault("E_BENCH_DIFFERS", `${name}: ${first!.engine} and ${trial.engine} counted differently`);
    }
  }
}

function fault(code: string, message: string): DobbsError {
  return new DobbsError(code, message, "Report this: it is a fault in the firmware, an engine or the bench.", 1);
}
