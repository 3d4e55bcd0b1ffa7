/** Which faults of a plan have come to pass. One counts once, however many frames or messages it has hit. */
import type { VirtualClock } from "../emulator/clock.ts";
import type { FaultPlan } from "./plan.ts";

export class Strikes {
  readonly #struck = new Set<FaultPlan>();

  note(fault: FaultPlan): void {
    this.#struck.add(fault);
  }

  get faults(): readonly FaultPlan[] {
    return [...this.#struck];
  }
}

/** What faults need to come to pass. */
export interface FaultWorld {
  readonly clock: VirtualClock;
  /** Of the plan. */
  readonly seed: number;
  readonly strikes: Strikes;
}
