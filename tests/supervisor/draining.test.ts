/** Blades that leave: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BucketState } from "../../host/management/commands.ts";
import type { HostSocket } from "../../host/supervisor/environment.ts";
import { ACK, ethernet, ETHERTYPE, FIN, tcp } from "../packets/packets.ts";
import { code, generations, statesOf } from "./probe.ts";
import { VIP, VMAC, World } from "./world.ts";

const HOUR_MS = 3_600_000;

describe("draining", () => {
  /** All the connections are ardsley's, which then has to share with dobbs-ferry, and is drained. */
  function draining(sockets: number) {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(sockets);
    world.grow("dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    return world;
  }

  test("a blade goes offline after its last connection has closed, and not before", () => {
    const world = draining(40);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 16 });
    world.clock.advance(10_000);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 1);
    world.clock.advance(10_000);
    assert.deepEqual(world.offline, []);
    assert.equal(world.manager.status().owners.find(({ name }) => name === "ardsley")!.previous, 1);
    const closedAt = world.clock.now();
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.ok(world.events("offline")[0]!.at > closedAt);
    assert.deepEqual(generations(world).slice(0, 2), [
      world.manager.status().generation,
      world.manager.status().generation,
    ]);
  });

  for (const state of ["half-open", "closing"] as const) {
    test(`a ${state} connection is live`, () => {
      const world = draining(1);
      world.host("ardsley").sockets = world.host("ardsley").sockets.map((socket) => ({ ...socket, state }));
      world.clock.advance(5_000);
      assert.deepEqual(world.offline, []);
    });
  }

  for (const state of ["closing", "established"] as const) {
    test(`a connection that is ${state} and says nothing holds it for hours, and its next segment finds its host`, () => {
      const world = new World({ timing: { pollMs: 20_000, checkMs: 20_000, silentMs: 60_000 } });
      world.grow("ardsley");
      world.host("ardsley").open(1, state);
      world.grow("dobbs-ferry");
      assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)), null);
      world.clock.advance(4 * HOUR_MS);
      assert.deepEqual(world.offline, []);
      const [{ client, clientPort }] = world.host("ardsley").sockets as [HostSocket];
      const segment = tcp({ source: client, destination: VIP }, { sourcePort: clientPort, destinationPort: 80 }, FIN | ACK);
      const frame = ethernet({ destination: VMAC, source: "06:00:00:00:00:01" }, ETHERTYPE.ipv4, segment);
      assert.equal(world.node("ardsley").process(0, frame, world.clock.now()).verdict, "DELIVER");
      assert.equal(world.node("dobbs-ferry").process(0, frame, world.clock.now()).verdict, "REDIRECT");
      world.host("ardsley").sockets = [];
      world.clock.advance(120_000);
      assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    });
  }

  test("a connection in time-wait is not live", () => {
    const world = draining(1);
    world.host("ardsley").sockets = world
      .host("ardsley")
      .sockets.map((socket) => ({ ...socket, state: "time-wait" as const }));
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("a connection that turns up between the seal and the second look keeps the bucket", () => {
    const world = draining(1);
    const host = world.host("ardsley");
    const [late] = host.sockets;
    host.sockets = [];
    // The first look finds nothing and seals; the second one finds it.
    host.onRead = () => {
      host.onRead = () => (host.sockets = [late!]);
    };
    const bucketStates = (): BucketState[] => statesOf(world, "ardsley").filter(({ index }) => index > 0);
    assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
    world.clock.advance(30);
    assert.ok(
      bucketStates().some(({ rows, complete, sealed }) => rows === 1 && complete && !sealed),
      "at once, not at the next look",
    );
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, []);
    const held = bucketStates();
    assert.deepEqual(
      held.map(({ rows, complete, sealed }) => ({ rows, complete, sealed })),
      [{ rows: 1, complete: true, sealed: false }],
    );
    host.onRead = () => undefined;
    host.sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("a frame that was between NIC and host at the seal is waited for", () => {
    const world = draining(1);
    const host = world.host("ardsley");
    host.queueMs = 50;
    world.clock.advance(1_000);
    const [late] = host.sockets;
    host.sockets = [];
    assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
    world.clock.advance(host.queueMs - 1);
    host.sockets = [late!];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, []);
    assert.equal(statesOf(world, "ardsley").filter(({ index, rows }) => index > 0 && rows === 1).length, 1);
  });

  test("a handshake that is cut short is taken up where it was, in use or not", () => {
    for (const inUse of [true, false]) {
      const world = draining(1);
      world.clock.advance(1_000);
      const host = world.host("ardsley");
      const [socket] = host.sockets;
      host.sockets = [];
      const held = (): BucketState[] => statesOf(world, "ardsley").filter(({ index }) => index > 0);
      assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
      world.options = { drops: (node) => node === "ardsley" };
      world.clock.advance(1_000);
      assert.deepEqual(
        held().map(({ complete, sealed }) => ({ complete, sealed })),
        [{ complete: false, sealed: true }],
      );
      if (inUse) host.sockets = [socket!];
      world.options = {};
      world.clock.advance(2_000);
      if (inUse)
        assert.deepEqual(
          held().map(({ rows, complete, sealed }) => ({ rows, complete, sealed })),
          [{ rows: 1, complete: true, sealed: false }],
        );
      else assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    }
  });

  test("dead rows are removed from the buckets that stay", () => {
    const world = draining(120);
    const host = world.host("ardsley");
    world.clock.advance(500);
    const rows = (): number =>
      statesOf(world, "ardsley").reduce((sum, { index, rows }) => sum + (index > 0 ? rows : 0), 0);
    assert.equal(rows(), 120);
    host.sockets = host.sockets.slice(0, 60);
    world.clock.advance(500);
    assert.equal(rows(), 120, "a frame may be on its way");
    world.clock.advance(7_000);
    assert.equal(rows(), 60);
    assert.equal(
      world.events("tidied").reduce((sum, { details }) => sum + Number(details["rows"]), 0),
      60,
    );
  });

  test("at its deadline a blade is cut off, and the connections that it had are counted", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(33);
    world.grow("dobbs-ferry");
    const begun = world.clock.now();
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 5_000, on)),
      null,
    );
    world.clock.advance(4_800);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 12);
    world.clock.advance(1_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 12 }]);
    assert.deepEqual(
      world.events("deadline").map(({ details }) => details),
      [{ blade: "ardsley", cut: 12 }],
    );
    assert.ok(world.events("deadline")[0]!.at - begun >= 5_000);
  });

  test("a deadline that is not needed cuts nothing", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 5_000, on)),
      null,
    );
    world.clock.advance(20_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.deepEqual(world.events("deadline"), []);
  });

  test("at its deadline a blade that does not answer is cut off with what it said last", () => {
    const world = draining(21);
    world.clock.advance(1_000);
    world.blades.get("ardsley")!.manager.stop();
    assert.equal(
      world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)),
      null,
    );
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 21 }]);
    assert.deepEqual(
      world.manager.status().blades.map(({ name }) => name),
      ["dobbs-ferry"],
    );
  });

  test("a blade that is removed while its drain is being announced is cut off when that is done", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(9);
    world.grow("dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.manager.status().phase === "install", 1_000));
    assert.equal(
      world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)),
      null,
    );
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 9 }]);
  });

  test("a blade that comes back under another number owns nothing until it has the new assignment", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.offline.length > 0, 10_000));
    world.manager.removeBlade("ardsley");
    // Takes ardsley's number. The next that is free is 2, which in ardsley's old assignment nobody had.
    world.grow("hartsdale");
    assert.equal(code(world.outcomeOf((on) => world.manager.drainBlade("dobbs-ferry", null, on))), "null");
    assert.ok(world.clock.until(() => world.offline.length > 1, 10_000));
    world.manager.removeBlade("dobbs-ferry");
    // Number 1 is free now, and was dobbs-ferry's, who owns everything in ardsley's old assignment.
    world.manager.addBlades([world.blades.get("ardsley")!.blade]);
    assert.ok(world.untilHad("ardsley", "PUT", 1_000));
    assert.ok(statesOf(world, "ardsley").every(({ index }) => index === -1));
    world.clock.advance(1_000);
    assert.deepEqual(world.current(), { ardsley: 8, hartsdale: 8 });
    assert.equal(statesOf(world, "ardsley").filter(({ index }) => index === 0).length, 8);
  });

  test("so does one whose traffic manager was started anew since, and knows nothing of its IPD", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.offline.length > 0, 10_000));
    world.manager.removeBlade("ardsley");
    const old = generations(world)[0];
    world.grow("hartsdale");
    world.manager.drainBlade("dobbs-ferry");
    assert.ok(world.clock.until(() => world.offline.length > 1, 10_000));
    world.manager.removeBlade("dobbs-ferry");
    world.restartTrafficManager("ardsley");
    world.manager.addBlades([world.blades.get("ardsley")!.blade]);
    // Filter rules, stations, and then who it is: no owner that its old assignment knows.
    for (let put = 0; put < 3; put++) assert.ok(world.untilHad("ardsley", "PUT", 1_000));
    assert.equal(generations(world)[0], old);
    assert.ok(statesOf(world, "ardsley").every(({ index }) => index === -1));
    world.clock.advance(1_000);
    assert.deepEqual(world.current(), { ardsley: 8, hartsdale: 8 });
  });

  test("the last active blade is not drained", () => {
    const world = new World();
    world.grow("ardsley");
    assert.equal(code(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on))), "E_NO_ACTIVE_MEMBER");
    assert.equal(world.manager.status().blades[0]!.status, "active");
  });

  test("a blade that has gone offline and was switched off comes back with nothing in it, before anything else has changed", () => {
    const world = draining(0);
    assert.ok(world.clock.until(() => world.offline.length > 0, 5_000));
    world.restartShim("ardsley");
    world.restartTrafficManager("ardsley");
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)), null);
    assert.equal(world.current()["ardsley"], 8);
  });

  test("a blade that has gone offline comes back under its name", () => {
    const world = draining(3);
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.equal(world.offline.length, 1);
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)),
      null,
    );
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8 });
  });
});
