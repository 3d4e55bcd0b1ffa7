/** `dobbs simulate` as a person uses it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { replayCommand } from "../../host/simulate/failure.ts";
import { generatePlan } from "../../host/simulate/generate.ts";
import { simulationText } from "../../host/simulate/report.ts";
import { noTotals } from "../../host/simulate/totals.ts";
import { assertFails, dobbs, dobbsJson, temporaryFolder } from "../cli/run.ts";

interface SimulateJson {
  readonly seeds: number;
  readonly asked: number;
  readonly connections: number;
  readonly reconfigurations: number;
  readonly faults: number;
  readonly violations: readonly { readonly seed: number; readonly replay: string; readonly kind: string }[];
  readonly branches: { readonly taken: number; readonly of: number; readonly missed: readonly string[] };
}

const folder = temporaryFolder();

test("a range of seeds: what they went through, as text and as JSON", () => {
  const report = dobbsJson<SimulateJson>(folder, "simulate", "--seeds", "11..12");
  assert.deepEqual([report.seeds, report.asked], [2, 2]);
  assert.deepEqual(report.violations, []);
  assert.ok(report.connections > 2 * 120 && report.reconfigurations > 6);
  assert.equal(report.branches.taken, report.branches.of - report.branches.missed.length);
  const { status, stdout } = dobbs(folder, "simulate", "--seeds", "11");
  assert.equal(status, 0);
  assert.match(stdout, /^ {2}seeds +1$/m);
  assert.match(stdout, /^ {2}violations +0$/m);
});

/** A plan whose flow waits for an end that never comes, in a file; managers that say little make its run short. */
function endless(name: string) {
  const { topology, ...plan } = generatePlan(11);
  const timing = { pollMs: 2_000, retryMs: 1_000, silentMs: 20_000, checkMs: 5_000 };
  const small = { ...topology, blades: topology.blades.filter(({ starts }) => starts).slice(0, 2), switches: topology.switches.slice(0, 1), failMs: null, timing };
  const flow = plan.flows.find(({ kind }) => kind === "tcp")!;
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ ...plan, topology: small, flows: [{ ...flow, steps: [{ do: "exchange", bytes: 10 }, { do: "await" }, { do: "close" }], vipPort: 80 }], faults: [], orders: [] }));
  return { path, flow };
}

/** What a run says that is to be run again. */
function replayOf(stdout: string): string {
  return /^(?: {2})?replay: dobbs (.*)$/m.exec(stdout)![1]!;
}

test("a plan that fails: exit status 1, and a trace that says what happened", () => {
  const { path, flow } = endless("endless.json");
  const { status, stdout } = dobbs(folder, "simulate", "--plan", path);
  assert.equal(status, 1);
  assert.match(stdout, new RegExp(`^seed 11: stuck at \\d+\\.\\d+s, flow ${flow.id}: open at step 1$`, "m"));
  assert.match(stdout, /reconfigured generation=1/);
  assert.match(stdout, /takes flow \d+ SYN seq/);
  const json = dobbs(folder, "simulate", "--plan", path, "--json");
  assert.equal(json.status, 1);
  const command = `simulate --plan ${path}`;
  assert.deepEqual((JSON.parse(json.stdout) as SimulateJson).violations.map(({ kind, replay }) => [kind, replay]), [["stuck", `dobbs ${command}`]]);
  assert.equal(replayOf(stdout), command);
  assert.equal(dobbs(folder, ...command.split(" ")).stdout, stdout);
});

test("what is to be run again is what ran: on the same board, and a path as a shell takes it", () => {
  const { path } = endless("it's endless.json");
  const { status, stdout } = dobbs(folder, "simulate", "--plan", "it's endless.json", "--board", "tiny");
  assert.equal(status, 1);
  assert.equal(replayOf(stdout), `simulate --plan 'it'\\''s endless.json' --board tiny`);
  const json = dobbs(folder, "simulate", "--plan", path, "--board", "tiny", "--json");
  assert.match((JSON.parse(json.stdout) as SimulateJson).violations[0]!.replay, / --board tiny$/);
  assert.equal(replayCommand({ seed: 7, board: "emulated" }), "dobbs simulate --seeds 7");
  assert.equal(replayCommand({ seed: 7, board: "tiny" }), "dobbs simulate --seeds 7 --board tiny");
});

test("seeds that were not begun in time are counted, and none at all is an error", () => {
  assert.match(simulationText({ ...noTotals(), seeds: 3 }, { seeds: 30 }), /^ {2}seeds +3 of 30 were begun; --minutes was over$/m);
  const json = dobbsJson<SimulateJson>(folder, "simulate", "--seeds", "11..40", "--minutes", "0.02", "--workers", "1");
  assert.equal(json.asked, 30);
  assert.ok(json.seeds > 0 && json.seeds < 30);
  const none = { status: 1, code: "E_SIMULATION_TIME", message: /0 of 2 seeds were begun/, mend: /--minutes/ } as const;
  assertFails(folder, ["simulate", "--seeds", "11..12", "--minutes", "0.0000001"], none);
});

test("what is no seed, no plan or no number of minutes is wrong usage", () => {
  const usage = { status: 2, code: "E_USAGE", mend: /dobbs simulate --help|dobbs <command> --help/ } as const;
  for (const seeds of ["5..3", "x", "-1", "1..", "1..99999999999"]) {
    assertFails(folder, ["simulate", "--seeds", seeds], { ...usage, message: /--seeds/ });
  }
  assertFails(folder, ["simulate", "--minutes", "0"], { ...usage, message: /--minutes/ });
  assertFails(folder, ["simulate", "--plan", "missing.json"], { status: 2, code: "E_PLAN", message: /missing\.json/, mend: /dobbs simulate/ });
  const wrong = { ...generatePlan(11), topology: {} };
  writeFileSync(join(folder, "wrong.json"), JSON.stringify(wrong));
  assertFails(folder, ["simulate", "--plan", "wrong.json"], { status: 2, code: "E_PLAN", message: /^wrong\.json: topology: "buckets" is missing$/, mend: /^Add "buckets"/ });
  const empty = { ...generatePlan(11), topology: { ...generatePlan(11).topology, blades: [] } };
  writeFileSync(join(folder, "empty.json"), JSON.stringify(empty));
  assertFails(folder, ["simulate", "--plan", "empty.json"], { status: 2, code: "E_PLAN", message: /^empty\.json: topology\.blades: /, mend: /blades/ });
  writeFileSync(join(folder, "none.json"), readFileSync(join(folder, "endless.json"), "utf8").slice(0, 100));
  assertFails(folder, ["simulate", "--plan", "none.json"], { status: 2, code: "E_PLAN", message: /none\.json/, mend: /dobbs simulate/ });
});
