/** How much a host has to do: processes and threads that run or want to, for each CPU; above 1, more than it can. */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** Of the average: the minute of the kernel's own is too long for whoever moves load and looks at what has come of it. */
const SMOOTHING_MS = 5_000;
/** `0.20 0.18 0.12 1/80 11206`: runnable now / all. */
const LOADAVG = "/proc/loadavg";
const RUNNABLE = /^(?:\S+ ){3}(\d+)\//;

export class HostLoad {
  readonly #read: () => number;
  readonly #now: () => number;
  #value: number | null = null;
  #at = 0;

  /** `read`: processes and threads that are runnable now. `now`: ms. */
  constructor(read: () => number = runnableNow, now: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = now;
  }

  /** The average over the last seconds, for each CPU. To be called often and regularly: every call looks once. */
  sample(): number {
    const now = this.#now();
    const runnable = this.#read() / availableParallelism();
    const weight = this.#value === null ? 1 : 1 - Math.exp(-(now - this.#at) / SMOOTHING_MS);
    this.#value = (this.#value ?? 0) + (runnable - (this.#value ?? 0)) * weight;
    this.#at = now;
    return this.#value;
  }
}

/** Without whoever asks. */
function runnableNow(): number {
  try {
    const [, runnable] = RUNNABLE.exec(readFileSync(LOADAVG, "ascii")) ?? [];
    if (runnable !== undefined) return Math.max(0, Number(runnable) - 1);
  } catch {
    // No such file here: the kernel's average of a minute is what there is.
  }
  return loadavg()[0]!;
}
