/** Who is declared failed, by whom, and how often that was wrong: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { code, histories, openOwn } from "./probe.ts";
import { World, type WorldOptions } from "./world.ts";

const THREE = ["ardsley", "dobbs-ferry", "hartsdale"] as const;
const FAIL_MS = 5_000;

/** All the connections are hartsdale's. */
function three(options: WorldOptions = {}): World {
  const world = new World(options);
  world.grow(...THREE);
  openOwn(world, "hartsdale", 20);
  world.clock.advance(1_500);
  return world;
}

const statusOf = (world: World, blade: string) => world.manager.status().blades.find(({ name }) => name === blade)!;
const declared = (world: World): [number, number] => {
  const { declared: all, declaredFalsely } = world.manager.status().tally;
  return [all, declaredFalsely];
};

describe("a blade that was declared failed", () => {
  test("and had its plug pulled was declared rightly", () => {
    const world = three({ failMs: FAIL_MS });
    world.unplug("hartsdale");
    world.clock.advance(20_000);
    assert.deepEqual([declared(world), statusOf(world, "hartsdale").alive], [[1, 0], false]);
    assert.equal(world.manager.status().tally.cut.failed, 20);
    // A new traffic manager, that knows of nothing: the host was started anew.
    world.restartTrafficManager("hartsdale");
    world.clock.advance(5_000);
    assert.deepEqual(declared(world), [1, 0]);
  });

  test("and was only cut off from the appliance manager was declared falsely, once", () => {
    const world = three({ failMs: FAIL_MS });
    world.options = { ...world.options, loses: (from) => from === "hartsdale" };
    assert.ok(world.clock.until(() => world.failed.length > 0, 20_000, 10));
    assert.deepEqual(declared(world), [1, 0]);
    world.options = {};
    world.clock.advance(10_000);
    assert.deepEqual([declared(world), statusOf(world, "hartsdale").alive], [[1, 1], true]);
    assert.deepEqual(world.events("declared-falsely").map(({ details }) => details), [{ blade: "hartsdale", live: 20 }]);
    assert.ok(histories(world).every((history) => !history.includes("hartsdale")), "it gets nothing all the same");
  });

  test("by an operator, though it lives, counts too; added again and failed again it counts again", () => {
    const world = three();
    for (let times = 1; times <= 2; times++) {
      assert.equal(world.outcomeOf((on) => world.manager.failBlade("hartsdale", on)), null);
      world.clock.advance(2_000);
      assert.deepEqual(declared(world), [times, times]);
      const { blade } = world.blades.get("hartsdale")!;
      world.host("hartsdale").sockets = [];
      assert.equal(world.outcomeOf((on) => world.manager.addBlades([blade], on)), null);
      world.clock.advance(2_000);
      assert.equal(statusOf(world, "hartsdale").alive, false);
    }
  });
});

describe("a blade whose NIC does not answer it", () => {
  test("is failed as a silent one is: it cannot serve, whatever its traffic manager says", () => {
    const world = three({ failMs: FAIL_MS });
    world.options = { ...world.options, drops: (node) => node === "hartsdale" };
    assert.ok(world.clock.until(() => world.failed.length > 0, 20_000, 10));
    assert.deepEqual(world.failed, [{ blade: "hartsdale", cut: 20 }]);
    assert.deepEqual(world.events("given-up").map(({ details }) => [details["blade"], details["why"]]), [["hartsdale", "its NIC does not answer"]]);
    world.clock.advance(5_000);
    assert.deepEqual(declared(world), [1, 0]);
    world.options = {};
    world.clock.advance(5_000);
    assert.deepEqual(declared(world), [1, 1], "only its management was cut off");
  });

  test("is not failed when it answers again in time", () => {
    const world = three({ failMs: FAIL_MS });
    for (let i = 0; i < 5; i++) {
      world.options = { ...world.options, drops: (node) => node === "hartsdale" };
      world.clock.advance(3_000);
      world.options = {};
      world.clock.advance(3_000);
    }
    assert.deepEqual([world.failed, declared(world)], [[], [0, 0]]);
  });

  test("is not failed when that is so of all: it is something else that is wrong", () => {
    const world = three({ failMs: FAIL_MS });
    world.options = { ...world.options, drops: (node) => THREE.includes(node as "ardsley") };
    world.clock.advance(30_000);
    assert.deepEqual(world.failed, []);
  });
});

describe("a silent blade that nobody has failed", () => {
  test("keeps its buckets, and gets no others: it would not know of them", () => {
    const world = three();
    world.unplug("hartsdale");
    world.clock.advance(3_000);
    assert.deepEqual(world.current(), { ardsley: 6, "dobbs-ferry": 5, hartsdale: 5 });
    assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 11, hartsdale: 5 });
    assert.equal(code(world.outcomeOf((on) => world.manager.moveBuckets([0], "hartsdale", on))), "E_OWNER_SILENT");
    world.grow("irvington");
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 6, hartsdale: 5, irvington: 5 });
    // Of one that fails it inherits nothing either.
    world.unplug("irvington");
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("irvington", on)), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 11, hartsdale: 5, irvington: 0 });
    world.restartTrafficManager("hartsdale");
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.rebalance(on)), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 8, hartsdale: 8, irvington: 0 });
  });
});

describe("a blade that drains, and cannot be told that buckets are not its own any more", () => {
  /** Hartsdale is silent, and believes that everything is as it was. */
  function silent(options: WorldOptions = {}): World {
    const world = three(options);
    world.unplug("hartsdale");
    world.clock.advance(3_000);
    assert.equal(world.outcomeOf((on) => world.manager.drainBlade("hartsdale", 2_000, on)), null);
    return world;
  }

  test("leaves at its deadline fenced first, like a failed one", () => {
    const world = silent();
    world.options = { drops: (node) => node === "active" };
    world.clock.advance(10_000);
    assert.equal(world.manager.status().phase, "fence");
    assert.ok(histories(world).some((history) => history.includes("hartsdale")));
    world.options = {};
    assert.ok(world.clock.until(() => world.offline.length > 0, 5_000));
    assert.deepEqual([world.failed, world.offline], [[], [{ blade: "hartsdale", cut: 20 }]]);
    assert.deepEqual([statusOf(world, "hartsdale").status, statusOf(world, "hartsdale").fenced], ["offline", true]);
    assert.deepEqual(world.manager.status().tally.cut, { deadline: 20, failed: 0, forced: 0, flows: 0 });
  });

  test("so too when it is removed, and then it is forgotten", () => {
    const world = silent();
    assert.equal(code(world.outcomeOf((on) => world.manager.removeBlade("hartsdale", on))), "null");
    assert.deepEqual(Object.keys(world.current()), ["ardsley", "dobbs-ferry"]);
    assert.deepEqual(world.offline, [{ blade: "hartsdale", cut: 20 }]);
  });

  test("waits behind its deadline while nobody at all is heard", () => {
    const world = silent();
    world.options = { loses: (from) => THREE.includes(from as "ardsley") };
    world.clock.advance(20_000);
    assert.deepEqual([world.failed, world.offline], [[], []]);
    world.options = {};
    assert.ok(world.clock.until(() => world.offline.length > 0, 5_000));
  });

  test("goes offline as usual when it is heard before", () => {
    const world = silent();
    world.restartTrafficManager("hartsdale");
    assert.ok(world.clock.until(() => world.offline.length > 0, 10_000));
    assert.deepEqual([world.failed, world.offline], [[], [{ blade: "hartsdale", cut: 20 }]]);
  });
});
