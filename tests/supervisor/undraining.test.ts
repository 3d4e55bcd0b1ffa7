/** Drains that are cancelled: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { code, generations, histories, statesOf } from "./probe.ts";
import { World, type WorldOptions } from "./world.ts";

const FLOWS = 120;

/** Ardsley, with all the connections, drains towards dobbs-ferry. */
function draining(deadlineMs: number | null = null, options: WorldOptions = {}): World {
  const world = new World(options);
  world.grow("ardsley");
  world.host("ardsley").open(FLOWS);
  world.grow("dobbs-ferry");
  world.clock.advance(500);
  assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", deadlineMs, on)), null);
  return world;
}

const cancel = (world: World, blade = "ardsley") => world.outcomeOf((on) => world.manager.cancelDrain(blade, on));
const statusOf = (world: World, blade: string) => world.manager.status().blades.find(({ name }) => name === blade)!;

describe("a drain that is cancelled", () => {
  test("gives the blade its share again, and it has lost nothing", () => {
    const world = draining();
    world.host("dobbs-ferry").open(FLOWS, "established", "10.2");
    world.clock.advance(2_000);
    assert.equal(cancel(world), null);
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8 });
    assert.equal(statusOf(world, "ardsley").status, "active");
    world.clock.advance(1_000);
    // Whoever has connections in a bucket is in its history, and has its rows.
    const states = (blade: string) => statesOf(world, blade).filter(({ index }) => index >= 0);
    assert.equal(states("ardsley").reduce((sum, { rows }) => sum + rows, 0), FLOWS);
    const previous = states("dobbs-ferry").filter(({ index }) => index > 0);
    assert.ok(previous.length === 8 && previous.every(({ complete, rows }) => complete && rows > 0));
    assert.deepEqual(world.events("drain-cancelled").map(({ details }) => details), [{ blade: "ardsley", cut: 0 }]);
    world.clock.advance(60_000);
    assert.deepEqual([world.offline, world.manager.status().tally.cut], [[], { deadline: 0, failed: 0, forced: 0, flows: 0 }]);
    world.host("ardsley").sockets = [];
    world.host("dobbs-ferry").sockets = [];
    world.clock.advance(3_000);
    assert.ok(histories(world).every(({ length }) => length === 1));
  });

  test("has no deadline any more", () => {
    const world = draining(5_000);
    world.clock.advance(4_000);
    assert.equal(cancel(world), null);
    assert.equal(statusOf(world, "ardsley").deadline, null);
    world.clock.advance(20_000);
    assert.deepEqual([world.offline, world.events("deadline")], [[], []]);
    assert.equal(world.host("ardsley").sockets.length, FLOWS);
  });

  test("has no deadline any more when that came while it was waiting, and another drain has its own", () => {
    let areLost = false;
    const world = draining(4_000, { loses: (_from, _to, { kind }) => areLost && kind === "prepared" });
    world.clock.advance(2_500);
    areLost = true;
    const outcomes: (Error | null)[] = [];
    world.manager.setWeights({ "dobbs-ferry": 2 }, (error) => outcomes.push(error));
    world.manager.cancelDrain("ardsley", (error) => outcomes.push(error));
    world.manager.drainBlade("ardsley", 3_600_000, (error) => outcomes.push(error));
    world.clock.advance(2_000);
    areLost = false;
    world.clock.advance(20_000);
    assert.deepEqual([outcomes.map(code), world.offline, world.events("deadline")], [["null", "null", "null"], [], []]);
  });

  test("in the middle of the handshake leaves no bucket sealed", () => {
    const world = draining();
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 1);
    assert.ok(world.untilHad("ardsley", "SEAL", 2_000));
    assert.equal(cancel(world), null);
    world.clock.advance(2_000);
    const states = statesOf(world, "ardsley");
    assert.ok(states.every(({ sealed }) => !sealed));
    assert.equal(states.filter(({ index }) => index === 0).length, 8);
  });

  test("when the count at the deadline is being taken cuts nothing", () => {
    const world = draining(2_000, { loses: (_from, to, message) => to === "ardsley" && message.kind === "count" });
    world.clock.advance(2_100);
    assert.equal(cancel(world), null);
    world.clock.advance(5_000);
    assert.deepEqual([world.offline, world.events("deadline")], [[], []]);
    assert.equal(statusOf(world, "ardsley").status, "active");
  });

  test("when it is being cut comes too late: its port is shut, what was cut is counted, and it has to be added again", () => {
    const world = draining(2_000);
    // The fence cannot be put up yet.
    world.options = { drops: (node) => node === "active" };
    assert.ok(world.clock.until(() => world.manager.status().phase === "fence", 4_000));
    const outcomes: (string | null)[] = [];
    world.manager.cancelDrain("ardsley", (error) => outcomes.push(error && error.code));
    world.options = {};
    assert.ok(world.clock.until(() => outcomes.length > 0, 8_000));
    assert.deepEqual(outcomes, ["E_BLADE_STATUS"]);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: FLOWS }]);
    assert.equal(world.manager.status().tally.cut.deadline, FLOWS);
    assert.equal(statusOf(world, "ardsley").fenced, true);
  });

  test("when it has been cut, and not every blade has said yet that it knows, comes too late as well", () => {
    const world = draining(2_000);
    world.options = { loses: (from, _to, message) => from === "dobbs-ferry" && message.kind === "sessions" };
    assert.ok(world.clock.until(() => world.events("forgot").length > 0, 8_000));
    assert.deepEqual([statusOf(world, "ardsley").status, world.offline], ["draining", []]);
    assert.equal(code(cancel(world)), "E_BLADE_STATUS");
    world.options = {};
    assert.ok(world.clock.until(() => world.offline.length > 0, 8_000));
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: FLOWS }]);
  });

  test("of a blade that does not answer is refused, and it goes on draining", () => {
    const world = draining();
    world.unplug("ardsley");
    world.clock.advance(5_000);
    assert.equal(code(cancel(world)), "E_PREPARE_OVERDUE");
    assert.equal(statusOf(world, "ardsley").status, "draining");
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 16 });
  });

  test("and announced anew goes on with what there is", () => {
    const world = draining();
    for (let i = 0; i < 3; i++) {
      assert.equal(cancel(world), null);
      assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)), null);
    }
    world.clock.advance(2_000);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    const { generation } = world.manager.status();
    assert.deepEqual(generations(world).slice(0, 2), [generation, generation]);
  });
});

