/** Runs the compiled TypeScript tests (`*.test.ts` anywhere in `tests/`) with the test runner of Node. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { inspect } from "node:util";
import { packagePath } from "../../host/paths.ts";
import type { Tally } from "./tally.ts";

const FOLDER = packagePath("build", "tests");
const SUFFIX = ".test.js";
/** Test files that run at the same time, each in a process of its own. */
const CONCURRENCY = 2;

/** They take minutes, and begin first: else all others wait for one at the end. */
const FIRST = ["lab/lab", "simulate/seeds", "simulate/mutants", "permute/"];

/** What Node says of a test that has failed only in that a test inside it has. */
const INNER_FAILURE = "subtestsFailed";

/** So many of the files that took longest are named: they are what to look at when the tests take too long. */
const LONGEST = 12;

type Counts = { -readonly [K in keyof Tally]: Tally[K] };

/** `wanted`: parts of paths of test files; none: all. `without`: parts of paths of those not to run. */
export async function runNodeTests(
  wanted: readonly string[],
  without: readonly string[],
  out: NodeJS.WritableStream,
): Promise<Tally> {
  const names = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(SUFFIX) && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
    .filter((name) => !without.some((part) => name.includes(part)));
  return watch(names.sort((a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1)).map((name) => join(FOLDER, name)), out);
}

function placeOf(name: string): number {
  const place = FIRST.findIndex((part) => name.startsWith(part));
  return place === -1 ? FIRST.length : place;
}

/** Runs test files; says what failed, and what the tests print. A file that runs no test has failed. */
export async function watch(files: readonly string[], out: NodeJS.WritableStream): Promise<Tally> {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return total;
  const durations = new Map(files.map((file) => [file, 0]));
  const fail = (file: string, name: string, why: string): void => {
    total.failed++;
    out.write(`FAILED ${relative(FOLDER, file)}: ${name}\n${why.replace(/^/gm, "  ")}\n`);
  };
  for await (const event of run({ files: [...files], concurrency: CONCURRENCY })) {
    if (event.type === "test:stdout" || event.type === "test:stderr") out.write(event.data.message);
    if (event.type === "test:pass" || event.type === "test:fail") {
      const { file, nesting, details } = event.data;
      if (file !== undefined && nesting === 0) durations.set(file, (durations.get(file) ?? 0) + details.duration_ms);
    }
    if (event.type === "test:fail") {
      const { name, file = "", details } = event.data;
      const { error } = details;
      if ((error as { failureType?: string }).failureType !== INNER_FAILURE) fail(file, name, inspect(error.cause ?? error));
    } else if (event.type === "test:pass") {
      const { name, file = "", details, skip, todo } = event.data;
      if (details.type === "suite") continue;
      if (name === file) fail(file, "the file", "It ran no test.");
      else if (skip !== undefined || todo !== undefined) {
        total.skipped++;
        out.write(`SKIPPED ${relative(FOLDER, file)}: ${name}: ${skip ?? todo}\n`);
      } else total.passed++;
    }
  }
  if (files.length > LONGEST) out.write(`The longest files: ${longest(durations)}\n`);
  return total;
}

/** `a/b.test.js 12 s, ...`. */
function longest(durations: ReadonlyMap<string, number>): string {
  const files = [...durations].sort(([, a], [, b]) => b - a).slice(0, LONGEST);
  return files.map(([file, ms]) => `${relative(FOLDER, file)} ${Math.round(ms / 1_000)} s`).join(", ");
}
