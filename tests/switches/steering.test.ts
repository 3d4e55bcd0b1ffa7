/** One table of what becomes of a frame, and three kinds of switch that it holds for. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { arp, ethernet, ETHERTYPE, icmp, ipv4, SYN, tcp, udp } from "../packets/packets.ts";
import { check, type Kind, openRig, program, type Rig, unable, until } from "./rig.ts";
import { EMPTY_DATAGRAM, ipv6, NEXT_HEADER, solicitation, SYN_SEGMENT } from "./ipv6-frames.ts";
import { assignment, BUCKETS, clientOf, clientOf6, inTurn, macOfBlade, ORPHAN_BUCKET, state, VIP, VIP6, VMAC } from "./states.ts";

const CLIENT_MAC = "02:00:00:00:00:c1";
const BROADCAST = "ff:ff:ff:ff:ff:ff";
const TAG = "d2:b1:00:01:00:07";
const STATION = "02:d0:bb:00:03:01";
/** Local experimental ethertype of IEEE 802. */
const EXPERIMENTAL = 0x88b5;
const OPEN_PORTS = [0, 1, 2, 3, 4];
const BUCKET = 8;
const OWNER = inTurn(BUCKET)!;
const PORTS = { sourcePort: 40_000, destinationPort: 80 };

type Sent = readonly [port: number, frame: Uint8Array];

function toVip(bucket: number, payload = tcp({ source: clientOf(bucket), destination: VIP }, PORTS, SYN)): Uint8Array {
  return ethernet({ destination: VMAC, source: CLIENT_MAC }, ETHERTYPE.ipv4, payload);
}

function toVip6(bucket: number, nextHeader: number = NEXT_HEADER.tcp, payload = SYN_SEGMENT): Uint8Array {
  return ethernet({ destination: VMAC, source: CLIENT_MAC }, ETHERTYPE.ipv6, ipv6(clientOf6(bucket), VIP6, nextHeader, payload));
}

function between(source: string, destination: string, tags: readonly [number, number][] = []): Uint8Array {
  const payload = tcp({ source: clientOf(BUCKET), destination: VIP }, PORTS, SYN);
  return ethernet({ destination, source, tags }, ETHERTYPE.ipv4, payload);
}

function askFor(targetIp: string, destination = BROADCAST, bucket = BUCKET): Uint8Array {
  const message = arp({ operation: 1, senderMac: CLIENT_MAC, senderIp: clientOf(bucket), targetIp });
  return ethernet({ destination, source: CLIENT_MAC }, ETHERTYPE.arp, message);
}

/** The ports that each frame leaves by. Behind them goes a broadcast, which arrives when they have. */
async function whereTo(rig: Rig, sent: readonly Sent[], open = OPEN_PORTS): Promise<number[][]> {
  rig.received();
  const numbers = sent.map(([port, frame]) => rig.send(port, frame));
  const last = ethernet({ destination: BROADCAST, source: "02:00:00:00:00:ff" }, EXPERIMENTAL, new Uint8Array(46));
  const ingresses = [...new Set(sent.map(([port]) => port))].filter((port) => open.includes(port));
  const awaited = new Set<string>();
  for (const port of ingresses) {
    const number = rig.send(port, last);
    for (const other of open) if (other !== port) awaited.add(`${number} ${other}`);
  }
  const ports = new Map<number, number[]>(numbers.map((number) => [number, []]));
  await until(() => {
    for (const [port, came] of rig.received().entries()) {
      for (const number of came) {
        ports.get(number)?.push(port);
        awaited.delete(`${number} ${port}`);
      }
    }
    return awaited.size === 0;
  }, "a broadcast at every port");
  return numbers.map((number) => ports.get(number)!.sort());
}

interface Case {
  readonly what: string;
  /** The last one is looked at. */
  readonly sent: readonly Sent[];
  readonly to: readonly number[] | ((kind: Kind) => readonly number[]);
}

