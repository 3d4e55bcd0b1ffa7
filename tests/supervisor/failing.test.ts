/** Blades that fail: fenced at the switches first, then out of every history. Real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bucketsOf, code, generations, histories, openOwn, statesOf } from "./probe.ts";
import { World, type WorldOptions } from "./world.ts";

const THREE = ["ardsley", "dobbs-ferry", "hartsdale"] as const;

/** Three blades in service; all the connections are hartsdale's. */
function three(sockets = 0, options: WorldOptions = {}): World {
  const world = new World(options);
  world.grow(...THREE);
  world.host("hartsdale").open(sockets);
  world.clock.advance(1_500);
  return world;
}

const fail = (world: World, blade: string) => world.outcomeOf((on) => world.manager.failBlade(blade, on));
const statusOf = (world: World, blade: string) =>
  world.manager.status().blades.find(({ name }) => name === blade)!;

describe("a blade that fails", () => {
  test("is in no history, its buckets are the others', and what it had is counted", () => {
    const world = three(30);
    const before = histories(world);
    world.unplug("hartsdale");
    assert.equal(fail(world, "hartsdale"), null);
    const after = histories(world);
    assert.ok(after.every((history) => !history.includes("hartsdale")));
    assert.deepEqual(
      before.filter(([current]) => current !== "hartsdale"),
      after.filter((_, bucket) => before[bucket]![0] !== "hartsdale"),
      "nothing else has moved",
    );
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8, hartsdale: 0 });
    assert.deepEqual(world.failed, [{ blade: "hartsdale", cut: 30 }]);
    assert.deepEqual([statusOf(world, "hartsdale").status, statusOf(world, "hartsdale").fenced], ["failed", true]);
    assert.deepEqual(generations(world).slice(3), [2, 2]);
  });

  test("is fenced before any history changes, and no history changes while the active switch does not say so", () => {
    const world = three(5);
    world.options = { drops: (node) => node === "active" };
    const outcomes: unknown[] = [];
    world.manager.failBlade("hartsdale", (error) => outcomes.push(error));
    world.clock.advance(20_000);
    assert.deepEqual([world.manager.status().phase, outcomes], ["fence", []]);
    assert.deepEqual(generations(world).slice(0, 3), [1, 1, 1]);
    world.options = {};
    world.clock.advance(3_000);
    assert.deepEqual(outcomes, [null]);
    const events = world.events("fenced", "installed").slice(-2);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["fenced", "installed"],
    );
  });

  test("programs the switches itself when it lives, and nobody else does", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.clock.advance(500);
    // Dead, and nobody knows.
    world.unplug("dobbs-ferry");
    const outcomes: (Error | null)[] = [];
    world.manager.failBlade("ardsley", (error) => outcomes.push(error));
    assert.ok(world.clock.until(() => outcomes.length > 0, 30_000), world.manager.status().phase);
    assert.deepEqual(outcomes, [null]);
    assert.deepEqual([statusOf(world, "ardsley").status, statusOf(world, "ardsley").fenced], ["failed", true]);
    // Another one takes the dead one's buckets.
    world.grow("hartsdale");
    assert.equal(fail(world, "dobbs-ferry"), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 0, hartsdale: 16 });
  });

  test("does not wait for a standby switch that is silent", () => {
    const world = three();
    world.options = { drops: (node) => node === "standby" };
    world.manager.failBlade("hartsdale");
    assert.ok(world.clock.until(() => generations(world)[0] === 2, 2_000));
  });

  test("another switch can be made active while the fence waits for one that is dead", () => {
    const world = three();
    world.options = { drops: (node) => node === "active" };
    world.manager.failBlade("hartsdale");
    world.clock.advance(500);
    assert.equal(world.manager.status().phase, "fence");
    assert.equal(
      world.outcomeOf((on) => world.manager.activateSwitch("standby", on)),
      null,
    );
    assert.ok(world.clock.until(() => statusOf(world, "hartsdale").status === "failed", 5_000));
  });

  test("gets nothing when it is heard again, and serves when it is added again", () => {
    const world = three(20);
    assert.equal(fail(world, "hartsdale"), null);
    world.clock.advance(5_000);
    assert.deepEqual([generations(world)[2], world.manager.status().generation], [1, 2], "its IPD is as it was");
    world.host("hartsdale").sockets = [];
    const { blade } = world.blades.get("hartsdale")!;
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([blade], on)),
      null,
    );
    world.clock.advance(100);
    assert.deepEqual(
      [statusOf(world, "hartsdale").status, statusOf(world, "hartsdale").fenced],
      ["active", false],
    );
    assert.ok(world.current()["hartsdale"]! >= 5);
  });

  test("is not let in again while its host has connections from before: their clients may have opened them anew", () => {
    const world = three(20);
    assert.equal(fail(world, "hartsdale"), null);
    const { blade } = world.blades.get("hartsdale")!;
    const add = () => world.outcomeOf((on) => world.manager.addBlades([blade], on));
    const refusal = add();
    assert.equal(code(refusal), "E_LEFT_OVER");
    assert.match(refusal!.message, /hartsdale.* has \d+ connections from before.*ss -K/);
    assert.deepEqual([statusOf(world, "hartsdale").status, statusOf(world, "hartsdale").fenced], ["failed", true]);
    world.host("hartsdale").sockets = world.host("hartsdale").sockets.map((socket) => ({ ...socket, state: "time-wait" }));
    assert.equal(add(), null, "what is in time-wait answers for nobody");
  });

  test("leaves its buckets to none whose host has connections there from before, while their clients may have opened them anew elsewhere", () => {
    const world = new World({ buckets: 64 });
    world.grow("ardsley", "dobbs-ferry", "hartsdale", "rye");
    openOwn(world, "ardsley", 40);
    const sockets = [...world.host("ardsley").sockets];
    const clients = bucketsOf(world, "ardsley", sockets.map(({ client }) => client));
    assert.equal(fail(world, "ardsley"), null);
    world.host("ardsley").sockets = [];
    const { blade } = world.blades.get("ardsley")!;
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([blade], on)), null);
    // In buckets that it has not got back its host still has what it had; their clients have opened them anew.
    const strays = sockets.filter(({ client }) => !histories(world)[clients.get(client)!]!.includes("ardsley"));
    world.host("ardsley").sockets = strays;
    for (const socket of strays) world.host(histories(world)[clients.get(socket.client)!]![0]!).sockets.push({ ...socket });
    const buckets = [...new Set(strays.map(({ client }) => clients.get(client)!))];
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(buckets, "hartsdale", on)), null);
    world.clock.advance(1_500);
    world.unplug("hartsdale");
    assert.equal(fail(world, "hartsdale"), null);
    const after = histories(world);
    assert.deepEqual(buckets.filter((bucket) => after[bucket]!.includes("ardsley") && after[bucket]!.length > 1), []);
    assert.ok(world.current()["ardsley"]! > 8, "it gets others");
  });

  test("is not let in again, nor when its shim and its traffic manager were started anew, and its host was not", () => {
    const world = three(1);
    assert.equal(fail(world, "hartsdale"), null);
    world.restartShim("hartsdale");
    world.restartTrafficManager("hartsdale");
    world.clock.advance(1_000);
    const { blade } = world.blades.get("hartsdale")!;
    assert.equal(code(world.outcomeOf((on) => world.manager.addBlades([blade], on))), "E_LEFT_OVER");
  });

  test("that comes back has forgotten what it knew: others may have the same connections since", () => {
    const world = three();
    // What it knows is more than its sockets say, as with a connection whose host has gone down too.
    world.host("hartsdale").open(40);
    world.node("hartsdale").restart(world.clock.now());
    world.clock.advance(1_000);
    const rows = () => statesOf(world, "hartsdale").reduce((sum, { index, rows }) => sum + (index < 0 ? 0 : rows), 0);
    assert.ok(rows() > 0);
    assert.equal(fail(world, "hartsdale"), null);
    world.host("hartsdale").sockets = [];
    assert.ok(rows() > 0);
    const { blade } = world.blades.get("hartsdale")!;
    world.outcomeOf((on) => world.manager.addBlades([blade], on));
    assert.equal(generations(world)[2], 3);
    assert.equal(rows(), 0);
  });

  test("that comes back is let in at the switches only once it has the new assignment", () => {
    const world = three(0, { timing: { installMs: 1_000 } });
    assert.equal(fail(world, "hartsdale"), null);
    world.options = { loses: (_from, to, message) => to === "hartsdale" && message.kind === "install" };
    const { blade } = world.blades.get("hartsdale")!;
    world.outcomeOf((on) => world.manager.addBlades([blade], on));
    assert.equal(world.events("install-overdue").length, 1);
    world.clock.advance(2_000);
    assert.equal(statusOf(world, "hartsdale").fenced, true);
    const shut = (): boolean =>
      world.sent.flatMap(({ message }) => (message.kind === "switch" ? [message] : [])).at(-1)!.ports[3] === "shut";
    assert.ok(shut());
    world.options = {};
    world.clock.advance(2_000);
    assert.deepEqual([statusOf(world, "hartsdale").fenced, shut()], [false, false]);
  });

  test("can be forgotten by name, and its port stays shut", () => {
    const world = three();
    fail(world, "hartsdale");
    assert.equal(
      world.outcomeOf((on) => world.manager.removeBlade("hartsdale", on)),
      null,
    );
    assert.deepEqual(Object.keys(world.current()), ["ardsley", "dobbs-ferry"]);
    assert.equal(code(world.outcomeOf((on) => world.manager.rebalance(on))), "null");
    const orders = world.sent.flatMap(({ message }) => (message.kind === "switch" ? [message] : []));
    assert.equal(orders.at(-1)!.ports[3], "shut");
  });

  test("keeps nobody waiting who was waiting for it", () => {
    const world = three();
    world.unplug("hartsdale");
    const outcomes: string[] = [];
    world.manager.setWeights({ ardsley: 3 }, (error) => outcomes.push(`weights ${code(error)}`));
    world.clock.advance(50);
    const asked = world.clock.now();
    world.manager.failBlade("hartsdale", (error) => outcomes.push(`fail ${code(error)}`));
    assert.ok(world.clock.until(() => outcomes.length === 2, 1_000));
    assert.deepEqual(outcomes, ["weights E_BLADE_FAILED", "fail null"]);
    assert.ok(world.clock.now() - asked < 500);
  });

  test("while it drains ends its drain", () => {
    const world = three(10);
    world.outcomeOf((on) => world.manager.drainBlade("hartsdale", 60_000, on));
    assert.equal(fail(world, "hartsdale"), null);
    world.clock.advance(70_000);
    assert.deepEqual([world.events("deadline"), world.offline], [[], []]);
    assert.equal(statusOf(world, "hartsdale").status, "failed");
  });

  test("where there are no switches is taken out all the same", () => {
    const world = three(3, { switches: {} });
    assert.equal(fail(world, "hartsdale"), null);
    assert.deepEqual(world.failed, [{ blade: "hartsdale", cut: 3 }]);
  });
});

