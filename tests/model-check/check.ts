/** Runs the model: the image as it is or broken, in one configuration. */
import { readFileSync } from "node:fs";
import { packagePath } from "../../host/paths.ts";
import type { Configuration, Weakening } from "./configuration.ts";
import { explore, type Exploration } from "./explore.ts";
import { compileModelImage } from "./image.ts";
import { Ipds } from "./ipd.ts";
import { FIRMWARE_MUTANTS, STEP_MUTANTS, type FirmwareMutant, type StepMutant } from "./mutants.ts";
import { System } from "./system.ts";

/** A run that needs more states has grown out of its bounds. */
export const STATES_MAX = 60_000_000;

export interface Checked extends Exploration {
  /** Reactions that were asked of the image, each once. */
  readonly reactions: number;
}

export function check(image: Uint8Array, configuration: Configuration, weakening: Weakening | null = null): Checked {
  const ipds = new Ipds(image, configuration);
  const exploration = explore(new System(ipds, configuration, weakening), STATES_MAX);
  return { ...exploration, reactions: ipds.computed };
}

export interface CheckedMutant {
  readonly mutant: FirmwareMutant | StepMutant;
  /** Why it is no good: its place is not in the source once. Null: it is. */
  readonly fault: string | null;
  readonly checked: Checked | null;
}

/** Runs each mutant. `image`: as it is in the source. */
export async function* checkMutants(image: Uint8Array): AsyncGenerator<CheckedMutant> {
  for (const mutant of [...FIRMWARE_MUTANTS, ...STEP_MUTANTS]) {
    const source = readFileSync(packagePath(mutant.file), "utf8");
    const place = "from" in mutant ? mutant.from : mutant.line;
    if (source.split(place).length !== 2) {
      yield { mutant, fault: `its place in ${mutant.file} is not there once: mend tests/model-check/mutants.ts`, checked: null };
    } else if ("from" in mutant) {
      const overlay = new Map([[mutant.file, source.replace(place, () => mutant.to)]]);
      yield { mutant, fault: null, checked: check(await compileModelImage(overlay), mutant.configuration) };
    } else {
      yield { mutant, fault: null, checked: check(image, mutant.configuration, mutant.weakening) };
    }
  }
}
