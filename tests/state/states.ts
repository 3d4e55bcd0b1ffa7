/** States of an appliance for tests. */
import { initialState } from "../../host/supervisor/initial-state.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";

export const FIRST_DAY = { buckets: 256, assigner: "balanced", switches: [], filters: [], forward: [], byLoad: false } as const;

/** One that can be told from others by its number. */
export function stateNumber(number: number): ApplianceState {
  return { ...initialState(FIRST_DAY), requests: number };
}
