/** SYN cookies: connections that no socket table has yet. Real managers, real images, virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ACK, ethernet, ETHERTYPE, SYN, tcp } from "../packets/packets.ts";
import { statesOf } from "./probe.ts";
import { VIP, World } from "./world.ts";

const VMAC = "02:d0:bb:00:00:01";
const CLIENT_MAC = "06:00:00:00:00:01";
const ARDSLEY_MAC = "02:00:00:00:00:01";
const COOKIE_MS = 128_000;
const CLIENTS = Array.from({ length: 40 }, (_, n) => `10.3.0.${n}`);

function fromClient(world: World, client: string, flags: number): string {
  const payload = tcp({ source: client, destination: VIP }, { sourcePort: 7_000, destinationPort: 80 }, flags);
  const frame = ethernet({ destination: VMAC, source: CLIENT_MAC }, ETHERTYPE.ipv4, payload);
  return world.node("ardsley").process(0, frame, world.clock.now()).verdict;
}

function fromHost(world: World, client: string, flags: number): void {
  const payload = tcp({ source: VIP, destination: client }, { sourcePort: 80, destinationPort: 7_000 }, flags);
  const frame = ethernet({ destination: CLIENT_MAC, source: ARDSLEY_MAC }, ETHERTYPE.ipv4, payload);
  world.node("ardsley").process(1, frame, world.clock.now());
}

/** ardsley's host answers a SYN of each client, and keeps nothing of it; `counts`: it says so. */
function withCookies(counts: boolean): World {
  const world = new World();
  world.grow("ardsley");
  // Of cookies that were out when the image began no row would tell.
  world.clock.advance(COOKIE_MS);
  for (const client of CLIENTS) {
    assert.equal(fromClient(world, client, SYN), "DELIVER");
    fromHost(world, client, SYN | ACK);
  }
  if (counts) world.host("ardsley").cookies = CLIENTS.length;
  return world;
}

function rows(world: World): number {
  return statesOf(world, "ardsley").reduce((sum, { index, rows }) => sum + (index > 0 ? rows : 0), 0);
}

function isComplete(world: World): boolean {
  const previous = statesOf(world, "ardsley").filter(({ index }) => index > 0);
  assert.ok(previous.length > 0);
  return previous.every(({ complete }) => complete);
}