describe("what cannot be cancelled is refused", () => {
  test("a blade that does not drain, one that is offline, one that nobody knows", () => {
    const world = draining();
    assert.equal(code(cancel(world, "dobbs-ferry")), "E_BLADE_STATUS");
    assert.equal(code(cancel(world, "nobody")), "E_BLADE_UNKNOWN");
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.equal(world.offline.length, 1);
    assert.equal(code(cancel(world)), "E_BLADE_STATUS");
  });

  test("a drain that a removal has ended", () => {
    const world = draining(null, { loses: (_from, to, message) => to === "ardsley" && message.kind === "count" });
    const removed: string[] = [];
    world.manager.removeBlade("ardsley", (error) => removed.push(code(error)));
    assert.equal(code(cancel(world)), "E_BLADE_LEAVING");
    assert.ok(world.clock.until(() => removed.length > 0, 5_000));
    assert.deepEqual([removed, world.offline], [["null"], [{ blade: "ardsley", cut: FLOWS }]]);
  });

  test("and a removal that comes while a drain is being cancelled is refused itself", () => {
    const world = draining();
    const outcomes: string[] = [];
    world.manager.cancelDrain("ardsley", (error) => outcomes.push(`cancel ${code(error)}`));
    world.manager.removeBlade("ardsley", (error) => outcomes.push(`remove ${code(error)}`));
    assert.ok(world.clock.until(() => outcomes.length === 2, 5_000));
    assert.deepEqual(outcomes.toSorted(), ["cancel null", "remove E_BLADE_STATUS"]);
    world.clock.advance(5_000);
    assert.deepEqual([world.offline, statusOf(world, "ardsley").status], [[], "active"]);
  });
});

test("an appliance manager that is killed while it cancels a drain has cancelled it when it is back", () => {
  const saved: ApplianceState[] = [];
  const world = draining(30_000, { store: { save: (state) => void saved.push(state) } });
  const from = saved.length;
  world.manager.cancelDrain("ardsley");
  world.clock.advance(2_000);
  const last = saved.length;
  assert.ok(last - from > 4);
  for (let kill = from; kill < last; kill++) {
    const again = draining(30_000, { store: { save: () => undefined } });
    const states: ApplianceState[] = [];
    again.options.store!.save = (state) => void states.push(state);
    again.manager.cancelDrain("ardsley");
    assert.ok(again.clock.until(() => states.length > kill - from, 5_000));
    again.life.end();
    again.restartManager(states[kill - from]!);
    again.clock.advance(5_000);
    assert.deepEqual(again.current(), { ardsley: 8, "dobbs-ferry": 8 }, `killed at step ${kill - from}`);
    assert.deepEqual([statusOf(again, "ardsley").status, statusOf(again, "ardsley").deadline], ["active", null]);
  }
});
