/** What an appliance manager does with the state of the one before it. Real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { initialState, restoredState, type SwitchPlace } from "../../host/supervisor/initial-state.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { code, statesOf } from "./probe.ts";
import { member } from "./views.ts";
import { World, type WorldOptions } from "./world.ts";

const roleOf = (world: World, name: string): string | undefined =>
  world.manager.status().switches.find((place) => place.name === name)?.role;

describe("an appliance manager that is started anew", () => {
  /** Stops a world's appliance manager at what it has saved last. */
  function recorded(options: Partial<WorldOptions> = {}) {
    const states: ApplianceState[] = [];
    const world = new World({ ...options, store: { save: (state) => void states.push(state) } });
    return { world, restart: () => world.restartManager(states.at(-1)!) };
  }

  test("a switch-over that was under way, and leads nowhere, is taken back", () => {
    const { world, restart } = recorded();
    world.grow("ardsley");
    world.clock.advance(2_000);
    world.options = { ...world.options, drops: (node) => node === "standby" };
    world.manager.activateSwitch("standby");
    world.clock.advance(1_000);
    restart();
    world.clock.advance(10_000);
    assert.deepEqual([roleOf(world, "active"), roleOf(world, "standby")], ["active", "standby"]);
  });

  test("a deadline that passed meanwhile is kept at once, and one that has not is kept in time", () => {
    for (const downMs of [500, 5_000]) {
      const { world, restart } = recorded();
      world.grow("ardsley", "dobbs-ferry");
      world.host("ardsley").open(9);
      world.clock.advance(500);
      const begun = world.clock.now();
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 2_000, on));
      world.life.end();
      world.clock.advance(downMs);
      restart();
      assert.ok(world.clock.until(() => world.offline.length > 0, 5_000));
      assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 9 }]);
      const at = world.clock.now() - begun;
      assert.ok(at >= 2_000 && at < Math.max(2_000, downMs) + 1_000, `${at}`);
    }
  });

  test("nobody is called silent, or failed, before there was time to be heard", () => {
    const { world, restart } = recorded({ failMs: 3_000 });
    world.grow("ardsley", "dobbs-ferry");
    world.life.end();
    world.clock.advance(60_000);
    restart();
    assert.equal(code(world.outcomeOf((on) => world.manager.setWeights({ ardsley: 3 }, on))), "null");
    world.clock.advance(10_000);
    assert.deepEqual([world.failed, world.events("silent")], [[], []]);
  });

  test("the time to be heard begins when there is something to be heard by", () => {
    const { world, restart } = recorded({ failMs: 3_000 });
    world.grow("ardsley", "dobbs-ferry");
    world.life.end();
    world.clock.advance(1_000);
    let deaf = ["ardsley", "dobbs-ferry"];
    world.options = { ...world.options, loses: (from, to) => deaf.includes(from) || deaf.includes(to) };
    restart();
    // It takes long until it listens.
    world.clock.advance(2_500);
    world.manager.listens();
    deaf = ["dobbs-ferry"];
    world.clock.advance(2_500);
    deaf = [];
    world.clock.advance(10_000);
    assert.deepEqual(world.failed, []);
  });

  test("what was called off is not prepared for any more, though word of it has not gone out", () => {
    const { world, restart } = recorded({ timing: { prepareMs: 500 } });
    world.grow("ardsley", "dobbs-ferry");
    const lost = ["prepared", "abort"];
    world.options = { ...world.options, loses: (_from, _to, message) => lost.includes(message.kind) };
    world.manager.setWeights({ "dobbs-ferry": 3 });
    assert.ok(world.untilHad("ardsley", "PIN", 400));
    assert.ok(statesOf(world, "ardsley").some(({ pinned }) => pinned));
    world.clock.advance(1_000);
    assert.equal(world.events("called-off").length, 1);
    world.options = { ...world.options, loses: () => false };
    restart();
    world.clock.advance(500);
    assert.ok(statesOf(world, "ardsley").every(({ pinned }) => !pinned));
  });

  test("another number of buckets is refused; switches come and go with the appliance file", () => {
    const first = { buckets: 8, assigner: "balanced", filters: [], forward: [], byLoad: false };
    const west = { name: "west", role: "active" } as const;
    const east = { name: "east", role: "standby" } as const;
    const saved = initialState({ ...first, switches: [west, east] });
    const roles = (switches: readonly SwitchPlace[]) => restoredState(saved, { ...first, switches }).switches.roles;
    assert.throws(() => restoredState(saved, { ...first, buckets: 16, switches: [] }), { code: "E_STATE_BUCKETS" });
    assert.equal(restoredState(saved, { ...first, switches: [east, west] }), saved);
    assert.deepEqual(roles([west, { name: "new", role: "active" }]), { west: "active", new: "standby" });
    assert.deepEqual(roles([{ ...east, role: "active" }]), { east: "standby" });
  });

  test("the appliance file's rules hold until others were set, and everyone is told of other ones in it", () => {
    const first = { buckets: 8, assigner: "balanced", switches: [], forward: [], byLoad: false };
    const [old, edited, set] = ["ardsley", "dobbs-ferry", "blades"].map((at) => [{ action: "drop", at } as const]);
    const saved = initialState({ ...first, filters: old! });
    assert.deepEqual(restoredState(saved, { ...first, filters: edited! }).tables, {
      revision: 1,
      filters: edited,
      forward: [],
    });
    const changed = { ...saved, tables: { revision: 3, filters: set!, forward: [] } };
    assert.equal(restoredState(changed, { ...first, filters: edited! }), changed);
  });

  test("what load has made of weights is kept while the appliance file says so, and forgotten when it does not", () => {
    const first = { buckets: 8, assigner: "balanced", switches: [], filters: [], forward: [], byLoad: true };
    const empty = initialState(first);
    const saved = { ...empty, view: { ...empty.view, members: [{ ...member("ardsley", 2), factor: 0.5 }, member("dobbs-ferry")] } };
    assert.equal(restoredState(saved, first), saved);
    assert.deepEqual(restoredState(saved, { ...first, byLoad: false }).view.members, [member("ardsley", 2), member("dobbs-ferry")]);
  });
});
