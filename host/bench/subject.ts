/** One scenario on one engine, made ready: runs batches, and says how long the calls of `process` took. */
import { type Engine, TRAPPED } from "../engine/engine.ts";
import { DobbsError } from "../errors.ts";
import { bladeSetup, SELF, switchSetup } from "./appliance.ts";
import { Batch, BATCH } from "./batch.ts";
import { Eraser } from "./eraser.ts";
import { HELD_FIRST } from "./flows.ts";
import { framesOf, hold } from "./frames.ts";
import { BenchNode, NOW } from "./node.ts";
import type { Scenario } from "./scenarios.ts";

/** Batches that go before those of a round: the caches are full of what another engine left there. */
const LEAD_IN_BATCHES = 4;

/** By `Verdict.<name>` and `Event.<name>`. */
export type Counts = Map<string, number>;

export interface Run {
  readonly nsPerPacket: number;
  /** Of the batch that took most; 0 where calls are not bounded. */
  readonly fuelPerPacket: number;
  /** Lead-in included. */
  readonly counts: Counts;
}

export class Subject {
  /** Rows in the flow table before the first frame; null of an image that has none. */
  readonly rowsHeld: number | null;
  readonly #node: BenchNode;
  readonly #batch: Batch;
  readonly #eraser: Eraser | null;
  readonly #scenario: Scenario;
  /** Of the calls since it was last set to 0. */
  #fuelMax = 0;

  constructor(scenario: Scenario, engine: Engine, image: Uint8Array, flows: number) {
    const { history } = scenario;
    const setup = scenario.image === "blade" ? bladeSetup(SELF, history) : switchSetup(history);
    this.#scenario = scenario;
    this.#node = new BenchNode(engine, image, setup);
    const frames = framesOf(scenario, engine, image, this.#node);
    hold(this.#node, HELD_FIRST, this.#toHold(flows));
    this.rowsHeld = scenario.image === "blade" ? this.#node.rows() : null;
    this.#batch = new Batch(this.#node, frames);
    this.#eraser = scenario.erase ? new Eraser(this.#node) : null;
  }

  #toHold(flows: number): number {
    const { held } = this.#scenario;
    if (held === "none") return 0;
    const { count } = this.#node.firmware.layout.region("FLOW");
    return held === "half" ? Math.min(flows, count / 2) : flows;
  }

  /** Runs `batches` batches of `flows`, from batch number `first` on. */
  run(flows: Uint32Array, first: number, batches: number): Run {
    const before = this.#counters();
    for (let lead = 0; lead < LEAD_IN_BATCHES; lead++) this.#once(flows, (first + lead) * BATCH);
    this.#fuelMax = 0;
    let ns = 0;
    for (let batch = 0; batch < batches; batch++) ns += this.#once(flows, (first + batch) * BATCH);
    return {
      nsPerPacket: ns / (batches * BATCH),
      fuelPerPacket: this.#fuelMax / BATCH,
      counts: difference(this.#counters(), before),
    };
  }

  /** Returns ns of the call. */
  #once(flows: Uint32Array, from: number): number {
    const { instance } = this.#node.firmware;
    this.#batch.fill(flows, from);
    const start = process.hrtime.bigint();
    const result = instance.process(0, BATCH, NOW);
    const end = process.hrtime.bigint();
    this.#check(result);
    this.#eraser?.erase(flows, from);
    return Number(end - start);
  }

  /** Whether the engine bounds its calls, and so knows their fuel. */
  get isBounded(): boolean {
    return this.#node.firmware.instance.fuelUsed !== null;
  }

  /** The most fuel that a frame takes when it goes through alone; arguments as of `run`. */
  worstFuel(flows: Uint32Array, first: number, batches: number): number {
    this.#fuelMax = 0;
    for (let batch = first; batch < first + batches; batch++) {
      this.#batch.fill(flows, batch * BATCH);
      for (let slot = 0; slot < BATCH; slot++) this.#check(this.#node.firmware.instance.process(slot, 1, NOW));
      this.#eraser?.erase(flows, batch * BATCH);
    }
    return this.#fuelMax;
  }

  /** After each call. */
  #check(result: number): void {
    const { fuelUsed, lastTrap } = this.#node.firmware.instance;
    if (result === TRAPPED) {
      const message = `the image trapped in ${this.#scenario.name}: ${lastTrap}`;
      throw new DobbsError("E_BENCH_TRAPPED", message, "Report this: it is a fault in the firmware.", 1);
    }
    this.#fuelMax = Math.max(this.#fuelMax, fuelUsed ?? 0);
  }

  #counters(): Counts {
    const { verdicts, events } = this.#node.firmware.counters();
    const named = (group: string, counts: Readonly<Record<string, number>>): [string, number][] =>
      Object.entries(counts).map(([name, count]) => [`${group}.${name}`, count]);
    return new Map([...named("Verdict", verdicts), ...named("Event", events)]);
  }
}

/** What was counted in between; what was not is left out. */
function difference(after: Counts, before: Counts): Counts {
  return new Map([...after].map(([name, count]): [string, number] => [name, count - before.get(name)!]).filter(([, count]) => count > 0));
}
