/**
 * Looks among the fixed seeds for one that shows each mutant (`mutants.ts`): the one that it has, then those whose runs are short, then those
 * with SYN cookies, which are waited for.
 */
import { availableParallelism } from "node:os";
import { generatePlan } from "../../host/simulate/generate.ts";
import { PORTS } from "../../host/simulate/services.ts";
import { findSeed, FIXED_SEEDS, type Found } from "./mutant.ts";
import type { SimulatedMutant } from "./mutants.ts";

/** One process a mutant, and as many mutants at a time as there are cores. `onFound`: called when the search for one is over; null: none shows it. */
export async function findSeeds(
  mutants: readonly SimulatedMutant[],
  onFound: (mutant: SimulatedMutant, found: Found | null) => void,
  seeds = FIXED_SEEDS,
): Promise<void> {
  const left = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant; mutant = left.shift()) onFound(mutant, await search(mutant, seeds));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

async function search(mutant: SimulatedMutant, seeds: typeof FIXED_SEEDS): Promise<Found | null> {
  const { seed: before } = mutant;
  return (
    (before === null ? null : await findSeed(mutant, { first: before, last: before })) ??
    (await findSeed(mutant, seeds, (seed) => seed !== before && !hasCookies(seed))) ??
    (await findSeed(mutant, seeds, (seed) => seed !== before && hasCookies(seed)))
  );
}

function hasCookies(seed: number): boolean {
  return generatePlan(seed).flows.some((flow) => "vipPort" in flow && flow.vipPort === PORTS.cookies);
}
