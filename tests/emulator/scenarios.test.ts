/**
 * What the shipped scenarios must show: connections live through the moves of their buckets, nothing is lost, and the
 * same seed gives the same run on every engine.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { faultsOf } from "../../host/emulator/report.ts";
import type { RunReport } from "../../host/emulator/run-report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { loadScenario, parseScenario, scenarioPath, shippedScenarios } from "../../host/emulator/scenario-file.ts";

const NAMES = ["scale-up", "scale-down", "deadline", "vm", "stuck"];

const CLIENTS_MIN = 64;
const CONNECTIONS_MIN = 200;
const MOVED_MIN = 60;
const BROKEN_SHARE_MIN = 0.8;

/** Their runs with redirection, by name. */
const runs = new Map<string, RunReport>();

test("the scenarios are shipped under their file's name, the patent's first", () => {
  assert.deepEqual(shippedScenarios().map((path) => loadScenario(path).name), [...NAMES, "ipv6", "udp-scale"]);
});

for (const name of NAMES) {
  describe(name, () => {
    const scenario = loadScenario(scenarioPath(name));
    const run = emulate({ scenario });
    runs.set(name, run);
    const off = emulate({ scenario, redirect: false });

    test("is large enough to tell something", () => {
      assert.ok(run.clients >= CLIENTS_MIN, `${run.clients} clients`);
      assert.ok(run.connections >= CONNECTIONS_MIN, `${run.connections} connections`);
      assert.ok(run.moved.alive >= MOVED_MIN, `${run.moved.alive} moved`);
      assert.ok(run.moved.idle >= run.moved.alive / 2, `${run.moved.idle} of ${run.moved.alive} idle`);
      assert.ok(run.moved.uploads > 0 && run.moved.downloads > 0, "uploads and downloads both");
      assert.ok(run.framesRedirected > 0);
      assert.ok(run.bytes > 0);
    });

    test("no connection is reset, no payload byte is lost or changed, every one comes to its end", () => {
      assert.deepEqual(faultsOf(run), []);
      const { done, keeping, cut } = run.outcomes;
      assert.equal(done + keeping + cut, run.connections);
    });

    test("without redirection the connections that have moved break", () => {
      assert.equal(off.framesRedirected, 0);
      assert.ok(off.moved.alive >= MOVED_MIN);
      assert.ok(off.moved.broken >= off.moved.alive * BROKEN_SHARE_MIN, `${off.moved.broken} of ${off.moved.alive} broke`);
      // And no others, but for a few that were being opened or closed just then: what breaks them is the move.
      assert.ok(off.broken - off.moved.broken <= off.moved.alive / 50, `${off.broken} broke, ${off.moved.broken} of them moved`);
    });

    test("V8 gives the same run as wasmtime, byte for byte", () => {
      const { engine, ...other } = emulate({ scenario, engine: "v8" });
      const { engine: _, ...expected } = run;
      assert.equal(engine, "v8");
      assert.deepEqual(other, expected);
    });

    test("the same seed gives the same run again, another seed another one", () => {
      assert.deepEqual(emulate({ scenario }), run);
      const other = emulate({ scenario, seed: scenario.seed + 1 });
      assert.notEqual(other.digest, run.digest);
      assert.deepEqual(faultsOf(other), []);
    });
  });
}

test("scale-up: buckets are shared evenly in the end, and the newcomers serve", () => {
  const run = runs.get("scale-up")!;
  assert.deepEqual(Object.keys(run.bucketsBefore), ["dobbs-ferry"]);
  const counts = Object.values(run.bucketsAfter);
  assert.equal(counts.length, 3);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
});

test("scale-down: the draining blade reports offline after its last connection has closed, and not before", () => {
  const run = runs.get("scale-down")!;
  assert.equal(run.offline.length, 1);
  const [gone] = run.offline;
  assert.equal(gone!.blade, "ardsley");
  assert.equal(gone!.cutAnnounced, 0);
  assert.equal(gone!.live, 0);
  assert.ok(gone!.lastClosedMs! <= gone!.atMs);
  assert.equal(run.outcomes.cut, 0);
  assert.ok(!("ardsley" in run.bucketsAfter));
});

test("deadline: the connections that are cut are those that are announced, and no others", () => {
  const scenario = loadScenario(scenarioPath("deadline"));
  const run = runs.get("deadline")!;
  assert.equal(run.offline.length, 1);
  const [gone] = run.offline;
  assert.ok(gone!.cutAnnounced > 0);
  assert.equal(gone!.cutAnnounced, gone!.live);
  assert.equal(run.outcomes.cut, gone!.cutAnnounced);
  const drain = scenario.events.find((event) => event.kind === "drain")!;
  assert.ok(drain.kind === "drain" && gone!.atMs * 1_000 >= drain.atUs + drain.deadlineUs!, "not before the deadline");
});

describe("stuck: while the server that drains is stuck", () => {
  /** Before a client sends its SYN once more. */
  const REPEATED_MS = 1_000;

  test("no new connection waits for it, and what it has goes on after that", () => {
    const run = runs.get("stuck")!;
    assert.ok(run.opening.longestMs < REPEATED_MS / 10, `${run.opening.longestMs} ms`);
    assert.equal(run.moved.broken, 0);
    const stuck = loadScenario(scenarioPath("stuck")).events.find((event) => event.kind === "stall")!;
    assert.ok(stuck.kind === "stall" && run.offline[0]!.lastClosedMs! * 1_000 > stuck.atUs + stuck.forUs);
  });

  test("they do wait when it had no time to hand over its lists", () => {
    const text = readFileSync(scenarioPath("stuck"), "utf8").replace("at: 8s, stall", "at: 6025ms, stall");
    const run = emulate({ scenario: parseScenario(text, "early.yaml") });
    assert.deepEqual(faultsOf(run), []);
    assert.ok(run.opening.longestMs >= REPEATED_MS, `${run.opening.longestMs} ms`);
  });
});

test("vm: the frames of a blade's own VMs never go out to the switch and back", () => {
  const run = runs.get("vm")!;
  assert.deepEqual(Object.keys(run.bucketsBefore), ["dobbs-ferry/vm1", "dobbs-ferry/vm2"]);
  assert.ok(run.bucketsAfter["dobbs-ferry/vm2"]! > run.bucketsBefore["dobbs-ferry/vm2"]!);
  const { hop, resteer, final, local } = run.redirects;
  assert.deepEqual({ hop, resteer, final }, { hop: 0, resteer: 0, final: 0 });
  assert.equal(local, run.framesRedirected);
});
