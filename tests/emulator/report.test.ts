import assert from "node:assert/strict";
import { test } from "node:test";
import { demoFaults, demoJson, demoSummaryText } from "../../host/emulator/demo.ts";
import { faultsOf, runText } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import type { RunReport } from "../../host/emulator/run-report.ts";
import { smallScenario } from "./small.ts";

const on = emulate({ scenario: smallScenario() });
const off = emulate({ scenario: smallScenario(), redirect: false });

test("a run's text tells what happened, the buckets before and after, and the counts", () => {
  const text = runText(on);
  assert.match(text, /^small: a second server joins\n/);
  assert.match(text, /^ +2\.000s {2}ordered: add ardsley$/m);
  assert.match(text, /generation 2 is in force, 8 buckets moved: ardsley 8, dobbs-ferry 8$/m);
  assert.match(text, /^ {2}dobbs-ferry {2}█+ 16 +█+ 8$/m);
  assert.match(text, /^ {2}ardsley {6}0 +█+ 8$/m);
  assert.match(text, new RegExp(`digest of all frames +${on.digest}$`, "m"));
  assert.doesNotMatch(text, /undefined|NaN|\[object/);
});

test("the comparison has a line for each scenario", () => {
  const text = demoSummaryText([{ on, off }]);
  const cells = text.split("\n").find((line) => line.trim().startsWith("small"))!.trim().split(/ {2,}/);
  const numbers = [on.connections, on.moved.alive, on.framesRedirected, 0, off.outcomes.reset].map((n) => n.toLocaleString("en-US"));
  assert.deepEqual(cells, ["small", ...numbers, "wasmtime"]);
  assert.ok(off.outcomes.reset > 0);
});

test("the JSON document has the fields that programs rely on", () => {
  const { engine, scenarios } = demoJson("wasmtime", [{ on, off }]);
  assert.equal(engine, "wasmtime");
  const { name, connections, movedAlive, framesRedirected, resets, resetsWithoutRedirection, bytes, digest } = scenarios[0]!;
  assert.deepEqual(
    { name, connections, movedAlive, framesRedirected, resets, resetsWithoutRedirection, bytes, digest },
    {
      name: "small",
      connections: 32,
      movedAlive: on.moved.alive,
      framesRedirected: on.framesRedirected,
      resets: 0,
      resetsWithoutRedirection: off.outcomes.reset,
      bytes: on.bytes,
      digest: on.digest,
    },
  );
  assert.deepEqual(JSON.parse(JSON.stringify(scenarios[0])), scenarios[0]);
});

test("faults: whatever went wrong is told, an announced cut is not one", () => {
  assert.deepEqual(faultsOf(on), []);
  assert.deepEqual(demoFaults([{ on, off }]), []);
  const gone = { blade: "ardsley", atMs: 5_000, cutAnnounced: 2, live: 2, lastClosedMs: 4_000 };
  assert.deepEqual(faultsOf({ ...on, offline: [gone] }), []);
  const bad: RunReport = {
    ...on,
    outcomes: { ...on.outcomes, reset: 1, corrupt: 2, stalled: 3 },
    refusals: ["drain x: no"],
    offline: [{ ...gone, live: 3 }],
  };
  assert.deepEqual(faultsOf(bad), [
    "small: 1 connections are reset",
    "small: 2 connections are corrupt",
    "small: 3 connections are stalled",
    "small: refused: drain x: no",
    "small: ardsley went offline at 5.000s with 3 connections, and 2 were announced",
  ]);
});

test("payload bytes: every byte of every exchange arrived, once", () => {
  const idle = 16 * 2 * 500;
  const uploads = 16 * 9_000;
  assert.equal(on.bytes, idle + uploads);
});
