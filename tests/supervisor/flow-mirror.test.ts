/** UDP flows, which no host lists: real managers, real images, and datagrams. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManagementSession } from "../../host/management/session.ts";
import { FlowMirror } from "../../host/supervisor/flow-mirror.ts";
import { OwnerSessions } from "../../host/supervisor/sessions.ts";
import { ethernet, ETHERTYPE, udp } from "../packets/packets.ts";
import { code, generations, statesOf } from "./probe.ts";
import { VIP, World, type WorldOptions } from "./world.ts";

const VMAC = "02:d0:bb:00:00:01";
const CLIENT_MAC = "06:00:00:00:00:01";
const ARDSLEY_MAC = "02:00:00:00:00:01";
const TUNNEL = 51_820;
/** Idle time of what no service names. */
const IDLE_MS = 60_000;
const PROVISIONAL_MS = 5_000;

function ask(world: World, client: string): string {
  const payload = udp({ source: client, destination: VIP }, { sourcePort: 7_000, destinationPort: TUNNEL });
  const frame = ethernet({ destination: VMAC, source: CLIENT_MAC }, ETHERTYPE.ipv4, payload);
  return world.node("ardsley").process(0, frame, world.clock.now()).verdict;
}

function answer(world: World, client: string): void {
  const payload = udp({ source: VIP, destination: client }, { sourcePort: TUNNEL, destinationPort: 7_000 });
  const frame = ethernet({ destination: CLIENT_MAC, source: ARDSLEY_MAC }, ETHERTYPE.ipv4, payload);
  world.node("ardsley").process(1, frame, world.clock.now());
}

const CLIENTS = Array.from({ length: 40 }, (_, n) => `10.2.0.${n}`);

/** ardsley with a flow of each client, which its host has answered. */
function withFlows(options: WorldOptions = {}, answered = true): World {
  const world = new World(options);
  world.grow("ardsley");
  for (const client of CLIENTS) {
    assert.equal(ask(world, client), "DELIVER");
    if (answered) answer(world, client);
  }
  return world;
}

function rows(world: World, isWanted: (index: number) => boolean = () => true): number {
  return statesOf(world, "ardsley").reduce((sum, { index, rows }) => sum + (isWanted(index) ? rows : 0), 0);
}

const previous = (index: number): boolean => index > 0;

function counted(world: World, owner: string): number {
  return world.manager.status().owners.find(({ name }) => name === owner)!.live;
}

