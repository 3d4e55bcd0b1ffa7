/**
 * What the scenarios of other protocols must show: tunnels and QUIC connections live through scale-up and scale-down, over
 * both families, and a drained blade keeps its own until they are over.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { loadScenario, scenarioPath } from "../../host/emulator/scenario-file.ts";

/** Moved connections, at least. */
const MOVED_MIN = { ipv6: { uploads: 20, downloads: 20, tunnels: 20, quic: 20 }, "udp-scale": { tunnels: 40, quic: 40 } } as const;
const BROKEN_SHARE_MIN = 0.8;

for (const [name, least] of Object.entries(MOVED_MIN)) {
  describe(name, () => {
    const scenario = loadScenario(scenarioPath(name));
    const run = emulate({ scenario });

    test("is large enough to tell something", () => {
      assert.ok(run.clients >= 64 && run.connections >= 200);
      for (const [kind, count] of Object.entries(least)) {
        const moved = run.moved[kind as keyof typeof run.moved];
        assert.ok(moved >= count, `${moved} ${kind}`);
      }
      assert.ok(run.framesRedirected > 0);
    });

    test("no connection is broken, and every one comes to its end", () => {
      assert.deepEqual(faultsOf(run), []);
      assert.equal(run.outcomes.done, run.connections);
    });

    test("tunnels lose a datagram now and then while views differ, and no more", () => {
      assert.ok(run.datagramsLost < run.moved.tunnels, `${run.datagramsLost} for ${run.moved.tunnels} moves`);
    });

    test("the drained blade goes offline after the last of its connections", () => {
      assert.equal(run.offline.length, 1);
      const { live, cutAnnounced, atMs, lastClosedMs } = run.offline[0]!;
      assert.deepEqual({ live, cutAnnounced }, { live: 0, cutAnnounced: 0 });
      assert.ok(lastClosedMs! <= atMs);
    });

    test("whoever roams is still served", () => {
      const roaming = scenario.traffic.filter(({ migrateUs }) => migrateUs !== null);
      assert.equal(run.migrated, roaming.reduce((sum, { connections }) => sum + connections, 0));
    });

    test("without redirection the connections that have moved break", () => {
      const off = emulate({ scenario, redirect: false });
      assert.equal(off.framesRedirected, 0);
      assert.ok(off.moved.broken >= off.moved.alive * BROKEN_SHARE_MIN, `${off.moved.broken} of ${off.moved.alive} broke`);
    });

    test("V8 gives the same run as wasmtime, byte for byte; another seed gives another one", () => {
      const { engine, ...other } = emulate({ scenario, engine: "v8" });
      const { engine: _, ...expected } = run;
      assert.equal(engine, "v8");
      assert.deepEqual(other, expected);
      const seeded = emulate({ scenario, seed: scenario.seed + 1 });
      assert.notEqual(seeded.digest, run.digest);
      assert.deepEqual(faultsOf(seeded), []);
    });
  });
}