describe("several failures", () => {
  test("one after the other, the leader first", () => {
    const world = three(12);
    world.clock.advance(2_000);
    assert.equal(world.manager.status().leader, "ardsley");
    world.unplug("ardsley");
    assert.equal(fail(world, "ardsley"), null);
    assert.equal(world.manager.status().leader, "dobbs-ferry");
    world.unplug("dobbs-ferry");
    assert.equal(fail(world, "dobbs-ferry"), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 0, hartsdale: 16 });
    assert.ok(statesOf(world, "hartsdale").every(({ index }) => index === 0));
    const { generation } = world.manager.status();
    assert.deepEqual(generations(world).slice(2), [generation, generation, generation]);
  });

  test("the last one is refused, and nothing has changed", () => {
    const world = three();
    fail(world, "ardsley");
    fail(world, "dobbs-ferry");
    const { generation } = world.manager.status();
    assert.equal(code(fail(world, "hartsdale")), "E_NO_ACTIVE_MEMBER");
    assert.deepEqual([statusOf(world, "hartsdale").status, statusOf(world, "hartsdale").fenced], ["active", false]);
    assert.equal(world.manager.status().generation, generation);
  });

  test("a failed blade does not fail twice, nor an unknown one", () => {
    const world = three();
    fail(world, "ardsley");
    assert.equal(code(fail(world, "ardsley")), "E_BLADE_STATUS");
    assert.equal(code(fail(world, "nobody")), "E_BLADE_UNKNOWN");
  });
});