const CASES: readonly Case[] = [
  { what: "UDP for the VIP goes by the client", sent: [[0, toVip(BUCKET, udp({ source: clientOf(BUCKET), destination: VIP }, PORTS))]], to: [OWNER] },
  { what: "ICMP for the VIP goes by the client", sent: [[0, toVip(BUCKET, icmp({ source: clientOf(BUCKET), destination: VIP }, 8, 0))]], to: [OWNER] },
  {
    what: "a later fragment goes by the client",
    sent: [[0, toVip(BUCKET, ipv4({ source: clientOf(BUCKET), destination: VIP, fragment: 0x00b9 }, 6, new Uint8Array(64)))]],
    to: [OWNER],
  },
  { what: "a VLAN tag changes nothing", sent: [[0, between(CLIENT_MAC, VMAC, [[ETHERTYPE.vlan, 42]])]], to: [OWNER] },
  { what: "UDP over IPv6 goes by the client", sent: [[0, toVip6(BUCKET, NEXT_HEADER.udp, EMPTY_DATAGRAM)]], to: [OWNER] },
  {
    what: "a later fragment of IPv6 goes by the client",
    sent: [[0, toVip6(BUCKET, NEXT_HEADER.fragment, Uint8Array.from([NEXT_HEADER.udp, 0, 0x05, 0xc8, 0, 0, 0, 1, ...new Array(32).fill(0)]))]],
    to: [OWNER],
  },
  { what: "a VLAN tag changes nothing for IPv6", sent: [[0, ethernet({ destination: VMAC, source: CLIENT_MAC, tags: [[ETHERTYPE.vlan, 42]] }, ETHERTYPE.ipv6, ipv6(clientOf6(BUCKET), VIP6, NEXT_HEADER.tcp, SYN_SEGMENT))]], to: [OWNER] },
  {
    what: "a neighbour solicitation for the VIP reaches the owner of the asker's bucket",
    sent: [[0, solicitation({ mac: CLIENT_MAC, ip: clientOf6(BUCKET) }, VIP6)]],
    to: (kind) => (kind === "dobbs" ? [1, 2, 3, 4] : [OWNER]),
  },
  { what: "a neighbour solicitation for another address floods", sent: [[0, solicitation({ mac: CLIENT_MAC, ip: clientOf6(BUCKET) }, "2001:db8::7")]], to: [1, 2, 3, 4] },
  { what: "a bucket without an owner gets nothing over IPv6", sent: [[0, toVip6(ORPHAN_BUCKET)]], to: [] },
  { what: "what is for the VMAC and not IP counts as bucket 0", sent: [[0, ethernet({ destination: VMAC, source: CLIENT_MAC }, EXPERIMENTAL, new Uint8Array(46))]], to: [inTurn(0)!] },
  {
    // Our own blades know whose turn it is, so our own switch may ask them all.
    what: "an ARP request for the VIP reaches the owner of the asker's bucket",
    sent: [[0, askFor(VIP)]],
    to: (kind) => (kind === "dobbs" ? [1, 2, 3, 4] : [OWNER]),
  },
  { what: "an ARP request for the VIP at the VMAC, too", sent: [[0, askFor(VIP, VMAC)]], to: [OWNER] },
  { what: "an ARP request for another address floods", sent: [[0, askFor("192.0.2.7")]], to: [1, 2, 3, 4] },
  { what: "a bucket without an owner gets nothing", sent: [[0, toVip(ORPHAN_BUCKET)]], to: [] },
  { what: "an ARP request of a bucket without an owner goes to no blade that would answer", sent: [[0, askFor(VIP, VMAC, ORPHAN_BUCKET)]], to: [] },
  { what: "a frame does not go back to where it came from", sent: [[OWNER, between("02:00:00:00:00:d1", VMAC)]], to: [] },
  { what: "a redirected frame goes to the owner it is for", sent: [[1, between(TAG, macOfBlade(3))]], to: [3] },
  { what: "a redirect tag from an uplink is not let in", sent: [[4, between(TAG, macOfBlade(3))]], to: [] },
  { what: "a redirect tag is no station's address", sent: [[1, between(TAG, macOfBlade(3))], [2, between(macOfBlade(2), TAG)]], to: [0, 1, 3, 4] },
  { what: "an owner's own traffic reaches it", sent: [[0, between(CLIENT_MAC, macOfBlade(2))]], to: [2] },
  { what: "a client with an owner's MAC is not believed", sent: [[0, between(macOfBlade(2), macOfBlade(1))], [1, between(macOfBlade(1), macOfBlade(2))]], to: [2] },
  { what: "a reply goes to where the client was heard", sent: [[0, toVip(BUCKET)], [1, between(macOfBlade(1), CLIENT_MAC)]], to: [0] },
  { what: "and to where it has moved", sent: [[4, toVip(BUCKET)], [1, between(macOfBlade(1), CLIENT_MAC)]], to: [4] },
  { what: "a station that nobody has heard of is looked for everywhere", sent: [[2, between(macOfBlade(2), "02:00:00:00:00:e9")]], to: [0, 1, 3, 4] },
  { what: "a forward entry says where a station is", sent: [[1, between(macOfBlade(1), STATION)]], to: [4] },
  { what: "a filter drops what it matches", sent: [[0, ethernet({ destination: "01:80:c2:00:00:0e", source: CLIENT_MAC }, 0x88cc, new Uint8Array(46))]], to: [] },
  { what: "a filter lets through what an earlier one allows", sent: [[4, ethernet({ destination: "01:80:c2:00:00:0e", source: CLIENT_MAC }, 0x88cc, new Uint8Array(46))]], to: [0, 1, 2, 3] },
];

