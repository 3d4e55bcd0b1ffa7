/** Blades that join, and VMs of one blade: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { code, generations, statesOf } from "./probe.ts";
import { World } from "./world.ts";

describe("scaling up", () => {
  test("a blade joins: buckets move, live connections are in the losing blade's table, and both switches know", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(200);
    world.grow("dobbs-ferry");
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8 });
    world.clock.advance(100);
    assert.deepEqual(generations(world), [2, 2, 2, 2]);
    const previous = statesOf(world, "ardsley").filter(({ index }) => index > 0);
    assert.equal(previous.length, 8);
    assert.ok(previous.every(({ complete, sealed }) => complete && !sealed));
    const rows = previous.reduce((sum, state) => sum + state.rows, 0);
    const seeded = world.events("prepared").at(-1)!.details["seeded"];
    assert.equal(rows, seeded);
    assert.ok(rows > 50 && rows < 150, `${rows}`);
  });

  test("a server that is put behind the appliance while it serves keeps its connections", () => {
    const world = new World();
    const ardsley = world.plug("ardsley");
    world.host("ardsley").open(100);
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([ardsley], on)), null);
    world.grow("dobbs-ferry");
    assert.ok(world.clock.until(() => statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && complete), 1_000));
    const rows = statesOf(world, "ardsley").reduce((sum, state) => sum + (state.index > 0 ? state.rows : 0), 0);
    assert.ok(rows > 20, `${rows} of its connections are in the table of what has moved`);
  });

  test("a second one that has connections of its own is not let in: others may have had the same ones since", () => {
    const world = new World();
    world.grow("ardsley");
    const ferry = world.plug("dobbs-ferry");
    world.host("dobbs-ferry").open(100);
    const refusal = world.outcomeOf((on) => world.manager.addBlades([ferry], on));
    assert.equal(code(refusal), "E_LEFT_OVER");
  });

  test("installs on all blades before a switch is touched, the standby one first", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const hartsdale = world.plug("hartsdale");
    const seen: string[] = [];
    world.manager.addBlades([hartsdale]);
    world.clock.until(() => {
      const now = generations(world).join();
      if (seen.at(-1) !== now) seen.push(now);
      return now === "2,2,2,2,2";
    }, 1_000);
    assert.deepEqual(seen.slice(seen.indexOf("2,2,2,1,1")), ["2,2,2,1,1", "2,2,2,1,2", "2,2,2,2,2"]);
  });

  test("a frame that was between NIC and host at the install is waited for, before the table is called complete", () => {
    const world = new World();
    world.grow("ardsley");
    const host = world.host("ardsley");
    host.queueMs = 50;
    const dobbs = world.plug("dobbs-ferry");
    world.manager.addBlades([dobbs]);
    assert.ok(world.untilHad("ardsley", "PUT", 1_000));
    world.clock.advance(host.queueMs - 1);
    host.open(100);
    world.clock.advance(150);
    const previous = statesOf(world, "ardsley").filter(({ index }) => index > 0);
    assert.ok(previous.every(({ complete }) => complete));
    assert.equal(
      previous.reduce((sum, { rows }) => sum + rows, 0),
      world.events("completed").at(-1)!.details["seeded"],
    );
    assert.ok(previous.reduce((sum, { rows }) => sum + rows, 0) > 20);
  });

  test("a previous owner whose connections have closed leaves the history, without any drain", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(50);
    world.grow("dobbs-ferry");
    world.clock.advance(2_000);
    assert.equal(world.manager.status().owners[0]!.previous > 0, true, "some buckets have connections");
    world.host("ardsley").sockets = [];
    world.clock.advance(2_000);
    assert.equal(world.manager.status().owners[0]!.previous, 0);
    assert.equal(world.manager.status().phase, "idle");
  });
});

describe("VMs of one blade", () => {
  test("a bucket moves from one to the other, and drains there", () => {
    const world = new World();
    const blade = world.plug("ardsley", ["vm1", "vm2"]);
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([blade], on)),
      null,
    );
    assert.deepEqual(world.current(), { "ardsley/vm1": 8, "ardsley/vm2": 8 });
    world.host("ardsley/vm1").open(100);
    const bucket = statesOf(world, "ardsley").find(({ index }) => index === 0)!.bucket;
    assert.equal(
      world.outcomeOf((on) => world.manager.moveBuckets([bucket], "ardsley/vm2", on)),
      null,
    );
    assert.deepEqual(world.current(), { "ardsley/vm1": 7, "ardsley/vm2": 9 });
    world.clock.advance(1_000);
    const [from, to] = [statesOf(world, "ardsley", 0)[bucket]!, statesOf(world, "ardsley", 1)[bucket]!];
    assert.deepEqual([from.index, from.complete, to.index], [1, true, 0]);
    assert.ok(from.rows > 0);
    world.host("ardsley/vm1").sockets = [];
    world.clock.advance(2_000);
    assert.equal(statesOf(world, "ardsley", 0)[bucket]!.index, -1);
  });

  test("weights move as many buckets as they say", () => {
    const world = new World();
    const blade = world.plug("ardsley", ["vm1", "vm2"]);
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([blade], on)),
      null,
    );
    assert.equal(
      world.outcomeOf((on) => world.manager.setWeights({ "ardsley/vm1": 1.5 }, on)),
      null,
    );
    assert.deepEqual(world.current(), { "ardsley/vm1": 12, "ardsley/vm2": 4 });
    assert.equal(code(world.outcomeOf((on) => world.manager.setWeights({ "ardsley/vm3": 1 }, on))), "E_OWNER_UNKNOWN");
    assert.equal(code(world.outcomeOf((on) => world.manager.setWeights({ "ardsley/vm1": -1 }, on))), "E_WEIGHT");
  });
});
