/** Weights at run time: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { code, histories, openOwn } from "./probe.ts";
import { World } from "./world.ts";

const THREE = ["ardsley", "dobbs-ferry", "hartsdale"] as const;
const FLOWS = 200;

const weigh = (world: World, weights: Readonly<Record<string, number>>) => world.outcomeOf((on) => world.manager.setWeights(weights, on));
const currents = (world: World): string[] => histories(world).map(([current]) => current!);

function three(options = {}): World {
  const world = new World({ buckets: 32, ...options });
  world.grow(...THREE);
  for (const [at, name] of THREE.entries()) openOwn(world, name, FLOWS, `10.${at + 1}`);
  world.clock.advance(1_000);
  return world;
}

describe("weights at run time", () => {
  test("move as few buckets as balance needs", () => {
    const world = three();
    assert.deepEqual(world.current(), { ardsley: 11, "dobbs-ferry": 11, hartsdale: 10 });
    const before = currents(world);
    assert.equal(weigh(world, { hartsdale: 2 }), null);
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8, hartsdale: 16 });
    assert.equal(currents(world).filter((name, bucket) => name !== before[bucket]).length, 6);
    assert.equal(weigh(world, { hartsdale: 2 }), null);
    assert.equal(world.events("reconfigured").at(-1)!.details["moved"], 0);
  });

  test("of 0: nothing new, what it has lives on, and it does not go offline", () => {
    const world = three();
    assert.equal(weigh(world, { ardsley: 0 }), null);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 16, hartsdale: 16 });
    world.clock.advance(30_000);
    assert.ok(histories(world).some((history) => history.includes("ardsley")));
    world.host("ardsley").sockets = [];
    world.clock.advance(5_000);
    assert.ok(histories(world).every((history) => !history.includes("ardsley")));
    assert.deepEqual(world.offline, []);
    const { status, weight } = world.manager.status().owners.find(({ name }) => name === "ardsley")!;
    assert.deepEqual([status, weight], ["active", 0]);
    assert.equal(weigh(world, { ardsley: 1 }), null);
    assert.equal(world.current()["ardsley"], 10);
  });

  test("of 0 for the last one that has any is refused", () => {
    const world = three();
    assert.equal(weigh(world, { ardsley: 0, "dobbs-ferry": 0 }), null);
    assert.equal(code(weigh(world, { hartsdale: 0 })), "E_NO_ACTIVE_MEMBER");
    assert.equal(world.current()["hartsdale"], 32);
  });

  test("of a blade are divided by its VMs, as in the appliance file", () => {
    const world = new World({ buckets: 32 });
    const blade = world.plug("ardsley", ["vm1", "vm2"]);
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([blade, world.plug("dobbs-ferry")], on)), null);
    assert.equal(weigh(world, { ardsley: 3 }), null);
    assert.deepEqual(world.current(), { "ardsley/vm1": 12, "ardsley/vm2": 12, "dobbs-ferry": 8 });
    assert.equal(weigh(world, { "ardsley/vm1": 0 }), null);
    assert.deepEqual(world.manager.status().owners.map(({ weight }) => weight), [0, 1.5, 1]);
  });

  test("outlive the appliance manager, and a rebalancing", () => {
    const saved: ApplianceState[] = [];
    const world = three({ store: { save: (state: ApplianceState) => void saved.push(state) } });
    assert.equal(weigh(world, { hartsdale: 2 }), null);
    world.life.end();
    world.restartManager(JSON.parse(JSON.stringify(saved.at(-1)!)) as ApplianceState);
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.rebalance(on)), null);
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8, hartsdale: 16 });
    world.grow("irvington");
    assert.deepEqual(world.current(), { ardsley: 7, "dobbs-ferry": 6, hartsdale: 13, irvington: 6 });
  });
});
