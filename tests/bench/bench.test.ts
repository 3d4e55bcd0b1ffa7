/** The bench's JSON, its checks of itself and its usage, on a very small run. Times are not looked at: they are the machine's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { CaseResult } from "../../host/bench/case.ts";
import type { BenchReport } from "../../host/bench/report.ts";
import { medianRatio, summary } from "../../host/bench/statistics.ts";
import { packagePath } from "../../host/paths.ts";

const BENCH = packagePath("build", "host", "bench", "main.js");
const ENGINES = ["wasmtime", "wasmtime-unbounded", "v8"];
const SCENARIOS = ["settled", "redirected", "own-new-flow", "syn-insert", "egress", "switch-steering"];
const FLOWS = 1_000;

function bench(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [BENCH, ...args], { encoding: "utf8" });
}

function assertUsage(args: readonly string[], message: RegExp): void {
  const { status, stdout, stderr } = bench(...args, "--json");
  assert.equal(status, 2, stderr);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; mend: string } };
  assert.equal(error.code, "E_USAGE");
  assert.match(error.message, message);
  assert.match(error.mend, /npm run bench -- --help/);
  assert.match(stderr, /^error E_USAGE: .*\n {2}mend: /);
}

const run = bench("--json", "--rounds", "2", "--flows", String(FLOWS));
const report = (): BenchReport => JSON.parse(run.stdout) as BenchReport;
const resultsOf = (scenario: string): readonly CaseResult[] => report().results.filter((result) => result.scenario === scenario);

test("--json prints one document, with a result for each scenario and order", () => {
  assert.equal(run.status, 0, run.stderr);
  const { board, batch, rounds, engines, machine, results } = report();
  assert.deepEqual({ board, batch, rounds, engines }, { board: "linux-x86_64", batch: 256, rounds: 2, engines: ENGINES });
  assert.equal(machine.node, process.versions.node);
  const cases = results.map(({ scenario, order }) => `${scenario} ${order}`);
  assert.deepEqual(cases, SCENARIOS.flatMap((scenario) => [`${scenario} hot`, `${scenario} random`]));
});

test("every engine has its median between its extremes, and a ratio to each other engine", () => {
  for (const { engines, flows } of report().results) {
    assert.equal(flows, FLOWS);
    assert.deepEqual(Object.keys(engines), ENGINES);
    for (const [name, { nsPerPacket, ratioTo }] of Object.entries(engines)) {
      const { lowest, median, highest } = nsPerPacket;
      assert.ok(lowest > 0 && lowest <= median && median <= highest, JSON.stringify(nsPerPacket));
      assert.deepEqual(Object.keys(ratioTo), ENGINES.filter((other) => other !== name));
      assert.ok(Object.values(ratioTo).every((ratio) => ratio > 0));
    }
  }
});

test("a packet alone takes at least as much fuel as its part of a batch", () => {
  for (const { scenario, fuel } of report().results) {
    assert.ok(fuel !== null && fuel.perPacket > 0 && fuel.worst >= fuel.perPacket, `${scenario}: ${JSON.stringify(fuel)}`);
  }
});

test("blades hold the flows that they are given, and a switch holds none", () => {
  for (const { scenario, rowsHeld } of report().results) {
    assert.equal(rowsHeld, scenario === "switch-steering" ? null : FLOWS, scenario);
  }
});

test("each scenario's frames go the way that its name says", () => {
  const expected: Record<string, Record<string, number>> = {
    settled: { EGRESS_OUT: 1 },
    redirected: { EGRESS_OUT: 1, REDIRECT_HOP: 1 },
    "own-new-flow": { EGRESS_OUT: 1 },
    "syn-insert": { EGRESS_OUT: 1, FLOW_INSERTED: 1, FLOW_OPENED: 1, FLOW_REMOVED: 1 },
    egress: { EGRESS_OUT: 1 },
  };
  for (const [scenario, events] of Object.entries(expected)) {
    for (const { eventsPerPacket, order } of resultsOf(scenario)) {
      const { MESSAGE_IN: _, ...rest } = eventsPerPacket;
      assert.deepEqual(rest, events, `${scenario} ${order}`);
    }
  }
});

test("the text has a line for each result, and says on what it was measured", () => {
  const { status, stdout } = bench("--rounds", "1", "--flows", "256", "--scenario", "switch-steering");
  assert.equal(status, 0);
  assert.match(stdout, /^ns a packet of the firmware alone: .* board linux-x86_64\.\n/);
  assert.ok(stdout.includes(`Node ${process.versions.node}`));
  const lines = stdout.split("\n").filter((line) => /^switch-steering +256 +- +(hot|random)( +\d+\.\d)+/.test(line));
  assert.equal(lines.length, 2, stdout);
});

test("wrong usage is E_USAGE, exit 2", () => {
  assertUsage(["--scenario", "settling"], /Allowed choices are settled, redirected/);
  assertUsage(["--rounds", "0"], /whole number from 1 to/);
  assertUsage(["--flows", "255"], /whole number from 256 to/);
  assertUsage(["--round", "1"], /unknown option '--round'/);
  assertUsage(["settled"], /too many arguments/);
});

test("--help has examples and exit codes", () => {
  const { status, stdout } = bench("--help");
  assert.equal(status, 0);
  assert.match(stdout, /^Examples:\n {2}npm run bench/m);
  assert.match(stdout, /^Exit codes: 0 /m);
});

test("a summary is the median and the extremes, whatever the order of the rounds", () => {
  assert.deepEqual(summary([30, 10, 20]), { median: 20, lowest: 10, highest: 30 });
  assert.deepEqual(summary([40, 10, 20, 30]), { median: 25, lowest: 10, highest: 40 });
});

test("a ratio is that of the same round: a machine that is slow for a round changes nothing", () => {
  assert.equal(medianRatio([20, 200, 20], [10, 100, 10]), 2);
  assert.equal(medianRatio([20, 200, 30], [10, 100, 10]), 2);
});
