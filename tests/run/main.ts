/**
 * `npm test -- [--only specs|cargo|node]... [--board <name>]... [--without <part>]...
 * [--skips fail] [<part of a file's name>]...` runs the test suites (the specs for all boards, or those named), says
 * what fails and what is skipped and why, and ends with the one line `N passed, N failed`. Exit status 1 if a test failed, if a suite ran
 * none, or, with `--skips fail` (what CI does), if a test was skipped.
 */
import { boardNames, loadBoard } from "../../host/boards/board-file.ts";
import { readArguments, refuseArguments } from "../../host/arguments.ts";
import { runCargo } from "./cargo.ts";
import { runNodeTests } from "./node-tests.ts";
import { runSpecs } from "./specs.ts";
import { add, describe, NOTHING, type Tally } from "./tally.ts";

interface Suite {
  readonly kind: string;
  readonly title: string;
  run(): Promise<Tally>;
}

const KINDS = ["specs", "cargo", "node"];
const SKIPS = ["pass", "fail"];

const out = process.stdout;
const { values, positionals: wanted } = readArguments(
  {
    options: {
      only: { type: "string", multiple: true },
      board: { type: "string", multiple: true, default: boardNames() },
      without: { type: "string", multiple: true, default: [] },
      skips: { type: "string", default: process.env["DOBBS_SKIPS"] ?? "pass" },
    },
    allowPositionals: true,
  },
  "npm test -- [--only specs|cargo|node]... [--board <name>]... [--without <part>]... [--skips pass|fail] [<part of a file's name>]...",
);
mustBeOneOf("--only", KINDS, values.only ?? []);
mustBeOneOf("--board", boardNames(), values.board);
mustBeOneOf("--skips (or DOBBS_SKIPS)", SKIPS, [values.skips]);

function mustBeOneOf(option: string, choices: readonly string[], given: readonly string[]): void {
  const wrong = given.find((value) => !choices.includes(value));
  if (wrong !== undefined) refuseArguments(`there is no "${wrong}" for ${option}`, `Use ${choices.join(", ")}.`);
}

const suites: Suite[] = [
  ...values.board.map((name) => ({
    kind: "specs",
    title: `firmware specs on board ${name} (as-pect)`,
    run: () => runSpecs(loadBoard(name), wanted, out),
  })),
  { kind: "cargo", title: "engine and netstack (cargo test)", run: () => runCargo(out) },
  {
    kind: "node",
    title: "host, emulator, conformance, fuzz (node --test)",
    run: () => runNodeTests(wanted, values.without, out),
  },
];

let total = NOTHING;
const lines: string[] = [];
for (const { kind, title, run } of suites) {
  if (values.only ? !values.only.includes(kind) : wanted.length > 0 && kind === "cargo") continue;
  out.write(`\n== ${title}\n`);
  const started = Date.now();
  let tally = await run();
  // A suite that finds no test must not pass unseen; looking for some tests by name may well miss a suite.
  if (wanted.length === 0 && tally.passed + tally.failed === 0) {
    out.write("It ran no test.\n");
    tally = add(tally, { passed: 0, failed: 1, skipped: 0 });
  }
  lines.push(`${title}: ${describe(tally)} in ${Math.round((Date.now() - started) / 1000)} s`);
  total = add(total, tally);
}
out.write(`\n${lines.join("\n")}\n\n`);
if (total.skipped > 0) {
  const forbidden = values.skips === "fail";
  out.write(`${total.skipped} skipped, for the reasons above${forbidden ? "; nothing may be skipped here, so each counts as failed" : ""}\n`);
  total = { passed: total.passed, failed: total.failed + (forbidden ? total.skipped : 0), skipped: 0 };
}
if (total.passed + total.failed === 0) out.write(`no test has ${wanted.join(" or ")} in its file's name\n`);
out.write(`${describe(total)}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
