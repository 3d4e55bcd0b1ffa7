/** Which lines of the rule the images went through, as they have counted themselves. */
import type { Counts } from "./totals.ts";

export interface Coverage {
  /** Line by line, how often it was taken, in the order of the image. */
  readonly hits: Readonly<Record<string, number>>;
  readonly missed: readonly string[];
}

/** The rule's own counters, if the image has them; else what it counts of the rule's outcomes. */
const RULE = "Rule.";
const OUTCOMES = ["Verdict.", "Drop.", "Event."];

export function coverageOf(tally: Readonly<Counts>): Coverage {
  const names = Object.keys(tally);
  const lines = names.filter((name) => name.startsWith(RULE));
  const counted = lines.length > 0 ? lines : names.filter((name) => OUTCOMES.some((group) => name.startsWith(group)));
  const hits = Object.fromEntries(counted.map((name) => [name, tally[name]!]));
  return { hits, missed: counted.filter((name) => hits[name] === 0) };
}
