/** Durations as appliance files and scenarios write them: `1.5s`, `200ms`, `50us`. */

const UNITS_US: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000 };
const PATTERN = /^(\d+(?:\.\d+)?)(us|ms|s)$/;

/** In whole µs. The text has passed a schema that has the same pattern. */
export function parseDuration(text: string): number {
  const [, number, unit] = PATTERN.exec(text) ?? [];
  if (number === undefined || unit === undefined) throw new Error(`"${text}" is no duration`);
  return Math.round(Number(number) * UNITS_US[unit]!);
}

/** `12.345s`: what timelines print. */
export function formatSeconds(us: number): string {
  return `${(us / UNITS_US["s"]!).toFixed(3)}s`;
}
