/** Handover lists between traffic managers: real managers, real images, and frames where it shows. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Handover, HandoverList } from "../../host/supervisor/messages.ts";
import { ACK, ethernet, ETHERTYPE, SYN, tcp } from "../packets/packets.ts";
import { statesOf } from "./probe.ts";
import { VIP, World, type WorldOptions } from "./world.ts";

const VMAC = "02:d0:bb:00:00:01";
const CLIENT_MAC = "06:00:00:00:00:01";
/** In a frame with a redirect tag (docs/protocol.md). */
const TAG_KIND_AT = 7;
/** Time for a move to settle: the look that follows the install, and what is asked for at the next. */
const SETTLED_MS = 1_000;

/** ardsley has connections, and has lost half of its buckets to dobbs-ferry. */
function moved(sockets: number, options: WorldOptions = {}): World {
  const world = new World(options);
  world.grow("ardsley");
  world.host("ardsley").open(sockets);
  world.grow("dobbs-ferry");
  return world;
}

/** Of the buckets that dobbs-ferry is current in and has a history of: places of lists held. */
function listsHeld(world: World): readonly (readonly number[])[] {
  return statesOf(world, "dobbs-ferry").filter(({ index }) => index === 0).map(({ lists }) => lists);
}

function allHeld(world: World): boolean {
  const lists = listsHeld(world);
  return lists.length > 0 && lists.every((places) => places.length === 1 && places[0] === 1);
}

/** What dobbs-ferry's firmware does with a client's segment that the switch has brought. */
function segment(world: World, client: string, clientPort: number, flags: number): "delivers" | "asks" | "resteers" | "drops" {
  const payload = tcp({ source: client, destination: VIP }, { sourcePort: clientPort, destinationPort: 80 }, flags);
  const frame = ethernet({ destination: VMAC, source: CLIENT_MAC }, ETHERTYPE.ipv4, payload);
  const { verdict, sent } = world.node("dobbs-ferry").process(0, frame, world.clock.now());
  if (verdict !== "REDIRECT") return verdict === "DELIVER" ? "delivers" : "drops";
  // The redirect tag's kind.
  return (sent[0]![TAG_KIND_AT]! & 0xf) === world.node("dobbs-ferry").layout.code("RedirectKind", "RESTEER") ? "resteers" : "asks";
}

/** ardsley's connections in buckets that it has lost. */
function movedSockets(world: World) {
  return world
    .host("ardsley")
    .sockets.filter(({ client, clientPort }) => segment(world, client, clientPort, ACK) === "asks");
}

/** What becomes of new connections in dobbs-ferry's buckets. */
function newcomers(world: World, clientPort: number): string[] {
  return strangers(64)
    .map((client) => segment(world, client, clientPort, SYN))
    .filter((what) => what !== "resteers");
}

function handovers(world: World): Handover[] {
  return world.sent.flatMap(({ message }) => (message.kind === "handover" ? [message] : []));
}

