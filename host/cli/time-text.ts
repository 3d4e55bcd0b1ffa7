/** Durations and times of day, as operators write and read them. */
import { InvalidArgumentError } from "commander";

const UNITS: readonly (readonly [unit: string, ms: number])[] = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000], ["ms", 1]];
const PATTERN = /^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[dhms])/g;

/** `10m`, `90s`, `1h30m`, `500ms` -> ms. For commander: throws InvalidArgumentError. */
export function parseDuration(text: string): number {
  if (!PATTERN.test(text)) throw new InvalidArgumentError("Write a duration such as 500ms, 90s, 10m or 1h30m.");
  const parts = [...text.matchAll(PART)].map(([, number, unit]) => Number(number) * UNITS.find(([name]) => name === unit)![1]);
  return Math.round(parts.reduce((sum, ms) => sum + ms, 0));
}

/** The two largest units: `9m 40s`, `2h 5m`, `40s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return ms <= 0 ? "0s" : "<1s";
  let rest = Math.floor(ms / 1_000) * 1_000;
  const parts = UNITS.slice(0, 4).flatMap(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? [`${count}${unit}`] : [];
  });
  return parts.slice(0, 2).join(" ");
}

/** `14:03:22` in the zone of whoever looks. */
export function timeOfDay(rfc3339: string): string {
  return new Date(rfc3339).toLocaleTimeString("en-GB");
}
