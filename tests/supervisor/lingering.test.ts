/** Blades that leave while QUIC connections live at them: no history and no socket table shows these. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ETHERTYPE, ethernet, udp } from "../packets/packets.ts";
import { ManagementSession } from "../../host/management/session.ts";
import { makeConnectionId } from "../../host/quic/connection-id.ts";
import { VIP, VMAC, World } from "./world.ts";

const IDLE_MS = 5_000;
const LAYOUT = { config: 3, serverIdBytes: 4, nonceBytes: 12, key: "000102030405060708090a0b0c0d0e0f" } as const;
const SERVER_IDS = { ardsley: "0a0a0a0a", "dobbs-ferry": "0d0d0d0d" } as const;
const MACS = { ardsley: "02:00:00:00:00:01", "dobbs-ferry": "02:00:00:00:00:02" } as const;
type Name = keyof typeof MACS;

const SERVES = {
  services: [
    { protocol: 17, port: 443, class: "cid", idleMs: IDLE_MS, provisionalMs: 1_000 },
    { protocol: 17, port: 53, class: "none", idleMs: 3_600_000, provisionalMs: 1_000 },
  ],
  connectionIds: [
    { ...LAYOUT, serverIds: (Object.keys(MACS) as Name[]).map((name) => ({ mac: MACS[name], id: SERVER_IDS[name] })) },
  ],
} as const;

/** A QUIC packet of a client that the switch has steered to `blade`, of a connection at `server`. */
function packetTo(world: World, blade: Name, server: Name): string {
  const config = { id: LAYOUT.config, serverIdBytes: 4, nonceBytes: 12, key: hex(LAYOUT.key) };
  const id = makeConnectionId(config, hex(SERVER_IDS[server]), new Uint8Array(12).fill(7));
  const payload = Uint8Array.from([0x40, ...id, ...Array<number>(20).fill(0x99)]);
  const datagram = udp({ source: "198.51.100.7", destination: VIP }, { sourcePort: 4433, destinationPort: 443 }, payload);
  const frame = ethernet({ destination: VMAC, source: "06:00:00:00:00:01" }, ETHERTYPE.ipv4, datagram);
  return world.node(blade).frame(frame, 0, world.clock.now());
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** ardsley is drained, and is in no history any more; the last QUIC packet of its connections has come just now. */
function drained(options: ConstructorParameters<typeof World>[0] = {}, deadline: number | null = null): World {
  const world = new World({ serves: SERVES, ...options });
  world.grow("ardsley", "dobbs-ferry");
  assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER");
  assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", deadline, on)), null);
  assert.ok(world.clock.until(() => previousBuckets(world) === 0, 3_000), "no history names it");
  assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER");
  return world;
}

function previousBuckets(world: World): number {
  const { current, previous } = world.manager.status().owners.find(({ name }) => name === "ardsley")!;
  return current + previous;
}

/** A packet a second, by way of the other blade. */
function talk(world: World, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    assert.equal(packetTo(world, "dobbs-ferry", "ardsley"), "REDIRECT");
    assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER");
    world.clock.advance(1_000);
  }
}

