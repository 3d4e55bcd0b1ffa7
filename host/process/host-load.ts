import { availableParallelism, loadavg } from "node:os";

/** Processes that ran or waited to run in the last minute, on average, for each CPU: above 1, the host has more to do than
 *  it can. */
export function hostLoad(): number {
  return loadavg()[0]! / availableParallelism();
}
