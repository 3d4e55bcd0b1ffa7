/** Reconfigurations from end to end: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DobbsError } from "../../host/errors.ts";
import type { BucketState } from "../../host/management/commands.ts";
import { ManagementSession } from "../../host/management/session.ts";
import type { ManagerMessage } from "../../host/supervisor/messages.ts";
import { randomOf } from "./random.ts";
import { World } from "./world.ts";

/** What a blade's image holds of each bucket for one owner. */
function statesOf(world: World, blade: string, owner = 0): BucketState[] {
  const node = world.node(blade);
  const session = new ManagementSession(world.clock, {
    layout: node.layout,
    request: (message, onAnswer) => onAnswer(node.manage(message, world.clock.now())),
  });
  const found: BucketState[][] = [];
  session.buckets(
    owner,
    world.manager.status().owners.reduce((sum, { current }) => sum + current, 0),
    (result) => {
      assert.ok(result.ok);
      found.push(result.value);
    },
  );
  return found[0]!;
}

/** Generations in force on the images: blades, then switches. */
function generations(world: World): number[] {
  const nodes = [...world.blades.values(), ...world.switches].map(({ node }) => node);
  return nodes.map((node) => {
    let generation = -1;
    const request = (message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void =>
      onAnswer(node.manage(message, world.clock.now()));
    new ManagementSession(world.clock, { layout: node.layout, request }).hello((result) => {
      if (result.ok) generation = result.generation;
    });
    return generation;
  });
}

function code(error: Error | null): string {
  return error instanceof DobbsError ? error.code : String(error);
}

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

  test("installs on all blades before a switch is touched, the standby one first", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    const order: string[] = [];
    for (const { driver, name } of world.switches) {
      const program = driver.program.bind(driver);
      driver.program = (assignment, onDone) => {
        order.push(`${name} at ${generations(world).slice(0, 3).join()}`);
        program(assignment, onDone);
      };
    }
    world.grow("hartsdale");
    assert.deepEqual(order, ["standby at 2,2,2", "active at 2,2,2"]);
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

describe("draining", () => {
  /** All the connections are ardsley's, which then has to share with dobbs-ferry, and is drained. */
  function draining(sockets: number) {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(sockets);
    world.grow("dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    return world;
  }

  test("a blade goes offline after its last connection has closed, and not before", () => {
    const world = draining(40);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 16 });
    world.clock.advance(10_000);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 1);
    world.clock.advance(10_000);
    assert.deepEqual(world.offline, []);
    assert.equal(world.manager.status().owners.find(({ name }) => name === "ardsley")!.previous, 1);
    const closedAt = world.clock.now();
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.ok(world.events("offline")[0]!.at > closedAt);
    assert.deepEqual(generations(world).slice(0, 2), [
      world.manager.status().generation,
      world.manager.status().generation,
    ]);
  });

  for (const state of ["half-open", "closing"] as const) {
    test(`a ${state} connection is live`, () => {
      const world = draining(1);
      world.host("ardsley").sockets = world.host("ardsley").sockets.map((socket) => ({ ...socket, state }));
      world.clock.advance(5_000);
      assert.deepEqual(world.offline, []);
    });
  }

  test("a connection in time-wait is not live", () => {
    const world = draining(1);
    world.host("ardsley").sockets = world
      .host("ardsley")
      .sockets.map((socket) => ({ ...socket, state: "time-wait" as const }));
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("a connection that turns up between the seal and the second look keeps the bucket", () => {
    const world = draining(1);
    const host = world.host("ardsley");
    const [late] = host.sockets;
    host.sockets = [];
    // The first look finds nothing and seals; the second one finds it.
    host.onRead = () => {
      host.onRead = () => (host.sockets = [late!]);
    };
    const bucketStates = (): BucketState[] => statesOf(world, "ardsley").filter(({ index }) => index > 0);
    assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
    world.clock.advance(30);
    assert.ok(
      bucketStates().some(({ rows, complete, sealed }) => rows === 1 && complete && !sealed),
      "at once, not at the next look",
    );
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, []);
    const held = bucketStates();
    assert.deepEqual(
      held.map(({ rows, complete, sealed }) => ({ rows, complete, sealed })),
      [{ rows: 1, complete: true, sealed: false }],
    );
    host.onRead = () => undefined;
    host.sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("a frame that was between NIC and host at the seal is waited for", () => {
    const world = draining(1);
    const host = world.host("ardsley");
    host.queueMs = 50;
    world.clock.advance(1_000);
    const [late] = host.sockets;
    host.sockets = [];
    assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
    world.clock.advance(host.queueMs - 1);
    host.sockets = [late!];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, []);
    assert.equal(statesOf(world, "ardsley").filter(({ index, rows }) => index > 0 && rows === 1).length, 1);
  });

  test("a handshake that is cut short is taken up where it was, in use or not", () => {
    for (const inUse of [true, false]) {
      const world = draining(1);
      world.clock.advance(1_000);
      const host = world.host("ardsley");
      const [socket] = host.sockets;
      host.sockets = [];
      const held = (): BucketState[] => statesOf(world, "ardsley").filter(({ index }) => index > 0);
      assert.ok(world.untilHad("ardsley", "SEAL", 1_000));
      world.options = { drops: (node) => node === "ardsley" };
      world.clock.advance(1_000);
      assert.deepEqual(
        held().map(({ complete, sealed }) => ({ complete, sealed })),
        [{ complete: false, sealed: true }],
      );
      if (inUse) host.sockets = [socket!];
      world.options = {};
      world.clock.advance(2_000);
      if (inUse)
        assert.deepEqual(
          held().map(({ rows, complete, sealed }) => ({ rows, complete, sealed })),
          [{ rows: 1, complete: true, sealed: false }],
        );
      else assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    }
  });

  test("dead rows are removed from the buckets that stay", () => {
    const world = draining(120);
    const host = world.host("ardsley");
    world.clock.advance(500);
    const rows = (): number =>
      statesOf(world, "ardsley").reduce((sum, { index, rows }) => sum + (index > 0 ? rows : 0), 0);
    assert.equal(rows(), 120);
    host.sockets = host.sockets.slice(0, 60);
    world.clock.advance(500);
    assert.equal(rows(), 120, "a frame may be on its way");
    world.clock.advance(7_000);
    assert.equal(rows(), 60);
    assert.equal(
      world.events("tidied").reduce((sum, { details }) => sum + Number(details["rows"]), 0),
      60,
    );
  });

  test("at its deadline a blade is cut off, and the connections that it had are counted", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(33);
    world.grow("dobbs-ferry");
    const begun = world.clock.now();
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 5_000, on)),
      null,
    );
    world.clock.advance(4_800);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 12);
    world.clock.advance(1_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 12 }]);
    assert.deepEqual(
      world.events("deadline").map(({ details }) => details),
      [{ blade: "ardsley", cut: 12 }],
    );
    assert.ok(world.events("deadline")[0]!.at - begun >= 5_000);
  });

  test("a deadline that is not needed cuts nothing", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 5_000, on)),
      null,
    );
    world.clock.advance(20_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.deepEqual(world.events("deadline"), []);
  });

  test("at its deadline a blade that does not answer is cut off with what it said last", () => {
    const world = draining(21);
    world.clock.advance(1_000);
    world.blades.get("ardsley")!.manager.stop();
    assert.equal(
      world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)),
      null,
    );
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 21 }]);
    assert.deepEqual(
      world.manager.status().blades.map(({ name }) => name),
      ["dobbs-ferry"],
    );
  });

  test("a blade that is removed while its drain is being announced is cut off when that is done", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(9);
    world.grow("dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.manager.status().phase === "install", 1_000));
    assert.equal(
      world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)),
      null,
    );
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 9 }]);
  });

  test("a blade that comes back under another number owns nothing until it has the new assignment", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.offline.length > 0, 10_000));
    world.manager.removeBlade("ardsley");
    // Takes ardsley's number. The next that is free is 2, which in ardsley's old assignment nobody had.
    world.grow("hartsdale");
    assert.equal(code(world.outcomeOf((on) => world.manager.drainBlade("dobbs-ferry", null, on))), "null");
    assert.ok(world.clock.until(() => world.offline.length > 1, 10_000));
    world.manager.removeBlade("dobbs-ferry");
    // Number 1 is free now, and was dobbs-ferry's, who owns everything in ardsley's old assignment.
    world.manager.addBlades([world.blades.get("ardsley")!.blade]);
    assert.ok(world.untilHad("ardsley", "PUT", 1_000));
    assert.ok(statesOf(world, "ardsley").every(({ index }) => index === -1));
    world.clock.advance(1_000);
    assert.deepEqual(world.current(), { ardsley: 8, hartsdale: 8 });
    assert.equal(statesOf(world, "ardsley").filter(({ index }) => index === 0).length, 8);
  });

  test("the last active blade is not drained", () => {
    const world = new World();
    world.grow("ardsley");
    assert.equal(code(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on))), "E_NO_ACTIVE_MEMBER");
    assert.equal(world.manager.status().blades[0]!.status, "active");
  });

  test("a blade that has gone offline comes back under its name", () => {
    const world = draining(3);
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.equal(world.offline.length, 1);
    assert.equal(
      world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)),
      null,
    );
    assert.deepEqual(world.current(), { ardsley: 8, "dobbs-ferry": 8 });
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
    });
    world.clock.advance(1_000);
    assert.ok(world.manager.status().owners[0]!.previous > 0);
  });
});

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
});