const LLDP = { destination: { mac: "01:80:c2:00:00:00", mask: "ff:ff:ff:ff:ff:f0" }, ethertype: 0x88cc } as const;
const RULES = {
  filters: [{ action: "allow", ...LLDP, port: 4 }, { action: "drop", ...LLDP }],
  forward: [{ mac: STATION, port: 4 }],
} as const;

for (const kind of ["dobbs", "nft", "ovs"] as const) {
  const skip = unable(kind);
  describe(`a switch of kind ${kind}`, { skip }, () => {
    let rig: Rig;
    let generation = 0;
    before(async () => {
      rig = await openRig(kind);
    });
    after(() => rig?.close());

    test("says that it has nothing, and forwards nothing, before it is programmed", async () => {
      assert.deepEqual(await check(rig.driver), { generation: 0, role: "standby" });
      rig.received();
      rig.send(0, toVip(BUCKET));
      rig.send(0, askFor("192.0.2.7"));
      await sleep(50);
      assert.deepEqual(rig.received().flat(), []);
    });

    test("steers each bucket to its owner's port, and only there", async () => {
      assert.equal(await program(rig.driver, state(++generation, RULES)), null);
      assert.deepEqual(await check(rig.driver), { generation, role: "active" });
      const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
      const went = await whereTo(rig, buckets.map((bucket) => [bucket % 2 ? 0 : 4, toVip(bucket)] as const));
      assert.deepEqual(went, buckets.map((bucket) => (inTurn(bucket) === null ? [] : [inTurn(bucket)])));
    });

    test("and each IPv6 client to the one of its bucket", async () => {
      const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
      const went = await whereTo(rig, buckets.map((bucket) => [bucket % 2 ? 0 : 4, toVip6(bucket)] as const));
      assert.deepEqual(went, buckets.map((bucket) => (inTurn(bucket) === null ? [] : [inTurn(bucket)])));
    });

    for (const { what, sent, to } of CASES) {
      test(what, async () => {
        const expected = typeof to === "function" ? to(kind) : to;
        /** Each frame is through before the next: what a switch learns from one may be the next one's matter. */
        const go = async (): Promise<number[]> => {
          for (const one of sent.slice(0, -1)) await whereTo(rig, [one]);
          return (await whereTo(rig, sent.slice(-1)))[0]!;
        };
        let went = await go();
        // Open vSwitch learns from frames that its cache has passed when it next looks at that, up to half a second later.
        for (let tries = 0; kind === "ovs" && sent.length > 1 && tries < 200 && !isDeepStrictEqual(went, expected); tries++) {
          await sleep(10);
          went = await go();
        }
        assert.deepEqual(went, expected);
      });
    }

    test("knows where a client is after a reconfiguration, too", async () => {
      await whereTo(rig, [[0, toVip(BUCKET)]]);
      assert.equal(await program(rig.driver, state(++generation, RULES)), null);
      assert.deepEqual(await whereTo(rig, [[1, between(macOfBlade(1), CLIENT_MAC)]]), [[0]]);
    });

    test("a shut port neither takes nor gives, and its buckets' frames go nowhere", async () => {
      const ports = ["uplink", "fabric", "shut", "fabric", "uplink"] as const;
      const open = [0, 1, 3, 4];
      const owned = Array.from({ length: BUCKETS }, (_, bucket) => bucket).find((bucket) => inTurn(bucket) === 2)!;
      assert.equal(await program(rig.driver, state(generation, { ports })), null);
      const sent: Sent[] = [[0, toVip(owned)], [0, toVip(BUCKET)], [1, between(TAG, macOfBlade(2))], [0, askFor("192.0.2.7")], [2, askFor("192.0.2.7")]];
      assert.deepEqual(await whereTo(rig, sent, open), [[], [OWNER], [], [1, 3, 4], []]);
      assert.equal(await program(rig.driver, state(generation)), null);
      assert.deepEqual(await whereTo(rig, [[0, toVip(owned)]]), [[2]]);
    });

    test("a standby is silent, and active again when it is told so", async () => {
      assert.equal(await program(rig.driver, state(++generation, { role: "standby" })), null);
      assert.deepEqual(await check(rig.driver), { generation, role: "standby" });
      rig.received();
      for (const port of OPEN_PORTS) rig.send(port, toVip(BUCKET));
      for (const port of OPEN_PORTS) rig.send(port, askFor("192.0.2.7"));
      await sleep(100);
      assert.deepEqual(rig.received().flat(), []);
      assert.equal(await program(rig.driver, state(generation)), null);
      assert.deepEqual(await whereTo(rig, [[0, toVip(BUCKET)]]), [[OWNER]]);
    });

    test("an older generation changes nothing, whoever offers it", async () => {
      assert.equal(await program(rig.driver, state(++generation)), null);
      assert.match((await program(rig.another(), state(generation - 1, { role: "standby" })))!, new RegExp(`${generation} is in force`));
      assert.deepEqual(await check(rig.driver), { generation, role: "active" });
      assert.deepEqual(await whereTo(rig, [[0, toVip(BUCKET)]]), [[OWNER]]);
    });

    test("what is in force may be repeated, by another driver as well", async () => {
      for (const driver of [rig.driver, rig.another()]) assert.equal(await program(driver, state(generation)), null);
      assert.deepEqual(await whereTo(rig, [[0, toVip(BUCKET)]]), [[OWNER]]);
    });

    test("while buckets move under traffic, each frame arrives once: at the old owner or at the new one, never back", async () => {
      const moved = (bucket: number): number => (bucket % 2 ? 1 : 3);
      const bucketOf = new Map<number, number>();
      const came = new Map<number, number[]>();
      const collect = (): void => {
        for (const [port, numbers] of rig.received().entries()) for (const number of numbers) came.get(number)?.push(port);
      };
      const client = (round: number): void => {
        for (let bucket = round % 64; bucket < BUCKETS; bucket += 64) {
          const number = rig.send(0, toVip(bucket));
          bucketOf.set(number, bucket);
          came.set(number, []);
        }
      };
      const traffic = async (rounds: () => boolean): Promise<void> => {
        for (let round = 0; rounds(); round++) {
          client(round);
          await sleep(1);
          collect();
        }
      };
      await traffic(() => bucketOf.size < 512);
      let programmed = false;
      const reconfigured = program(rig.driver, state(++generation, { assignment: assignment(generation, moved) })).finally(() => {
        programmed = true;
      });
      await traffic(() => !programmed);
      assert.equal(await reconfigured, null);
      const enough = bucketOf.size + 1_024;
      await traffic(() => bucketOf.size < enough);
      await sleep(50);
      collect();
      const isMoved = new Set<number>();
      for (const [number, bucket] of bucketOf) {
        const [before, now] = [inTurn(bucket), moved(bucket)];
        const ports = came.get(number)!;
        if (before === null && ports.length === 0 && !isMoved.has(bucket)) continue;
        // One thread of Open vSwitch takes bundles and frames: what does not fit into its queue meanwhile is lost.
        if (kind === "ovs" && ports.length === 0) continue;
        assert.ok(ports.length === 1, `frame ${number} of bucket ${bucket} arrived at ports ${ports.join(", ") || "none"}`);
        if (before === now) assert.equal(ports[0], now);
        else if (ports[0] === now) isMoved.add(bucket);
        else assert.ok(ports[0] === before && !isMoved.has(bucket), `bucket ${bucket} went to port ${ports[0]}`);
      }
      assert.equal(isMoved.size, Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => inTurn(bucket) !== moved(bucket)).length);
    });
  });
}
