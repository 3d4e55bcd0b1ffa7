/** The `balance:` section of an appliance file: what it means, and what it can get wrong beyond its schema. */
import type { Problem } from "../files/problem.ts";
import type { LoadBalance } from "./appliance.ts";
import { parseDuration } from "./duration.ts";

/** A section that has passed the schema, with its defaults. */
export interface BalanceEntry {
  readonly by: "weight" | "load";
  /** `5%` */
  readonly share: string;
  /** `10s` */
  readonly every: string;
  readonly gap: number;
}

interface File {
  readonly buckets: number;
  readonly balance?: BalanceEntry;
}

const US_PER_MS = 1_000;
const EVERY_MS_MIN = 1_000;
const EVERY_MS_MAX = 3_600_000;

/** Undefined: buckets do not move by load. */
export function balanceOf(entry: BalanceEntry | undefined): LoadBalance | undefined {
  if (entry?.by !== "load") return undefined;
  return { share: Number.parseFloat(entry.share) / 100, everyMs: milliseconds(entry.every), gap: entry.gap };
}

export function* checkBalance({ buckets, balance }: File): Generator<Problem, void> {
  if (balance === undefined) return;
  const everyMs = milliseconds(balance.every);
  if (everyMs < EVERY_MS_MIN || everyMs > EVERY_MS_MAX) {
    yield problem("every", `${balance.every} is not between 1s and 3600s`, "Write a time such as 10s.");
  }
  const share = Number.parseFloat(balance.share) / 100;
  if (Math.floor(share * buckets) < 1) {
    const least = Math.ceil(100_000 / buckets) / 1_000;
    yield problem("share", `${balance.share} of ${buckets} buckets is not one bucket`, `Write ${least}% or more, or use more buckets.`);
  }
}

function milliseconds(duration: string): number {
  return Math.round(parseDuration(duration) / US_PER_MS);
}

function problem(field: "every" | "share", message: string, mend: string): Problem {
  return { code: "E_APPLIANCE_BALANCE", path: ["balance", field], message, mend };
}
