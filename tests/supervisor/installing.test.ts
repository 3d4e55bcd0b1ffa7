/** Preparations and installs that meet trouble: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../../host/supervisor/messages.ts";
import { code, generations, statesOf } from "./probe.ts";
import { World } from "./world.ts";

describe("preparing", () => {
  test("is refused where the flow table has no room, with the number, and nothing has changed", () => {
    const world = new World({ timing: { prepareMs: 60_000 } });
    world.grow("ardsley");
    world.host("ardsley").open(40_000);
    const dobbs = world.plug("dobbs-ferry");
    const error = world.outcomeOf((on) => world.manager.addBlades([dobbs], on), 60_000);
    assert.equal(code(error), "E_OUT_OF_ROOM");
    assert.match(error!.message, /^ardsley: the flow table has room for \d+ of the \d+ connections/);
    assert.deepEqual(world.current(), { ardsley: 16 });
    world.clock.advance(1_000);
    assert.deepEqual(generations(world).slice(0, 2), [1, 0]);
    assert.ok(
      statesOf(world, "ardsley").every(({ pinned }) => !pinned),
      "unpinned again",
    );
    assert.equal(world.events("called-off").length, 1);
  });

  test("is called off when a blade does not answer in time, and says which", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const hartsdale = world.plug("hartsdale");
    world.blades.get("hartsdale")!.manager.stop();
    const error = world.outcomeOf((on) => world.manager.addBlades([hartsdale], on));
    assert.equal(code(error), "E_PREPARE_OVERDUE");
    assert.match(error!.message, /hartsdale$/);
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8 });
    world.clock.advance(100);
    assert.ok(statesOf(world, "ardsley").every(({ pinned }) => !pinned));
    world.blades.get("hartsdale")!.manager.start();
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([hartsdale], on)),
      null,
      "and works the next time",
    );
  });

  test("takes back what an older one has pinned, when word of its end was lost", () => {
    const world = new World({ timing: { prepareMs: 500 } });
    world.grow("ardsley", "dobbs-ferry");
    const pinned = (): number => statesOf(world, "ardsley").filter((state) => state.pinned).length;
    const refusal = (message: ManagerMessage): boolean => message.kind === "prepared" || message.kind === "abort";
    world.options = { loses: (from, to, message) => [from, to].includes("ardsley") && refusal(message) };
    assert.equal(
      code(world.outcomeOf((on) => world.manager.setWeights({ "dobbs-ferry": 3 }, on))),
      "E_PREPARE_OVERDUE",
    );
    world.clock.advance(100);
    assert.equal(pinned(), 4);
    // The next one takes buckets from the other blade, and is called off too.
    world.options = { loses: (from, _to, message) => from === "dobbs-ferry" && message.kind === "prepared" };
    assert.equal(code(world.outcomeOf((on) => world.manager.setWeights({ ardsley: 3 }, on))), "E_PREPARE_OVERDUE");
    world.clock.advance(100);
    assert.equal(pinned(), 0);
  });

  test("is called off when digests differ, before anything is installed", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const hartsdale = world.plug("hartsdale");
    world.options = {
      loses: (from, _to, message) => {
        if (from === "dobbs-ferry" && message.kind === "prepared") Object.assign(message, { digest: "0".repeat(64) });
        return false;
      },
    };
    assert.equal(code(world.outcomeOf((on) => world.manager.addBlades([hartsdale], on))), "E_DIGESTS_DIFFER");
    assert.deepEqual(generations(world).slice(0, 3), [1, 1, 0]);
  });
});

describe("installing", () => {
  test("does not wait for a blade that has fallen silent, which is told when it is back", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.blades.get("ardsley")!.manager.stop();
    world.clock.advance(3_000);
    const asked = world.clock.now();
    world.grow("hartsdale");
    assert.ok(world.clock.now() - asked < 200);
    assert.deepEqual(generations(world), [1, 2, 2, 2, 2]);
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 100, on)),
      null,
    );
    world.blades.get("ardsley")!.manager.start();
    world.clock.advance(50);
    assert.equal(generations(world)[0], world.manager.status().generation);
  });

  test("is done one at a time, and of those that come meanwhile the newest is next", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const { manager } = world.blades.get("ardsley")!;
    const last = world.manager.assignment();
    for (const generation of [3, 4, 5]) manager.receive(APPLIANCE_MANAGER, { kind: "install", assignment: { ...last, generation } });
    const seen: number[] = [];
    for (let ms = 0; ms < 50; ms++) {
      world.clock.advance(1);
      const [generation] = generations(world) as [number];
      if (seen.at(-1) !== generation) seen.push(generation);
    }
    assert.deepEqual(seen.filter((generation) => generation > last.generation), [3, 5]);
  });

  test("rolls forward when a blade does not acknowledge, and the blade catches up", () => {
    const world = new World({ timing: { forgetMs: 1_000_000 } });
    world.grow("ardsley", "dobbs-ferry");
    const hartsdale = world.plug("hartsdale");
    world.options = { loses: (_from, to, message) => to === "dobbs-ferry" && message.kind === "install" };
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([hartsdale], on)),
      null,
    );
    assert.deepEqual(
      world.events("install-overdue").map(({ details }) => details["blades"]),
      ["dobbs-ferry"],
    );
    assert.deepEqual(generations(world), [2, 1, 2, 2, 2]);
    world.options = {};
    world.clock.advance(1_000);
    assert.deepEqual(generations(world), [2, 2, 2, 2, 2]);
  });

  test("a blade that is behind catches up before it prepares, and is not refused for it", () => {
    const world = new World({ timing: { forgetMs: 1_000_000, prepareMs: 60_000 } });
    world.grow("ardsley", "dobbs-ferry");
    world.options = { loses: (_from, to, message) => to === "dobbs-ferry" && message.kind === "install" };
    world.grow("hartsdale");
    assert.equal(generations(world)[1], 1);
    const outcomes: unknown[] = [];
    world.manager.setWeights({ hartsdale: 3 }, (error) => outcomes.push(error));
    world.clock.advance(1_000);
    assert.deepEqual(outcomes, []);
    world.options = {};
    world.clock.advance(1_000);
    assert.deepEqual(outcomes, [null]);
    assert.deepEqual(generations(world), [3, 3, 3, 3, 3]);
  });

  test("a blade is offline when no IPD that can be heard names it any more, and not before", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry", "hartsdale");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    world.options = { loses: (_from, to, message) => to === "dobbs-ferry" && message.kind === "install" };
    world.clock.advance(10_000);
    assert.ok(world.events("forgot").length > 0);
    assert.deepEqual(world.offline, []);
    world.options = {};
    world.clock.advance(1_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("never gives out two generations within 10 ms, and carries requests out in order, one at a time", () => {
    const world = new World({ timing: { forgetMs: 1, pollMs: 5 } });
    world.grow("ardsley", "dobbs-ferry");
    const outcomes: string[] = [];
    for (const weight of [2, 3, 1])
      world.manager.setWeights({ ardsley: weight }, () =>
        outcomes.push(`${weight} at ${world.manager.status().generation}`),
      );
    world.manager.drainBlade("nobody", null, (error) => outcomes.push(code(error)));
    assert.deepEqual(world.manager.status().waiting.length, 3);
    world.clock.advance(2_000);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.split(" ")[0]),
      ["2", "3", "1", "E_BLADE_UNKNOWN"],
    );
    const first = new Map<number, number>();
    for (const { at, details } of world.events("installed")) first.set(Number(details["generation"]), at);
    const times = [...first.values()];
    assert.ok(times.length >= 5, `${times.length} generations`);
    times.slice(1).forEach((at, index) => assert.ok(at - times[index]! >= 9, `${at - times[index]!} ms`));
  });

  test("a report of another generation shrinks no history", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    const { generation } = world.manager.status();
    const drained = [{ owner: "ardsley", buckets: Array.from({ length: 16 }, (_, bucket) => bucket) }];
    world.blades.get("ardsley")!.manager.stop();
    world.manager.receive("ardsley", {
      kind: "sessions",
      generation: generation - 1,
      healthy: true,
      counts: [],
      drained,
      lingering: [],
      flowsCut: { since: 0, flows: 0 },
      lacking: [],
      tables: 0,
      load: null,
      switches: null,
    });
    world.clock.advance(1_000);
    assert.ok(world.manager.status().owners[0]!.previous > 0);
  });
});
