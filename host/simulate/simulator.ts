/** Runs plans on one set of images, in this process. */
import type { Engine } from "../engine/engine.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import { generatePlan } from "./generate.ts";
import type { Images } from "./images.ts";
import type { Plan } from "./plan.ts";
import { runPlan, type RunOutcome } from "./run.ts";
import { withTrap } from "./trap-image.ts";

export class Simulator {
  readonly #engine: Engine = openEngine("wasmtime");
  readonly #images: Images;

  constructor(images: Images) {
    this.#images = { blade: withTrap(images.blade), switch: withTrap(images.switch), cramped: withTrap(images.cramped) };
  }

  runSeed(seed: number): RunOutcome {
    return this.runPlan(generatePlan(seed));
  }

  /** `trace`: flows whose frames are to be written down; null: nothing is. `untilUs`: when the run is given up. */
  runPlan(plan: Plan, trace: ReadonlySet<number> | null = null, untilUs = Infinity): ReturnType<typeof runPlan> {
    const blade = plan.topology.cramped ? this.#images.cramped : this.#images.blade;
    const images = { blade, switch: this.#images.switch };
    return runPlan(plan, { load: (image) => Firmware.load(this.#engine, images[image]), trace, untilUs });
  }
}