describe("while a host has SYN cookies out", () => {
  test("a move waits for none of them: all rows are there", () => {
    const world = withCookies(true);
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    assert.ok(isComplete(world));
  });

  test("their rows are kept as long as they may come back, and not longer", () => {
    const world = withCookies(true);
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const kept = rows(world);
    world.clock.advance(COOKIE_MS - 10_000);
    assert.equal(rows(world), kept);
    world.clock.advance(20_000);
    assert.ok(rows(world) < kept);
  });

  test("without cookies a row that no socket has is dead, and is removed soon", () => {
    const world = withCookies(false);
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const before = rows(world);
    world.clock.advance(10_000);
    assert.ok(rows(world) < before);
  });

  test("a drain waits for them", () => {
    const world = withCookies(true);
    world.grow("dobbs-ferry");
    const begun = world.clock.now();
    world.manager.drainBlade("ardsley");
    world.clock.advance(COOKIE_MS - 5_000);
    assert.deepEqual(world.offline, []);
    assert.ok(world.clock.until(() => world.offline.length > 0, 20_000));
    assert.ok(world.clock.now() - begun > COOKIE_MS - 2_000);
  });

  test("a message to the IPD that says so may be lost: the traffic manager goes on looking", () => {
    let isSilent = false;
    const world = new World({ drops: (node) => node === "ardsley" && isSilent });
    world.grow("ardsley", "dobbs-ferry");
    const host = world.host("ardsley");
    host.open(40);
    world.clock.advance(1_000);
    host.cookies = 1;
    world.untilHad("ardsley", "HELLO", 1_000);
    isSilent = true;
    world.clock.advance(300);
    isSilent = false;
    host.sockets = [];
    // More of them are sent all the time.
    for (let second = 0; second < 5; second++) {
      host.cookies++;
      world.clock.advance(1_000);
    }
    assert.deepEqual(world.manager.status().owners.map(({ name, live }) => [name, live]), [["ardsley", 0], ["dobbs-ferry", 0]]);
  });

  test("a client that comes back with one is served by the host that has sent it", () => {
    const world = withCookies(true);
    world.grow("dobbs-ferry");
    world.clock.advance(COOKIE_MS - 10_000);
    assert.ok(CLIENTS.every((client) => fromClient(world, client, ACK) === "DELIVER"));
  });

  for (const how of ["replayed", "empty"] as const) {
    test(`a previous owner's IPD that was started anew is not complete before they have run out (${how})`, () => {
      const world = withCookies(true);
      world.host("ardsley").open(60);
      world.grow("dobbs-ferry");
      world.clock.advance(1_000);
      const restartedAt = world.clock.now();
      if (how === "empty") world.restartShim("ardsley");
      else world.node("ardsley").restart(world.clock.now());
      world.clock.advance(2_000);
      assert.equal(isComplete(world), false);
      const known = world.host("ardsley").sockets.length;
      const seeded = statesOf(world, "ardsley").reduce((sum, { rows }) => sum + rows, 0);
      assert.equal(seeded, known, "the connections that it knows of are served meanwhile");
      world.clock.advance(COOKIE_MS - 10_000);
      assert.equal(isComplete(world), false);
      world.clock.advance(20_000);
      assert.equal(isComplete(world), true);
      assert.ok(world.clock.now() - restartedAt >= COOKIE_MS);
      assert.deepEqual(world.events("look-failed").filter(({ at }) => at > restartedAt + 1_000), []);
    });
  }

  test("an IPD that was started anew before anyone could tell it of cookies knows that it may have lost some", () => {
    const world = new World();
    world.grow("ardsley");
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(COOKIE_MS);
    world.options = { drops: (node) => node === "ardsley" };
    world.host("ardsley").cookies = 1;
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(8_000);
    world.options = {};
    world.clock.advance(2_000);
    assert.equal(isComplete(world), false);
  });

  test("so does one that is told late, in words that were right before it was started anew", () => {
    // Just not a whole second: what is told is as exact as it can be.
    const pollMs = 1_990;
    const world = new World({ timing: { pollMs } });
    world.grow("ardsley");
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(COOKIE_MS);
    assert.ok(world.untilHad("ardsley", "HELLO", 2 * pollMs));
    world.clock.advance(100);
    world.host("ardsley").cookies = 1;
    world.node("ardsley").restart(world.clock.now());
    assert.ok(world.untilHad("ardsley", "HELLO", 2 * pollMs));
    // It is sent again, as it was.
    world.options = { drops: (node) => node === "ardsley" };
    world.clock.advance(120);
    world.options = {};
    world.clock.advance(pollMs / 2);
    assert.equal(isComplete(world), false);
  });

  test("the looks go on: other buckets drain, and connections are counted", () => {
    const world = withCookies(true);
    const host = world.host("ardsley");
    host.open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(5_000);
    host.sockets = host.sockets.slice(0, 30);
    world.clock.advance(1_000);
    assert.equal(world.manager.status().owners.find(({ name }) => name === "ardsley")!.live, 30);
  });

  test("those of long ago are forgotten", () => {
    const world = withCookies(true);
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(COOKIE_MS + 1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(1_000);
    assert.ok(isComplete(world));
  });

  test("a traffic manager that was started anew takes those that were sent before for new ones", () => {
    const world = withCookies(true);
    world.host("ardsley").open(60);
    world.grow("dobbs-ferry");
    world.clock.advance(COOKIE_MS + 1_000);
    world.restartTrafficManager("ardsley");
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(1_000);
    assert.equal(isComplete(world), false);
  });
});

describe("while a host cannot tell whether it has sent SYN cookies", () => {
  /** ardsley's host has connections, and its counter cannot be read; dobbs-ferry has taken buckets of it. */
  function untold(): World {
    const world = new World();
    world.grow("ardsley");
    world.clock.advance(COOKIE_MS);
    world.host("ardsley").open(60);
    world.host("ardsley").cookies = null;
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    return world;
  }

  test("a move waits for nothing: no row was lost", () => {
    assert.ok(isComplete(untold()));
  });

  test("an IPD that is started anew is not complete before cookies would have run out, and is then", () => {
    const world = untold();
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(COOKIE_MS - 5_000);
    assert.equal(isComplete(world), false);
    world.clock.advance(15_000);
    assert.equal(isComplete(world), true);
  });

  test("a row that no socket has is kept as long as a cookie may come back, and not longer", () => {
    const world = withCookies(false);
    world.host("ardsley").cookies = null;
    world.grow("dobbs-ferry");
    world.clock.advance(1_000);
    const kept = rows(world);
    assert.ok(kept > 0);
    world.clock.advance(COOKIE_MS - 10_000);
    assert.equal(rows(world), kept);
    world.clock.advance(20_000);
    assert.equal(rows(world), 0);
  });

  test("a drain waits for that, and ends", () => {
    const world = withCookies(false);
    world.host("ardsley").cookies = null;
    world.grow("dobbs-ferry");
    world.manager.drainBlade("ardsley");
    world.clock.advance(COOKIE_MS - 5_000);
    assert.deepEqual(world.offline, []);
    assert.ok(world.clock.until(() => world.offline.length > 0, 20_000));
  });

  test("without half-open rows a drain waits for its connections only", () => {
    const world = untold();
    world.manager.drainBlade("ardsley");
    world.clock.advance(5_000);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = [];
    assert.ok(world.clock.until(() => world.offline.length > 0, 20_000));
  });

  test("when it can again, and has sent none meanwhile, nothing is waited for any more", () => {
    const world = untold();
    world.host("ardsley").cookies = 0;
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(1_000);
    assert.ok(isComplete(world));
  });

  test("when it can again, and has sent some, these are waited for", () => {
    const world = untold();
    world.host("ardsley").cookies = 7;
    world.clock.advance(1_000);
    world.node("ardsley").restart(world.clock.now());
    world.clock.advance(COOKIE_MS - 10_000);
    assert.equal(isComplete(world), false);
  });
});