describe("a traffic manager", () => {
  test("makes the table complete again after its IPD has restarted", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(80);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const before = statesOf(world, "ardsley");
    world.node("ardsley").restart();
    assert.ok(statesOf(world, "ardsley").every(({ complete, rows }) => !complete && rows === 0));
    world.clock.advance(1_000);
    assert.deepEqual(
      statesOf(world, "ardsley").filter(({ index }) => index > 0),
      before.filter(({ index }) => index > 0),
    );
  });

  test("does not call a table complete that a restart has emptied while it was being filled", () => {
    const world = new World();
    world.grow("ardsley");
    const host = world.host("ardsley");
    host.open(80);
    let restarts = 0;
    host.onRead = () => {
      // The rows are on their way to an image that has just been opened for them, and is none any more.
      const filling = statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && !complete);
      if (filling && restarts++ < 1) world.node("ardsley").restart();
    };
    world.grow("dobbs-ferry");
    world.clock.advance(2_000);
    assert.ok(restarts > 0);
    assert.equal(world.events("look-failed").length, 1);
    assert.equal(world.events("completed").length, 1);
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index <= 0 || complete));
  });

  test("puts everything anew after its shim has been started anew", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(80);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    world.node("ardsley").restart("empty");
    assert.equal(generations(world)[0], 0);
    world.clock.advance(1_000);
    assert.equal(generations(world)[0], 2);
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index === 0 || complete));
  });

  test("does not take a restart in the middle of the handshake for a proof", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(1);
    world.grow("dobbs-ferry");
    assert.equal(
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)),
      null,
    );
    world.clock.advance(1_000);
    const host = world.host("ardsley");
    host.sockets = [];
    let restartedAt = 0;
    host.onRead = () => {
      // Step (c): what was sealed is not so any more.
      if (restartedAt > 0 || !statesOf(world, "ardsley").some(({ sealed }) => sealed)) return;
      restartedAt = world.clock.now();
      world.node("ardsley").restart();
    };
    world.clock.advance(5_000);
    assert.ok(restartedAt > 0);
    const proof = world.events("drained").at(-1)!;
    assert.ok(proof.at > restartedAt + 100, `proved at ${proof.at}, restarted at ${restartedAt}`);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("shares its session counts with its peers and the appliance manager", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.host("dobbs-ferry").open(25);
    world.clock.advance(1_000);
    const heard = world.blades.get("ardsley")!.manager.status().peers["dobbs-ferry"]!;
    assert.equal(
      heard.counts.reduce((sum, { live }) => sum + live, 0),
      25,
    );
    assert.equal(world.manager.status().owners.find(({ name }) => name === "dobbs-ferry")!.live, 25);
  });

  test("says when its IPD does not answer, and when it does again", () => {
    const world = new World();
    world.grow("ardsley");
    world.options = { drops: (node) => node === "ardsley" };
    world.clock.advance(1_000);
    assert.equal(world.manager.status().blades[0]!.healthy, false);
    world.options = {};
    world.clock.advance(1_000);
    assert.equal(world.manager.status().blades[0]!.healthy, true);
    assert.deepEqual(
      world.events("ipd-silent", "ipd-answers").map(({ event }) => event),
      ["ipd-silent", "ipd-answers"],
    );
  });

  test("that has stopped is called silent, and heard again", () => {
    const world = new World();
    world.grow("ardsley", "dobbs-ferry");
    world.blades.get("ardsley")!.manager.stop();
    world.clock.advance(6_000);
    assert.equal(world.manager.status().blades[0]!.silent, true);
    world.blades.get("ardsley")!.manager.start();
    world.clock.advance(6_000);
    assert.deepEqual(
      world.events("silent", "heard-again").map(({ event, details }) => `${event} ${details["blade"]}`),
      ["silent ardsley", "heard-again ardsley"],
    );
  });
});

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