describe("a draining blade with QUIC connections", () => {
  test("stays as long as their packets come, in no history, and goes offline when these were silent for the service's idle time", () => {
    const world = drained();
    talk(world, 30);
    assert.deepEqual(world.offline, []);
    assert.equal(previousBuckets(world), 0);
    assert.deepEqual(world.events("lingering").map(({ details }) => details), [{ blade: "ardsley" }]);
    const last = world.clock.now();
    assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER");
    assert.ok(world.clock.until(() => world.offline.length > 0, 2 * IDLE_MS));
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    assert.ok(world.clock.now() - last >= IDLE_MS, "not before");
  });

  test("goes offline at its deadline, whatever comes", () => {
    const world = drained({}, 20_000);
    talk(world, 12);
    assert.deepEqual(world.offline, []);
    const talked = (): boolean => {
      packetTo(world, "ardsley", "ardsley");
      return world.offline.length > 0;
    };
    assert.ok(world.clock.until(talked, 15_000));
    assert.deepEqual(world.offline.map(({ blade }) => blade), ["ardsley"]);
  });

  test("serves again when its drain is cancelled, and lingers again when it is drained again", () => {
    const world = drained();
    talk(world, 3);
    assert.equal(world.outcomeOf((on) => world.manager.cancelDrain("ardsley", on)), null);
    assert.notEqual(previousBuckets(world), 0);
    assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)), null);
    talk(world, 8);
    assert.deepEqual(world.offline, []);
    assert.equal(world.events("lingering").length, 2);
  });

  test("goes at once when it is removed", () => {
    const world = drained();
    talk(world, 5);
    assert.equal(world.outcomeOf((on) => world.manager.removeBlade("ardsley", on)), null);
    assert.deepEqual(world.offline.map(({ blade }) => blade), ["ardsley"]);
  });

  test("is not given up when its shim was started anew, and has forgotten what it delivered", () => {
    const world = drained();
    talk(world, 5);
    const restarted = world.clock.now();
    world.restartShim("ardsley");
    world.clock.advance(IDLE_MS - 1_000);
    assert.deepEqual(world.offline, []);
    assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER", "services and server ids were put again");
    assert.ok(world.clock.until(() => world.offline.length > 0, 2 * IDLE_MS));
    assert.ok(world.clock.now() - restarted >= 2 * IDLE_MS - 1_000);
  });

  test("is not given up when its firmware has trapped", () => {
    const world = drained();
    talk(world, 5);
    world.node("ardsley").restart(world.clock.now(), "replayed");
    assert.equal(packetTo(world, "ardsley", "ardsley"), "DELIVER", "services and server ids were replayed");
    talk(world, 10);
    assert.deepEqual(world.offline, []);
  });

  test("is not given up when its traffic manager, or the appliance manager, was started anew", () => {
    const store = { saved: [] as unknown[], save: (state: unknown) => void store.saved.push(structuredClone(state)) };
    const world = drained({ store: store as never });
    talk(world, 3);
    world.restartTrafficManager("ardsley");
    talk(world, 8);
    assert.deepEqual(world.offline, []);
    world.restartManager(store.saved.at(-1) as never);
    talk(world, 8);
    assert.deepEqual(world.offline, []);
    assert.ok(world.clock.until(() => world.offline.length > 0, 2 * IDLE_MS));
  });

  test("is not given up by an appliance manager that was started anew, and has not heard it since", () => {
    const store = { saved: [] as unknown[], save: (state: unknown) => void store.saved.push(structuredClone(state)) };
    const world = drained({ store: store as never });
    world.unplug("ardsley");
    world.restartManager(store.saved.at(-1) as never);
    world.clock.advance(IDLE_MS);
    assert.deepEqual(world.offline, []);
    packetTo(world, "ardsley", "ardsley");
    world.restartTrafficManager("ardsley");
    talk(world, 3);
    assert.deepEqual(world.offline, []);
    assert.ok(world.clock.until(() => world.offline.length > 0, 2 * IDLE_MS));
  });

  test("is not given up when its IPD does not answer a traffic manager that was started anew, whenever that begins", () => {
    for (let ms = 1; ms < 60; ms += 2) {
      let isSilent = false;
      const world = drained({ drops: (node) => node === "ardsley" && isSilent });
      world.restartTrafficManager("ardsley");
      world.clock.advance(ms);
      isSilent = true;
      world.clock.advance(600);
      isSilent = false;
      talk(world, 3);
      assert.deepEqual(world.offline, [], `${ms} ms after its start`);
    }
  });
});

describe("packets of a QUIC connection", () => {
  /** What its own server would be sent is a flow's, and goes to the current owner. */
  const isFlowOfOther = (world: World): boolean => packetTo(world, "dobbs-ferry", "ardsley") === "DELIVER";

  test("go to the current owner once their server has failed", () => {
    const world = new World({ serves: SERVES });
    world.grow("ardsley", "dobbs-ferry");
    assert.equal(isFlowOfOther(world), false);
    world.unplug("ardsley");
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("ardsley", on)), null);
    assert.equal(isFlowOfOther(world), true);
  });

  test("do so once their server was cut off at its deadline, and find it again when it is added again", () => {
    const world = drained({}, 3_000);
    assert.ok(
      world.clock.until(() => {
        packetTo(world, "ardsley", "ardsley");
        return world.offline.length > 0;
      }, 5_000),
    );
    assert.equal(isFlowOfOther(world), true);
    const { blade } = world.blades.get("ardsley")!;
    assert.equal(world.outcomeOf((on) => world.manager.addBlades([blade], on)), null);
    assert.equal(isFlowOfOther(world), false);
  });
});

test("what was delivered is not asked for in an appliance without services of class cid", () => {
  const world = new World();
  world.grow("ardsley");
  world.clock.advance(2_000);
  assert.deepEqual(world.had.filter(({ type }) => type === "USES"), []);
});

test("a shim that was started anew delivers no QUIC packet of another server, however far its tables have come", () => {
  const world = new World({ serves: SERVES });
  world.grow("ardsley", "dobbs-ferry");
  world.restartShim("ardsley");
  // It was being sent when the shim went down.
  const node = world.node("ardsley");
  const channel = { layout: node.layout, request: (message: Uint8Array, onAnswer: (answer: Uint8Array) => void) => onAnswer(node.manage(message, world.clock.now())) };
  new ManagementSession(world.clock, channel).putAssignment(world.manager.assignment(), ({ ok }) => assert.ok(ok));
  const seen = new Set<string>();
  for (let ms = 0; ms < 1_000; ms++) {
    world.clock.advance(1);
    seen.add(packetTo(world, "ardsley", "dobbs-ferry"));
  }
  assert.deepEqual([...seen], ["DROP NO_ASSIGNMENT", "REDIRECT"]);
});