describe("UDP flows", () => {
  for (const how of ["replayed", "empty"] as const) {
    test(`are put back after the IPD of their current owner was started anew (${how})`, () => {
      const world = withFlows();
      world.clock.advance(1_000);
      if (how === "empty") world.restartShim("ardsley");
      else world.node("ardsley").restart(world.clock.now());
      world.clock.advance(1_000);
      assert.equal(rows(world), CLIENTS.length);
    });
  }

  test("are put back before a previous owner's table is called complete again", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const held = rows(world, previous);
    assert.ok(held > 10);
    world.node("ardsley").restart(world.clock.now());
    assert.equal(rows(world), 0);
    assert.ok(world.untilHad("ardsley", "COMPLETE", 1_000));
    assert.ok(statesOf(world, "ardsley").every(({ index, complete }) => index <= 0 || complete));
    assert.equal(rows(world, previous), held);
    assert.ok(CLIENTS.every((client) => ask(world, client) === "DELIVER"));
  });

  test("stand that their traffic manager was away when an assignment was put in force, and knows nothing", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    world.manager.moveBuckets(Array.from({ length: 16 }, (_, bucket) => bucket), "ardsley");
    assert.ok(world.clock.until(() => world.blades.get("dobbs-ferry")!.manager.status().drained.length > 0, 2_000));
    const { generation } = world.manager.assignment();
    world.blades.get("ardsley")!.life.end();
    // What dobbs-ferry has proved to be over is forgotten without asking.
    assert.ok(world.clock.until(() => world.manager.assignment().generation === generation + 1, 10_000));
    world.restartTrafficManager("ardsley");
    world.clock.advance(1_000);
    assert.equal(world.blades.get("ardsley")!.manager.status().generation, generation + 1);
    assert.equal(rows(world), CLIENTS.length);
  });

  test("stand that it was away for many assignments", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const held = rows(world);
    world.blades.get("ardsley")!.life.end();
    const { generation } = world.manager.assignment();
    assert.ok(world.clock.until(() => world.manager.status().blades[0]!.silent, 10_000));
    for (const blade of ["hartsdale", "irvington", "rye"]) world.grow(blade);
    assert.ok(world.manager.assignment().generation > generation + 2);
    assert.equal(generations(world)[0], generation);
    world.restartTrafficManager("ardsley");
    world.clock.advance(2_000);
    assert.equal(generations(world)[0], world.manager.assignment().generation);
    assert.equal(rows(world), held);
  });

  test("of an owner that was away are not taken for its own again, though its traffic manager knows of no time away", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("ardsley", on)), null);
    world.restartTrafficManager("ardsley");
    world.clock.advance(1_000);
    assert.equal(rows(world), CLIENTS.length, "its IPD is as it was");
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)), null);
    world.clock.advance(1_000);
    assert.equal(generations(world)[0], world.manager.assignment().generation);
    assert.equal(rows(world), 0);
  });

  for (const how of ["its shim was started anew", "its link was down"] as const) {
    test(`nor in its mirror, when it comes back in the moment in which ${how}`, () => {
      const world = withFlows();
      world.grow("dobbs-ferry");
      world.clock.advance(1_000);
      assert.equal(world.outcomeOf((on) => world.manager.failBlade("ardsley", on)), null);
      world.clock.advance(1_000);
      if (how === "its link was down") world.blades.get("ardsley")!.manager.reconnected();
      else world.restartShim("ardsley");
      assert.ok(world.untilHad("ardsley", "PUT", 2_000));
      assert.equal(world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)), null);
      world.clock.advance(2_000);
      assert.ok(statesOf(world, "ardsley").some(({ index }) => index === 0));
      assert.equal(rows(world), 0);
    });
  }

  test("nor in its mirror, when it has come back and loses its buckets in the very next assignment", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("ardsley", on)), null);
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)), null);
    const { generation } = world.manager.assignment();
    const all = Array.from({ length: 16 }, (_, bucket) => bucket);
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(all, "dobbs-ferry", on)), null);
    assert.equal(world.manager.assignment().generation, generation + 1);
    const isComplete = (): boolean => statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && complete);
    assert.ok(world.clock.until(isComplete, 2_000));
    assert.equal(rows(world), 0);
  });

  test("are remembered unless another assignment has come into force while they were listed", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const assignment = world.manager.assignment();
    const next = { ...assignment, generation: assignment.generation + 1 };
    const node = world.node("ardsley");
    const manage = (message: Uint8Array): Uint8Array => node.manage(message, world.clock.now());
    const installer = new ManagementSession(world.clock, { layout: node.layout, request: (message, onAnswer) => onAnswer(manage(message)) });
    let interrupts = true;
    const request = (message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void => {
      const answer = manage(message);
      if (interrupts) installer.putAssignment(next, ({ ok }) => assert.ok(ok));
      interrupts = false;
      onAnswer(answer);
    };
    const mirror = new FlowMirror([]);
    const sessions = new OwnerSessions(world.clock, new ManagementSession(world.clock, { layout: node.layout, request }), world.host("ardsley"), [VIP], mirror);
    const refreshed = (generation: number): number => {
      let found = -1;
      sessions.refresh({ generation, owner: 0 }, (result) => (found = result.ok ? result.value.length : -1));
      assert.ok(found > 10);
      return mirror.live(world.clock.now()).length;
    };
    assert.equal(refreshed(assignment.generation), 0);
    assert.ok(refreshed(next.generation) > 10);
  });

  for (const end of ["called off", "done"] as const) {
    test(`of an owner that was let go by force ${end === "done" ? "are gone when that is done" : "are put back when that is called off"}`, () => {
      const world = withFlows();
      const others = ["dobbs-ferry", "hartsdale", "irvington", "tarrytown"];
      world.grow(...others);
      const all = Array.from({ length: 16 }, (_, bucket) => bucket);
      const move = (owner: string, force = false) => world.outcomeOf((on) => world.manager.moveBuckets(all, owner, on, force));
      for (const [at, owner] of others.slice(0, 3).entries()) {
        assert.equal(move(owner), null);
        world.host(owner).open(200, "established", `10.${at + 3}`);
        world.clock.advance(700);
      }
      assert.equal(rows(world, previous), CLIENTS.length);
      if (end === "done") {
        assert.equal(move("tarrytown", true), null);
        for (const owner of others) world.host(owner).sockets = [];
        world.clock.advance(3_000);
        assert.equal(move("ardsley"), null);
      } else {
        const errors: (Error | null)[] = [];
        world.options = { loses: (from, _to, { kind }) => from === "ardsley" && (kind === "installed" || kind === "sessions") };
        world.manager.moveBuckets(all, "tarrytown", (error) => errors.push(error), true);
        assert.ok(world.clock.until(() => generations(world)[0] === world.manager.status().generation + 1, 2_000));
        world.options = {};
        world.unplug("hartsdale");
        assert.equal(world.outcomeOf((on) => world.manager.failBlade("hartsdale", on)), null);
        assert.deepEqual(errors.map(code), ["E_BLADE_FAILED"]);
      }
      world.clock.advance(1_000);
      assert.equal(rows(world), end === "done" ? 0 : CLIENTS.length);
    });
  }

  test("are put back as old as they were", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.clock.advance(IDLE_MS / 2);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(IDLE_MS / 2 - 2_000);
    assert.ok(rows(world, previous) > 10);
    world.clock.advance(3_000);
    assert.equal(rows(world), 0);
  });

  test("are put into the table of an owner that is about to lose their bucket, where it has evicted them", () => {
    const world = withFlows();
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    const outcome = world.outcomeOf((on) => world.manager.addBlades([world.plug("dobbs-ferry")], on));
    assert.equal(outcome, null);
    world.clock.advance(1_000);
    assert.equal(rows(world), CLIENTS.length);
  });

  test("count as connections, and hold a drain back until they are over", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    const touched = world.clock.now();
    for (const client of CLIENTS) if (ask(world, client) === "DELIVER") answer(world, client);
    world.clock.advance(1_000);
    assert.equal(counted(world, "ardsley"), CLIENTS.length);
    world.manager.drainBlade("ardsley");
    world.clock.advance(IDLE_MS - 5_000);
    assert.deepEqual(world.offline, []);
    assert.equal(counted(world, "ardsley"), CLIENTS.length);
    assert.ok(world.clock.until(() => world.offline.length > 0, 10_000));
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.ok(world.clock.now() - touched >= IDLE_MS);
    assert.equal(rows(world), 0);
  });

  test("that their host has not answered hold it back no longer than it may take to answer", () => {
    const world = withFlows({}, false);
    const asked = world.clock.now();
    world.grow("dobbs-ferry");
    world.manager.drainBlade("ardsley");
    assert.ok(world.clock.until(() => world.offline.length > 0, 20_000));
    const took = world.clock.now() - asked;
    assert.ok(took >= PROVISIONAL_MS && took < 2 * PROVISIONAL_MS, `${took} ms`);
  });

  test("that are touched again and again are cut at their deadline, and counted", () => {
    const world = withFlows({ timing: { flowDrainMs: 90_000 } });
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const held = rows(world, previous);
    const begun = world.clock.now();
    const isAlive = (client: string): boolean => ask(world, client) === "DELIVER";
    while (world.events("flows-cut").length === 0 && world.clock.now() - begun < 200_000) {
      world.clock.advance(10_000);
      CLIENTS.forEach(isAlive);
    }
    const [cut] = world.events("flows-cut");
    assert.equal(cut!.details["flows"], held);
    assert.ok(cut!.at - begun >= 85_000);
    world.clock.advance(1_000);
    assert.equal(rows(world, previous), 0);
    // Those in buckets that it has not lost go on.
    assert.equal(rows(world), CLIENTS.length - held);
    assert.equal(world.manager.status().tally.cut.flows, held);
    assert.deepEqual(world.events("flows-overdue").map(({ details }) => details), [{ blade: "ardsley", flows: held }]);
    world.restartTrafficManager("ardsley");
    world.clock.advance(1_000);
    assert.equal(world.manager.status().tally.cut.flows, held);
  });

  test("live as long as their service says", () => {
    const services = [{ protocol: 17, port: TUNNEL, class: "flow", idleMs: 2_000, provisionalMs: 500 }] as const;
    const world = withFlows({ serves: { services } });
    world.clock.advance(1_500);
    assert.equal(rows(world), CLIENTS.length);
    world.clock.advance(1_500);
    assert.equal(rows(world), 0, "removed when they are over, also by their current owner");
  });

  test("of an owner that has left the history are forgotten: others may have them since", () => {
    const world = withFlows();
    world.grow("dobbs-ferry");
    world.manager.failBlade("ardsley");
    world.clock.advance(2_000);
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([world.blades.get("ardsley")!.blade], on)), null);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(2_000);
    assert.ok(statesOf(world, "ardsley").some(({ index }) => index === 0));
    assert.equal(rows(world), 0);
  });
});
