/** Switches: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { code, generations } from "./probe.ts";
import { World } from "./world.ts";

const activate = (world: World, name: string) => world.outcomeOf((on) => world.manager.activateSwitch(name, on));

/** Roles that the images have, in order of the switches: a standby one drops everything. */
function rolesInForce(world: World): string[] {
  return world.switches.map(({ node }) => (node.drops() === "STANDBY" ? "standby" : "active"));
}

const statusOf = (world: World, name: string) => world.manager.status().switches.find((place) => place.name === name)!;

describe("switches", () => {
  test("one that is not programmed in time is told again until it is", () => {
    const world = new World();
    world.grow("ardsley");
    world.options = { drops: (node) => node === "standby" };
    world.grow("dobbs-ferry");
    assert.equal(world.events("switch-overdue").length, 1);
    // The last attempt of the reconfiguration itself is over then.
    world.clock.advance(1_000);
    assert.deepEqual(generations(world).slice(-2), [2, 1]);
    world.options = {};
    world.clock.advance(5_000);
    assert.deepEqual(generations(world).slice(-2), [2, 2]);
  });

  test("another blade leads when the leader does not answer", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const hartsdale = world.plug("hartsdale");
    world.options = { loses: (_from, to, message) => to === "ardsley" && message.kind === "switch" };
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([hartsdale], on)),
      null,
    );
    assert.deepEqual(world.events("switched").at(-1)!.details["leader"], "dobbs-ferry");
    assert.deepEqual(generations(world).slice(-2), [2, 2]);
  });

  test("one that was started anew is programmed again, with its role, by whoever leads", () => {
    for (const name of ["active", "standby"]) {
      const world = new World();
      world.grow("ardsley", "dobbs-ferry");
      world.clock.advance(2_000);
      world.unplug("ardsley");
      world.clock.advance(5_000);
      world.node(name).restart(world.clock.now(), "empty");
      world.clock.advance(3_000);
      assert.deepEqual(generations(world).slice(-2), [1, 1], name);
      assert.deepEqual(rolesInForce(world), ["active", "standby"], name);
      assert.equal(world.manager.status().leader, "dobbs-ferry");
      assert.equal(world.events("switch-behind").at(-1)!.details["switch"], name);
    }
  });

  test("are left alone while they have what they are to have", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(3_000);
    const puts = (): number => world.had.filter(({ node, type }) => node !== "ardsley" && type === "PUT").length;
    const before = puts();
    world.clock.advance(20_000);
    assert.equal(puts(), before);
  });

  test("are told about with role, generation, and whether they answer", () => {
    const world = new World();
    assert.deepEqual(statusOf(world, "standby").answers, null);
    world.grow("ardsley");
    world.clock.advance(2_000);
    assert.deepEqual(world.manager.status().switches, [
      { name: "active", role: "active", generation: 1, answers: true },
      { name: "standby", role: "standby", generation: 1, answers: true },
    ]);
    world.options = { drops: (node) => node === "standby" };
    world.clock.advance(5_000);
    assert.equal(statusOf(world, "standby").answers, false);
    world.options = {};
    world.clock.advance(5_000);
    assert.equal(statusOf(world, "standby").answers, true);
    assert.deepEqual(
      world.events("switch-silent", "switch-answers").map(({ event }) => event),
      ["switch-silent", "switch-answers"],
    );
  });
});

describe("a switch-over", () => {
  test("makes the old one standby before the new one is active: at no time are both", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(2_000);
    assert.deepEqual(rolesInForce(world), ["active", "standby"]);
    const seen: string[] = [];
    world.manager.activateSwitch("standby");
    for (let ms = 0; ms < 500; ms++) {
      const roles = rolesInForce(world).join();
      if (seen.at(-1) !== roles) seen.push(roles);
      world.clock.advance(1);
    }
    assert.deepEqual(seen, ["active,standby", "standby,standby", "standby,active"]);
    assert.deepEqual(
      world.manager.status().switches.map(({ role }) => role),
      ["standby", "active"],
    );
  });

  test("does not need an answer of the old one, says so, and the old one is told when it is back", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(2_000);
    world.options = { drops: (node) => node === "active" };
    assert.equal(activate(world, "standby"), null);
    assert.deepEqual(
      world.events("not-demoted").map(({ details }) => details["switch"]),
      ["active"],
    );
    assert.deepEqual(rolesInForce(world), ["active", "active"], "nobody could tell it");
    world.options = {};
    world.clock.advance(3_000);
    assert.deepEqual(rolesInForce(world), ["standby", "active"]);
  });

  test("to one that is known to be silent is refused at once, and nothing has changed", () => {
    const world = new World();
    world.grow("ardsley");
    world.options = { drops: (node) => node === "standby" };
    world.clock.advance(5_000);
    const asked = world.clock.now();
    assert.equal(code(activate(world, "standby")), "E_SWITCH");
    assert.ok(world.clock.now() - asked < 50);
    assert.deepEqual(rolesInForce(world), ["active", "standby"]);
  });

  test("to one that turns out to be silent is taken back", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(2_000);
    world.options = { drops: (node) => node === "standby" };
    assert.equal(code(activate(world, "standby")), "E_SWITCH");
    world.clock.advance(2_000);
    assert.deepEqual(rolesInForce(world), ["active", "standby"]);
    assert.deepEqual(
      world.manager.status().switches.map(({ role }) => role),
      ["active", "standby"],
    );
  });

  test("to an unknown one, or while another is under way, is refused; to the active one is done", () => {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(2_000);
    for (const name of ["x", "constructor", "__proto__"]) {
      assert.equal(code(activate(world, name)), "E_SWITCH_UNKNOWN", name);
      assert.deepEqual(rolesInForce(world), ["active", "standby"], name);
    }
    assert.equal(activate(world, "active"), null);
    const outcomes: string[] = [];
    world.manager.activateSwitch("standby", (error) => outcomes.push(code(error)));
    world.manager.activateSwitch("active", (error) => outcomes.push(code(error)));
    world.clock.advance(1_000);
    assert.deepEqual(outcomes, ["E_SWITCH_BUSY", "null"]);
  });
});
