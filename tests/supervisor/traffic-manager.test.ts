/** Traffic managers at work: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generations, statesOf } from "./probe.ts";
import { World } from "./world.ts";

describe("a traffic manager", () => {
  test("makes the table complete again after its IPD has restarted", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(80);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const before = statesOf(world, "ardsley");
    world.node("ardsley").restart(world.clock.now());
    assert.ok(statesOf(world, "ardsley").every(({ complete, rows }) => !complete && rows === 0));
    world.clock.advance(1_000);
    assert.deepEqual(
      statesOf(world, "ardsley").filter(({ index }) => index > 0),
      before.filter(({ index }) => index > 0),
    );
  });

  test("does not call a table complete that a restart has emptied while it was being filled", () => {
    const world = new World();
    world.grow("ardsley");
    const host = world.host("ardsley");
    host.open(80);
    let restarts = 0;
    host.onRead = () => {
      // The rows are on their way to an image that has just been opened for them, and is none any more.
      const filling = statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && !complete);
      if (filling && restarts++ < 1) world.node("ardsley").restart(world.clock.now());
    };
    world.grow("dobbs-ferry");
    world.clock.advance(2_000);
    assert.ok(restarts > 0);
    assert.equal(world.events("look-failed").length, 1);
    assert.equal(world.events("completed").length, 1);
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index <= 0 || complete));
  });

  test("puts everything anew after its shim has been started anew", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(80);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now(), "empty");
    assert.equal(generations(world)[0], 0);
    world.clock.advance(1_000);
    assert.equal(generations(world)[0], 2);
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index === 0 || complete));
  });

  test("does not take a restart in the middle of the handshake for a proof", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(1);
    world.grow("dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    world.clock.advance(1_000);
    const host = world.host("ardsley");
    host.sockets = [];
    let restartedAt = 0;
    host.onRead = () => {
      // Step (c): what was sealed is not so any more.
      if (restartedAt > 0 || !statesOf(world, "ardsley").some(({ sealed }) => sealed)) return;
      restartedAt = world.clock.now();
      world.node("ardsley").restart(world.clock.now());
    };
    world.clock.advance(5_000);
    assert.ok(restartedAt > 0);
    const proof = world.events("drained").at(-1)!;
    assert.ok(proof.at > restartedAt + 100, `proved at ${proof.at}, restarted at ${restartedAt}`);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("makes a drained bucket complete again that a restart has emptied: new connections pass through it", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.clock.advance(1_000);
    // No proof arrives, so nothing is forgotten.
    world.options = { loses: (from, _, { kind }) => from === "ardsley" && kind === "sessions" };
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.events("drained").length > 0, 5_000));
    world.node("ardsley").restart(world.clock.now());
    assert.ok(statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && !complete));
    world.clock.advance(1_000);
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index <= 0 || complete));
    const [drained] = world.blades.get("ardsley")!.manager.status().drained;
    assert.equal(new Set(drained!.buckets).size, drained!.buckets.length, "each is told of once");
  });

  test("shares its session counts with its peers and the appliance manager", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.host("dobbs-ferry").open(25);
    world.clock.advance(1_000);
    const heard = world.blades.get("ardsley")!.manager.status().peers["dobbs-ferry"]!;
    assert.equal(
      heard.counts.reduce((sum, { live }) => sum + live, 0),
      25,
    );
    assert.equal(world.manager.status().owners.find(({ name }) => name === "dobbs-ferry")!.live, 25);
  });

  test("says when its IPD does not answer, and when it does again", () => {
    const world = new World();
    world.grow("ardsley");
    world.options = { drops: (node) => node === "ardsley" };
    world.clock.advance(1_000);
    assert.equal(world.manager.status().blades[0]!.healthy, false);
    world.options = {};
    world.clock.advance(1_000);
    assert.equal(world.manager.status().blades[0]!.healthy, true);
    assert.deepEqual(
      world.events("ipd-silent", "ipd-answers").map(({ event }) => event),
      ["ipd-silent", "ipd-answers"],
    );
  });

  test("that has stopped is called silent, and heard again", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.blades.get("ardsley")!.manager.stop();
    world.clock.advance(6_000);
    assert.equal(world.manager.status().blades[0]!.silent, true);
    world.blades.get("ardsley")!.manager.start();
    world.clock.advance(6_000);
    assert.deepEqual(
      world.events("silent", "heard-again").map(({ event, details }) => `${event} ${details["blade"]}`),
      ["silent ardsley", "heard-again ardsley"],
    );
  });

  for (const how of ["replayed", "empty"] as const) {
    test(`puts the connections of its current buckets back after its IPD was started anew (${how})`, () => {
      const world = new World();
      world.grow("ardsley");
      world.host("ardsley").open(50);
      const rows = (): number => statesOf(world, "ardsley").reduce((sum, state) => sum + state.rows, 0);
      world.clock.advance(1_000);
      assert.equal(rows(), 50);
      world.node("ardsley").restart(world.clock.now(), how);
      if (how === "replayed") assert.equal(rows(), 0);
      world.clock.advance(1_000);
      assert.equal(rows(), 50);
    });
  }

  test("waits for the queue before it puts a connection back: it may be closing", () => {
    const world = new World();
    world.grow("ardsley");
    const host = world.host("ardsley");
    host.queueMs = 80;
    host.open(1);
    const [socket] = host.sockets;
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    const looked = host.reads;
    assert.ok(world.clock.until(() => host.reads > looked, 1_000));
    world.clock.advance(40);
    host.sockets = [];
    world.clock.advance(1_000);
    assert.ok(statesOf(world, "ardsley").every(({ rows }) => rows === 0));
    host.sockets = [socket!];
    world.clock.advance(1_000);
    assert.equal(
      statesOf(world, "ardsley").reduce((sum, { rows }) => sum + rows, 0),
      1,
    );
  });

  test("tells the load of its host", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(500);
    assert.equal(world.manager.status().blades[0]!.load, 0.25);
  });
});