describe("failing by itself", () => {
  const FAIL_MS = 5_000;

  test("a blade that is silent for long enough is failed, and no other", () => {
    const world = three(7, { failMs: FAIL_MS });
    const silentFrom = world.clock.now();
    world.unplug("hartsdale");
    assert.ok(world.clock.until(() => world.failed.length > 0, 20_000, 10));
    assert.ok(world.clock.now() - silentFrom >= FAIL_MS - 200);
    world.clock.advance(20_000);
    assert.deepEqual(world.failed, [{ blade: "hartsdale", cut: 7 }]);
  });

  test("the last active one is not, and that is said once", () => {
    const world = new World({ failMs: FAIL_MS });
    world.grow("ardsley", "dobbs-ferry");
    world.host("dobbs-ferry").open(4);
    world.outcomeOf((on) => world.manager.drainBlade("dobbs-ferry", null, on));
    world.unplug("ardsley");
    world.clock.advance(30_000);
    assert.deepEqual(world.failed, []);
    assert.equal(world.events("refused").length, 1);
  });

  test("nobody is failed when nobody can be heard: it is the appliance manager that is cut off", () => {
    const world = three(0, { failMs: FAIL_MS });
    world.options = { loses: (from) => THREE.includes(from as "ardsley") };
    world.clock.advance(30_000);
    world.options = {};
    world.clock.advance(30_000);
    assert.deepEqual([world.failed, world.events("refused")], [[], []]);
    assert.equal(world.manager.status().phase, "idle");
  });

  test("nobody is failed when the appliance manager has slept, and they could not be heard", () => {
    const world = three(0, { failMs: FAIL_MS });
    world.life.sleep();
    world.clock.advance(30_000);
    // One of them comes through before the first timer does.
    world.manager.receive("ardsley", { kind: "installed", generation: 1 });
    world.life.wake();
    world.clock.advance(30_000);
    assert.deepEqual([world.failed, world.events("requested").slice(1)], [[], []]);
  });
});
