/** Lost messages, and requests that do not fit: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { code, generations } from "./probe.ts";
import { randomOf } from "./random.ts";
import { World } from "./world.ts";

describe("faults", () => {
  test("lost and repeated messages everywhere delay a reconfiguration, and change nothing of its end", () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = randomOf(seed);
      const world = new World({ timing: { prepareMs: 60_000, installMs: 60_000 } });
      world.grow("ardsley");
      world.host("ardsley").open(60);
      world.grow("dobbs-ferry");
      world.options = { loses: () => random(4) === 0, drops: () => random(10) === 0 };
      const hartsdale = world.plug("hartsdale");
      assert.equal(
        world.outcomeOf((on) => world.manager.addBlades([hartsdale], on), 60_000),
        null,
        `seed ${seed}`,
      );
      assert.equal(
        world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on), 60_000),
        null,
        `seed ${seed}`,
      );
      world.clock.advance(5_000);
      assert.deepEqual(world.offline, [], `seed ${seed}`);
      world.host("ardsley").sockets = [];
      assert.ok(
        world.clock.until(() => world.offline.length > 0, 60_000, 50),
        `seed ${seed}: offline`,
      );
      assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 8, hartsdale: 8 }, `seed ${seed}`);
      world.options = {};
      world.clock.advance(10_000);
      const { generation } = world.manager.status();
      assert.deepEqual(generations(world).slice(1, 3), [generation, generation], `seed ${seed}`);
    }
  });

  test("the same seed gives the same run, message by message", () => {
    const run = (): string => {
      const random = randomOf(5);
      const world = new World({ loses: () => random(6) === 0 });
      world.grow("ardsley", "dobbs-ferry");
      world.host("ardsley").open(40);
      world.manager.drainBlade("ardsley", 3_000);
      world.clock.advance(6_000);
      return JSON.stringify([world.sent, world.notes]);
    };
    assert.equal(run(), run());
  });
});

describe("requests that do not fit", () => {
  for (const [what, ask, expected] of [
    [
      "adding a blade twice",
      (world: World) => world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)),
      "E_BLADE_THERE",
    ],
    [
      "a MAC that another has",
      (world: World) =>
        world.outcomeOf((on) => world.manager.addBlades([{ ...world.blades.get("ardsley")!.blade, name: "x" }], on)),
      "E_MAC_TAKEN",
    ],
    [
      "draining an unknown blade",
      (world: World) => world.outcomeOf((on) => world.manager.drainBlade("x", null, on)),
      "E_BLADE_UNKNOWN",
    ],
    [
      "removing an active blade",
      (world: World) => world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)),
      "E_BLADE_STATUS",
    ],
    [
      "moving to nobody",
      (world: World) => world.outcomeOf((on) => world.manager.moveBuckets([1], "x", on)),
      "E_OWNER_NOT_ACTIVE",
    ],
  ] as const) {
    test(`${what} is refused, and nothing has changed`, () => {
      const world = new World();
      world.grow("ardsley", "dobbs-ferry");
      const before = world.manager.status();
      assert.equal(code(ask(world)), expected);
      assert.deepEqual(world.manager.status().owners, before.owners);
      assert.equal(world.manager.status().generation, before.generation);
    });
  }
});
