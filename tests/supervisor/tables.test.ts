/** Filter rules and stations at run time: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import type { Filter, Forward } from "../../host/model/appliance.ts";
import { code } from "./probe.ts";
import { World } from "./world.ts";

/** Drops what a stranger sends; see `ImageNode.drops`. */
const NO_STRANGERS = { action: "drop", ethertype: 0x88b5 } as const;
const STATION: Omit<Forward, "at"> = { mac: "02:00:00:00:09:09", port: 1 };

const setFilters = (world: World, filters: readonly Filter[]) =>
  world.outcomeOf((on) => world.manager.setFilters(filters, on));
const setForward = (world: World, forward: readonly Forward[]) =>
  world.outcomeOf((on) => world.manager.setForward(forward, on));

/** Whether the rule is in force, by node. */
function inForce(world: World): Record<string, boolean> {
  const nodes = [...world.blades].map(([name, { node }]) => [name, node] as const);
  const switches = world.switches.filter(({ role }) => role === "active").map(({ name, node }) => [name, node] as const);
  return Object.fromEntries([...nodes, ...switches].map(([name, node]) => [name, node.drops() === "FILTERED"]));
}

function two(): World {
  const world = new World();
  world.grow("ardsley", "dobbs-ferry");
  world.clock.advance(1_500);
  return world;
}

describe("filter rules", () => {
  for (const [at, expected] of [
    ["blades", { ardsley: true, "dobbs-ferry": true, active: false }],
    ["dobbs-ferry", { ardsley: false, "dobbs-ferry": true, active: false }],
    ["switch", { ardsley: false, "dobbs-ferry": false, active: true }],
  ] as const) {
    test(`for ${at} are in force there and nowhere else, and go away again`, () => {
      const world = two();
      assert.equal(setFilters(world, [{ ...NO_STRANGERS, at }]), null);
      assert.deepEqual(inForce(world), expected);
      assert.deepEqual(world.manager.tables().filters, [{ ...NO_STRANGERS, at }]);
      assert.equal(setFilters(world, []), null);
      assert.deepEqual(inForce(world), { ardsley: false, "dobbs-ferry": false, active: false });
    });
  }

  for (const at of ["ardsley", "switch"]) {
    test(`more than there is room for at ${at} are refused, and the rules are what they were everywhere`, () => {
      const world = two();
      assert.equal(setFilters(world, [{ ...NO_STRANGERS, at: "blades" }, { ...NO_STRANGERS, at: "switch" }]), null);
      const many = Array.from({ length: 1_000 }, (): Filter => ({ action: "allow", at }));
      const error = setFilters(world, many) as DobbsError;
      assert.equal(error.code, at === "switch" ? "E_SWITCH" : "E_TOO_MANY_RECORDS");
      assert.match(error.message, at === "switch" ? /active: The image has room/ : /^ardsley: The image has room for \d+ such records/);
      assert.equal(world.manager.tables().filters.length, 2);
      world.clock.advance(500);
      assert.deepEqual(inForce(world), { ardsley: true, "dobbs-ferry": true, active: true });
      assert.equal(setForward(world, [{ ...STATION, at: "ardsley" }]), null, "and the next request is heard");
    });
  }

  test("a blade that joins later, or was silent, gets them too", () => {
    const world = two();
    world.unplug("dobbs-ferry");
    world.clock.advance(4_000);
    assert.equal(setFilters(world, [{ ...NO_STRANGERS, at: "blades" }]), null);
    world.grow("hartsdale");
    world.restartTrafficManager("dobbs-ferry");
    world.clock.advance(1_000);
    assert.deepEqual(inForce(world), { ardsley: true, "dobbs-ferry": true, hartsdale: true, active: false });
  });

  test("are there again after an IPD, a traffic manager or a switch was started anew", () => {
    const world = two();
    const rules = [
      { ...NO_STRANGERS, at: "blades" },
      { ...NO_STRANGERS, at: "switch" },
    ];
    assert.equal(setFilters(world, rules), null);
    world.node("ardsley").restart(world.clock.now(), "empty");
    world.node("active").restart(world.clock.now(), "empty");
    world.restartTrafficManager("dobbs-ferry");
    world.clock.advance(5_000);
    assert.deepEqual(inForce(world), { ardsley: true, "dobbs-ferry": true, active: true });
  });

  test("are those asked for last, also when a leader that was given up is late with older ones", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.options = { lag: (blade) => (blade === "ardsley" ? 90 : 0) };
    assert.equal(setFilters(world, [{ ...NO_STRANGERS, at: "switch" }]), null);
    assert.equal(setFilters(world, []), null);
    world.clock.advance(20_000);
    assert.equal(inForce(world)["active"], false);
  });

  test("are not waited for where nobody answers", () => {
    const world = two();
    world.options = { drops: (node) => node === "dobbs-ferry" };
    assert.equal(setFilters(world, [{ ...NO_STRANGERS, at: "blades" }]), null);
    assert.deepEqual(
      world.events("tables-overdue").map(({ details }) => details["missing"]),
      ["dobbs-ferry"],
    );
    world.options = {};
    world.clock.advance(2_000);
    assert.deepEqual(inForce(world), { ardsley: true, "dobbs-ferry": true, active: false });
  });
});

describe("stations", () => {
  test("that no image takes are refused, and the list is what it was", () => {
    const world = two();
    assert.equal(setForward(world, [{ ...STATION, at: "ardsley" }]), null);
    const error = setForward(world, [{ ...STATION, at: "ardsley" }, { mac: "03:00:00:00:00:01", port: 1, at: "ardsley" }]);
    assert.equal(code(error), "E_BAD_RECORD");
    assert.deepEqual(world.manager.tables().forward, [{ ...STATION, at: "ardsley" }]);
  });

  test("at a port that a blade lacks, before that is in: it refuses all lists, and its status says so until it can have them", () => {
    const world = two();
    const refuses = (): Record<string, string | null> =>
      Object.fromEntries(world.manager.status().blades.map((blade) => [blade.name, blade.refuses]));
    assert.equal(setForward(world, [{ ...STATION, port: 200, at: "hastings" }]), null, "there is nobody to ask");
    world.grow("hastings");
    world.clock.advance(3_000);
    assert.equal(world.events("tables-refused").length, 1);
    assert.deepEqual(refuses(), { ardsley: null, "dobbs-ferry": null, hastings: "Record 0 is out of range." });
    assert.equal(setForward(world, [{ ...STATION, at: "hastings" }]), null);
    world.clock.advance(3_000);
    assert.deepEqual(refuses(), { ardsley: null, "dobbs-ferry": null, hastings: null });
  });

  test("at the switch open a port of their own, towards the clients", () => {
    const world = two();
    assert.equal(setForward(world, [{ ...STATION, port: 9, at: "switch" }]), null);
    const orders = world.sent.flatMap(({ message }) => (message.kind === "switch" ? [message] : []));
    assert.deepEqual(orders.at(-1)!.ports.slice(6), ["shut", "shut", "shut", "uplink"]);
  });
});