function strangers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.9.${n >> 8}.${n & 255}`);
}

describe("handover lists", () => {
  test("once a move has settled, a new connection takes no detour, and an old one is where it was", () => {
    const world = moved(60);
    world.clock.advance(SETTLED_MS);
    assert.ok(allHeld(world));
    const old = movedSockets(world);
    assert.ok(old.length > 10);
    const found = newcomers(world, 999);
    assert.ok(found.length > 16 && found.every((what) => what === "delivers"), found.join(" "));
    const listed = handovers(world).flatMap(({ lists }) => lists.flatMap(({ flows }) => flows));
    assert.equal(listed.length, old.length);
  });

  test("before that it asks the previous owner", () => {
    const world = moved(60, { loses: (_, __, { kind }) => kind === "handover" });
    world.clock.advance(SETTLED_MS);
    assert.ok(listsHeld(world).every((places) => places.length === 0));
    const found = newcomers(world, 999);
    assert.ok(found.length > 16 && found.every((what) => what === "asks"), found.join(" "));
  });

  test("a stuck previous owner delays nobody's new connection", () => {
    const world = moved(60);
    world.clock.advance(SETTLED_MS);
    const old = movedSockets(world);
    // Its traffic manager is heard of no more, and its NIC would answer nothing.
    world.unplug("ardsley");
    world.clock.advance(60_000);
    assert.ok(allHeld(world));
    const found = newcomers(world, 999);
    assert.ok(found.length > 16 && found.every((what) => what === "delivers"), found.join(" "));
    // Those that it has wait for it: they are nobody else's.
    assert.ok(old.every(({ client, clientPort }) => segment(world, client, clientPort, ACK) === "asks"));
  });

  test("are asked for again until they have come", () => {
    let lost = 0;
    const world = moved(60, { loses: (_, __, { kind }) => kind === "handover" && lost++ < 3 });
    assert.ok(world.clock.until(() => lost > 3, 10_000));
    world.clock.advance(100);
    assert.ok(allHeld(world));
    const asked = handovers(world).length;
    world.clock.advance(5_000);
    assert.equal(handovers(world).length, asked, "what is held is not asked for");
  });

  for (const how of ["replayed", "empty"] as const) {
    test(`are asked for again after the IPD of the current owner was started anew (${how})`, () => {
      const world = moved(60);
      world.clock.advance(SETTLED_MS);
      if (how === "empty") world.restartShim("dobbs-ferry");
      else world.node("dobbs-ferry").restart(world.clock.now());
      if (how === "replayed") assert.ok(!allHeld(world));
      world.clock.advance(SETTLED_MS);
      assert.ok(allHeld(world));
    });
  }

  test("are asked for by a traffic manager that was started anew only when its IPD has not got them", () => {
    const world = moved(60);
    world.clock.advance(SETTLED_MS);
    const before = handovers(world).length;
    world.restartTrafficManager("dobbs-ferry");
    world.clock.advance(SETTLED_MS);
    assert.ok(allHeld(world));
    assert.equal(handovers(world).length, before);
  });

  test("are of the flow table: what the host has closed and nobody has removed is in them", () => {
    const world = moved(200, { loses: (from, _, { kind }) => kind === "sessions" && from === "dobbs-ferry" });
    // Nobody asks yet; the table is complete.
    world.clock.advance(SETTLED_MS);
    const old = movedSockets(world);
    const host = world.host("ardsley");
    host.sockets = host.sockets.filter((_, at) => at % 2 === 0);
    world.options = {};
    assert.ok(world.clock.until(() => handovers(world).length > 0, 1_000));
    const listed = handovers(world).flatMap(({ lists }) => lists.flatMap(({ flows }) => flows));
    assert.equal(listed.length, old.length);
  });

  test("without a flow come first, and all of a look in few messages", () => {
    const world = moved(0, { buckets: 1024 });
    assert.ok(world.clock.until(() => handovers(world).length > 0, SETTLED_MS));
    world.clock.advance(10);
    assert.ok(allHeld(world));
    assert.equal(handovers(world).length, 1);
    assert.equal(handovers(world)[0]!.lists.length, 512);
  });

  test("are given of complete tables only: nothing is said while one is being filled", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(60);
    world.host("ardsley").queueMs = 400;
    world.grow("dobbs-ferry");
    assert.ok(world.untilHad("ardsley", "COMPLETE", 2_000));
    assert.deepEqual(handovers(world), []);
    world.clock.advance(SETTLED_MS);
    assert.ok(allHeld(world));
  });

  test("a scan during which the image was started anew is worth nothing", () => {
    const world = moved(60, { loses: (from, _, { kind }) => kind === "sessions" && from === "dobbs-ferry" });
    world.clock.advance(SETTLED_MS);
    world.options = {};
    // A look reads the buckets' states; when it gives lists, once more, then the rows.
    const scans = ["BUCKETS", "BUCKETS", "LIST"];
    const hasScanned = (): boolean => {
      const types = world.had.filter(({ node }) => node === "ardsley").slice(-scans.length).map(({ type }) => type);
      return types.every((type, at) => type === scans[at]);
    };
    assert.ok(world.clock.until(hasScanned, 1_000));
    world.node("ardsley").restart(world.clock.now());
    const given = handovers(world).length;
    world.clock.advance(20);
    assert.equal(handovers(world).length, given);
    assert.ok(statesOf(world, "ardsley").some(({ index, complete }) => index > 0 && !complete));
    world.clock.advance(2_000);
    assert.ok(allHeld(world));
    const last = new Map(handovers(world).flatMap(({ lists }) => lists.map((list): [number, HandoverList] => [list.bucket, list])));
    const flows = [...last.values()].reduce((sum, list) => sum + list.flows.length, 0);
    assert.equal(flows, statesOf(world, "ardsley").reduce((sum, { index, rows }) => sum + (index > 0 ? rows : 0), 0));
  });

  test("carry the generation of the scan: one that is behind is not taken", () => {
    const world = moved(60);
    world.clock.advance(SETTLED_MS);
    const old = handovers(world)[0]!;
    world.node("dobbs-ferry").restart(world.clock.now());
    world.options = { loses: (from, _, { kind }) => kind === "handover" && from === "ardsley" };
    world.clock.advance(SETTLED_MS);
    const { manager } = world.blades.get("dobbs-ferry")!;
    manager.receive("ardsley", { ...old, generation: old.generation - 1 });
    manager.receive("ardsley", { ...old, generation: old.generation + 1 });
    world.clock.advance(20);
    assert.ok(listsHeld(world).every((places) => places.length === 0));
    manager.receive("ardsley", old);
    world.clock.advance(200);
    assert.ok(listsHeld(world).some((places) => places.length === 1));
  });

  test("are taken from the blade of their owner only, and for buckets of this blade", () => {
    const world = moved(60);
    world.clock.advance(SETTLED_MS);
    const old = handovers(world)[0]!;
    world.node("dobbs-ferry").restart(world.clock.now());
    world.options = { loses: (from, _, { kind }) => kind === "handover" && from === "ardsley" };
    world.clock.advance(SETTLED_MS);
    const { manager } = world.blades.get("dobbs-ferry")!;
    const putting = (): number => world.had.filter(({ type }) => type.startsWith("HANDOVER")).length;
    const before = putting();
    manager.receive("dobbs-ferry", old);
    manager.receive("hartsdale", old);
    manager.receive("ardsley", { ...old, owner: "dobbs-ferry" });
    manager.receive("ardsley", { ...old, lists: [{ bucket: 99, flows: [] }] });
    const ardsleys = statesOf(world, "ardsley").filter(({ index }) => index === 0).map(({ bucket }) => ({ bucket, flows: [] }));
    manager.receive("ardsley", { ...old, lists: ardsleys });
    world.clock.advance(100);
    assert.equal(putting(), before);
  });

  test("for which there is no room are refused, said so, and not asked for again", () => {
    const world = new World({ buckets: 2 });
    world.grow("ardsley");
    world.host("ardsley").open(9_000);
    world.grow("dobbs-ferry");
    world.clock.advance(3_000);
    const given = handovers(world).length;
    assert.ok(given > 0);
    assert.equal(world.events("list-refused").length, 1);
    assert.ok(listsHeld(world).every((places) => places.length === 0));
    world.clock.advance(3_000);
    assert.equal(handovers(world).length, given);
  });

  test("between owners of one blade are not needed", () => {
    const world = new World();
    const outcome = world.outcomeOf((on) => world.manager.addBlades([world.plug("ardsley", ["vm1", "vm2"])], on));
    assert.equal(outcome, null);
    world.host("ardsley/vm1").open(40);
    const buckets = statesOf(world, "ardsley").filter(({ index }) => index === 0).map(({ bucket }) => bucket);
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(buckets, "ardsley/vm2", on)), null);
    world.clock.advance(SETTLED_MS);
    assert.deepEqual(handovers(world), []);
    assert.ok(world.sent.every(({ message }) => message.kind !== "sessions" || message.lacking.length === 0));
  });
});
