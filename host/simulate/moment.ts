/** When things happen in a plan: anywhere, or close together, where rare things meet. */
import type { Random } from "../emulator/random.ts";
import { chance } from "./pick.ts";

const BEFORE_US = 300_000;
const AFTER_US = 1_000_000;
/** How much of what has a focus is near it, percent. */
const NEAR = 65;

export interface Moments {
  /** The first and the last moment. */
  readonly firstUs: number;
  readonly calmUs: number;
  /** Null: there is no such time. */
  readonly focusUs: number | null;
}

/** A moment, not before `firstUs`. */
export function when({ firstUs, calmUs, focusUs }: Moments, random: Random, notBeforeUs = firstUs): number {
  const from = Math.max(firstUs, notBeforeUs);
  if (focusUs === null || !chance(random, NEAR)) return random.between(from, calmUs);
  return Math.min(calmUs, Math.max(from, random.between(focusUs - BEFORE_US, focusUs + AFTER_US)));
}
