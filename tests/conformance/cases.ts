/** What every engine must make of the same frames on every board: bytes in, verdict and bytes out. */
import assert from "node:assert/strict";
import type { FrameOut } from "../../host/engine/firmware.ts";
import { bytesToMac, ipToBytes, macToBytes } from "../../host/model/address.ts";
import { ACK, ETHERTYPE, RST, SYN, arp, ethernet, icmp, ipv4, tcp, udp } from "../packets/packets.ts";
import { CONFIGS, CONNECTION_IDS, connectionIdOf, longHeader, QUIC_SERVICE, shortHeader, VERSION_1, VERSION_2 } from "../packets/quic.ts";
import { BROADCAST, CLIENT_MAC, VIP, VIP6, VMAC, macOf, numberOf, type Node, type OwnerName } from "./node.ts";

export interface Case {
  readonly name: string;
  readonly image: "blade" | "switch";
  run(node: Node): void;
}

/** A client in bucket 3 of 16, by low bits. */
const CLIENT = "10.1.0.3";
const PAYLOAD = Uint8Array.from({ length: 100 }, (_, i) => i);
const INBOUND = { source: CLIENT, destination: VIP };
const OUTBOUND = { source: VIP, destination: CLIENT };
const CLIENT6 = "2001:db8:1::3";
const INBOUND6 = { source: CLIENT6, destination: VIP6 };
const FROM_CLIENT = { destination: VMAC, source: CLIENT_MAC };
const WIRE = 0;

/** A segment of a client to the VIP, steered here. */
function direct(sourcePort: number, flags: number, link = { destination: VMAC, source: CLIENT_MAC }): Uint8Array {
  return ethernet(link, ETHERTYPE.ipv4, tcp(INBOUND, { sourcePort, destinationPort: 80 }, flags, PAYLOAD));
}

function reply(owner: OwnerName, destinationPort: number, flags: number): Uint8Array {
  const segment = tcp(OUTBOUND, { sourcePort: 80, destinationPort }, flags, PAYLOAD);
  return ethernet({ destination: CLIENT_MAC, source: macOf(owner) }, ETHERTYPE.ipv4, segment);
}

/** QUIC at port 443, and server ids for all owners. */
function setUpQuic(node: Node): void {
  assert.equal(node.services([QUIC_SERVICE]).status, "OK");
  assert.equal(node.connectionIds(CONNECTION_IDS).status, "OK");
}

function quic(
  payload: Uint8Array,
  { link = FROM_CLIENT, inbound = INBOUND, sourcePort = 1000 }: Partial<{ link: typeof FROM_CLIENT; inbound: typeof INBOUND; sourcePort: number }> = {},
): Uint8Array {
  const type = inbound.source.includes(":") ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
  return ethernet(link, type, udp(inbound, { sourcePort, destinationPort: QUIC_SERVICE.port }, payload));
}

/** A redirect tag, byte by byte (assembly/redirect.ts). */
function tag(node: Node, kind: string, sender: OwnerName, generation = node.generation): string {
  const code = node.firmware.layout.code("RedirectKind", kind);
  const number = numberOf(sender);
  return bytesToMac(
    Uint8Array.of(0xd2, 0xb0 | code, number >>> 8, number & 0xff, (generation >>> 8) & 0xff, generation & 0xff),
  );
}

/** The same frame with another Ethernet header, and nothing else changed. */
function withHeader(frame: Uint8Array, destination: string, source: string): Uint8Array {
  const copy = frame.slice();
  copy.set(macToBytes(destination), 0);
  copy.set(macToBytes(source), 6);
  return copy;
}

function expectOut(outputs: readonly FrameOut[], port: number, bytes: Uint8Array): void {
  assert.equal(outputs.length, 1, "one frame leaves");
  assert.equal(outputs[0]!.port, port, "by its port");
  assert.deepEqual(Buffer.from(outputs[0]!.bytes), Buffer.from(bytes));
}

function expectSum(node: Node): void {
  const { verdicts, drops, events } = node.firmware.counters();
  const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  assert.equal(sum(verdicts), events["FRAME_IN"], "verdicts add up to the frames in");
  assert.equal(sum(drops), verdicts["DROP"], "drop reasons add up to the drops");
}

function blade(name: string, run: (node: Node) => void): Case {
  return {
    name,
    image: "blade",
    run(node) {
      node.identifyBlade();
      run(node);
      expectSum(node);
    },
  };
}

function switchCase(name: string, run: (node: Node) => void): Case {
  return {
    name,
    image: "switch",
    run(node) {
      node.identifySwitch();
      run(node);
      expectSum(node);
    },
  };
}

export const CASES: readonly Case[] = [
  blade("a sole owner delivers: the destination becomes its MAC, no other byte changes", (node) => {
    node.assign("a");
    const { verdict, outputs } = node.frame(WIRE, direct(1000, SYN));
    assert.equal(verdict, "DELIVER");
    expectOut(outputs, 1, withHeader(direct(1000, SYN), macOf("a"), CLIENT_MAC));
  }),
  blade("a new owner asks the previous one: only the Ethernet header changes", (node) => {
    node.assign("ac");
    const { verdict, outputs } = node.frame(WIRE, direct(1000, ACK));
    assert.equal(verdict, "REDIRECT");
    expectOut(outputs, WIRE, withHeader(direct(1000, ACK), macOf("c"), tag(node, "HOP1", "a")));
  }),
  blade("a previous owner keeps its connection, through wire and tag", (node) => {
    node.assign("a");
    node.frame(WIRE, direct(1000, SYN));
    assert.equal(node.frame(1, reply("a", 1000, SYN | ACK)).verdict, "FORWARD");
    node.assign("ca");
    const hop = direct(1000, ACK, { destination: macOf("a"), source: tag(node, "HOP1", "c") });
    const { verdict, outputs } = node.frame(WIRE, hop);
    assert.equal(verdict, "DELIVER");
    assert.equal(outputs[0]!.port, 1);
    assert.deepEqual(outputs[0]!.bytes.subarray(12), hop.subarray(12));
  }),
  blade("a previous owner that is not complete says nothing; complete, it says: not mine", (node) => {
    node.assign("a");
    node.assign("ca");
    const hop = direct(1000, ACK, { destination: macOf("a"), source: tag(node, "HOP1", "c") });
    assert.equal(node.frame(WIRE, hop).verdict, "DROP NOT_COMPLETE");
    const flow = { client: CLIENT, clientPort: 999, vip: VIP, vipPort: 80, protocol: 6, state: "established" } as const;
    assert.ok(node.seed(0, [flow]).every(({ status }) => status === "OK"));
    assert.ok(node.command("COMPLETE", 0, [3]).every(({ status }) => status === "OK"));
    const { verdict, outputs } = node.frame(WIRE, hop);
    assert.equal(verdict, "REDIRECT");
    expectOut(outputs, WIRE, withHeader(hop, macOf("c"), tag(node, "FINAL", "a")));
    assert.equal(node.frame(WIRE, direct(999, ACK)).verdict, "DELIVER");
  }),
  blade("a hop of another generation is dropped, a final too", (node) => {
    node.assign("ac");
    const stale = (kind: string): Uint8Array =>
      direct(1000, ACK, { destination: macOf("a"), source: tag(node, kind, "c", node.generation + 1) });
    assert.equal(node.frame(WIRE, stale("HOP1")).verdict, "DROP STALE_HOP");
    assert.equal(node.frame(WIRE, stale("FINAL")).verdict, "DROP STALE_FINAL");
    assert.equal(node.frame(WIRE, stale("RESTEER")).verdict, "DROP STALE_RESTEER");
  }),
  blade("a blade that is not in the history resteers, once", (node) => {
    node.assign("c");
    expectOut(
      node.frame(WIRE, direct(1000, SYN)).outputs,
      WIRE,
      withHeader(direct(1000, SYN), macOf("c"), tag(node, "RESTEER", "a")),
    );
    const again = direct(1000, SYN, { destination: macOf("a"), source: tag(node, "RESTEER", "d") });
    assert.equal(node.frame(WIRE, again).verdict, "DROP STALE_RESTEER");
  }),
  blade("a move between two VMs stays on the blade", (node) => {
    node.assign("a");
    node.frame(WIRE, direct(1000, SYN));
    node.assign("ba");
    node.command("COMPLETE", 0, [3]);
    assert.equal(node.frame(WIRE, direct(1000, ACK)).outputs[0]!.port, 1);
    assert.equal(node.frame(WIRE, direct(1001, SYN)).outputs[0]!.port, 2);
  }),
  blade("a batch sees what its own frames have opened", (node) => {
    node.assign("a");
    node.assign("ac");
    const final = direct(1000, SYN, { destination: macOf("a"), source: tag(node, "FINAL", "c") });
    const { verdicts } = node.frames([final, direct(1000, ACK), direct(1001, ACK)].map((bytes) => ({ port: WIRE, bytes })));
    assert.deepEqual(verdicts, ["DELIVER", "DELIVER", "REDIRECT"]);
  }),
  blade("VLAN and QinQ tags are kept", (node) => {
    node.assign("a");
    const link = { destination: VMAC, source: CLIENT_MAC, tags: [[ETHERTYPE.qinq, 5], [ETHERTYPE.vlan, 7]] as const };
    const frame = ethernet(link, ETHERTYPE.ipv4, tcp(INBOUND, { sourcePort: 1, destinationPort: 80 }, SYN));
    const { verdict, outputs } = node.frame(WIRE, frame);
    assert.equal(verdict, "DELIVER");
    expectOut(outputs, 1, withHeader(frame, macOf("a"), CLIENT_MAC));
  }),
  blade("IPv4 options do not hide the ports", (node) => {
    node.assign("ac");
    const bare = tcp(INBOUND, { sourcePort: 1000, destinationPort: 80 }, ACK).subarray(20);
    const frame = ethernet(
      { destination: VMAC, source: CLIENT_MAC },
      ETHERTYPE.ipv4,
      ipv4({ ...INBOUND, options: Uint8Array.of(1, 1, 1, 0) }, 6, bare),
    );
    node.frame(1, reply("a", 1000, ACK));
    assert.equal(node.frame(WIRE, frame).verdict, "DELIVER");
  }),
  blade("the owner of the asker's bucket answers ARP for the VIP with the VMAC", (node) => {
    node.assign("a");
    const request = { operation: 1, senderMac: CLIENT_MAC, senderIp: CLIENT, targetIp: VIP } as const;
    const { verdict, outputs } = node.frame(
      WIRE,
      ethernet({ destination: BROADCAST, source: CLIENT_MAC }, ETHERTYPE.arp, arp(request)),
    );
    assert.equal(verdict, "ANSWER");
    const answer = { operation: 2, senderMac: VMAC, senderIp: VIP, targetMac: CLIENT_MAC, targetIp: CLIENT } as const;
    expectOut(outputs, WIRE, ethernet({ destination: CLIENT_MAC, source: macOf("a") }, ETHERTYPE.arp, arp(answer)));
    node.assign("ca");
    assert.equal(
      node.frame(WIRE, ethernet({ destination: BROADCAST, source: CLIENT_MAC }, ETHERTYPE.arp, arp(request))).verdict,
      "DROP NEIGHBOUR_NOT_OWNER",
    );
  }),
  blade("an IPv6 connection is decided like one over IPv4, and is another flow", (node) => {
    node.assign("a");
    const segment = (flags: number): Uint8Array =>
      ethernet(FROM_CLIENT, ETHERTYPE.ipv6, tcp(INBOUND6, { sourcePort: 1000, destinationPort: 80 }, flags, PAYLOAD));
    expectOut(node.frame(WIRE, segment(SYN)).outputs, 1, withHeader(segment(SYN), macOf("a"), CLIENT_MAC));
    node.assign("ac");
    assert.equal(node.frame(WIRE, segment(ACK)).verdict, "DELIVER");
    assert.equal(node.frame(WIRE, direct(1000, ACK)).verdict, "REDIRECT");
  }),
  blade("the owner of the asker's bucket answers a neighbour solicitation for the VIP with the VMAC", (node) => {
    const ask = Uint8Array.from([0, 0, 0, 0, ...ipToBytes(VIP6), 1, 1, ...macToBytes(CLIENT_MAC)]);
    const group = { source: CLIENT6, destination: "ff02::1:ff00:64" };
    const solicitation = ethernet({ destination: "33:33:ff:00:00:64", source: CLIENT_MAC }, ETHERTYPE.ipv6, icmp(group, 135, 0, ask, 255));
    node.assign("a");
    const { verdict, outputs } = node.frame(WIRE, solicitation);
    assert.equal(verdict, "ANSWER");
    const told = Uint8Array.from([0x60, 0, 0, 0, ...ipToBytes(VIP6), 2, 1, ...macToBytes(VMAC)]);
    const answer = icmp({ source: VIP6, destination: CLIENT6 }, 136, 0, told, 255);
    expectOut(outputs, WIRE, ethernet({ destination: CLIENT_MAC, source: macOf("a") }, ETHERTYPE.ipv6, answer));
    node.assign("ca");
    assert.equal(node.frame(WIRE, solicitation).verdict, "DROP NEIGHBOUR_NOT_OWNER");
  }),
  blade("a UDP flow stays with its owner, a datagram of a service without flows is the current owner's", (node) => {
    const datagram = (destinationPort: number): Uint8Array =>
      ethernet(FROM_CLIENT, ETHERTYPE.ipv4, udp(INBOUND, { sourcePort: 5000, destinationPort }, PAYLOAD));
    node.services([{ protocol: 17, port: 53, class: "none", idleMs: 1, provisionalMs: 1 }]);
    node.assign("a");
    for (const port of [53, 51820]) assert.equal(node.frame(WIRE, datagram(port)).verdict, "DELIVER");
    node.assign("ca");
    assert.equal(node.frame(WIRE, datagram(51820)).verdict, "DELIVER");
    expectOut(node.frame(WIRE, datagram(53)).outputs, WIRE, withHeader(datagram(53), macOf("c"), tag(node, "RESTEER", "a")));
    node.now += 5_000;
    assert.equal(node.frame(WIRE, datagram(51820)).verdict, "DROP NOT_COMPLETE");
  }),
  blade("a QUIC packet is its server's, from whatever address it comes, in either family", (node) => {
    setUpQuic(node);
    node.assign("c");
    for (const config of CONFIGS) {
      for (const inbound of [INBOUND, { source: "10.9.8.7", destination: VIP }, INBOUND6]) {
        const to = (owner: string): Uint8Array => quic(shortHeader(connectionIdOf(owner, config)), { inbound });
        expectOut(node.frame(WIRE, to("a")).outputs, 1, withHeader(to("a"), macOf("a"), CLIENT_MAC));
        expectOut(node.frame(WIRE, to("b")).outputs, 2, withHeader(to("b"), macOf("b"), CLIENT_MAC));
        expectOut(node.frame(WIRE, to("d")).outputs, WIRE, withHeader(to("d"), macOf("d"), tag(node, "RESTEER", "a")));
      }
    }
    assert.equal(node.firmware.counters().events["CID_DELIVERED"], 18);
  }),
  blade("a redirected QUIC packet is delivered to its server, or dropped", (node) => {
    setUpQuic(node);
    node.assign("c");
    const link = { destination: macOf("b"), source: tag(node, "RESTEER", "c") };
    const to = (owner: string): Uint8Array => quic(shortHeader(connectionIdOf(owner, 2)), { link });
    expectOut(node.frame(WIRE, to("b")).outputs, 2, to("b"));
    assert.equal(node.frame(WIRE, to("a")).verdict, "DROP WRONG_SERVER");
    assert.equal(node.frame(WIRE, to("d")).verdict, "DROP WRONG_SERVER");
  }),
  blade("a QUIC packet whose connection id the client has chosen, or that names no one, is that of a flow", (node) => {
    setUpQuic(node);
    node.assign("a");
    const named = connectionIdOf("d", 0);
    const flows = [
      longHeader("initial", VERSION_1, named),
      longHeader("0-rtt", VERSION_1, named),
      longHeader("initial", VERSION_2, named),
      longHeader("0-rtt", VERSION_2, named),
      longHeader("handshake", VERSION_1, new Uint8Array(0)),
      shortHeader(connectionIdOf("z", 0)),
      shortHeader(connectionIdOf("z", 1)),
      shortHeader(connectionIdOf("z", 2)),
      Uint8Array.of(0x40),
      new Uint8Array(0),
    ];
    for (const [index, payload] of flows.entries()) {
      const frame = quic(payload, { sourcePort: 2000 + index });
      expectOut(node.frame(WIRE, frame).outputs, 1, withHeader(frame, macOf("a"), CLIENT_MAC));
    }
    assert.equal(node.firmware.counters().events["FLOW_OPENED"], flows.length);
    for (const [type, version] of [["handshake", VERSION_1], ["handshake", VERSION_2], ["initial", 0x0a1a2a3a]] as const) {
      const frame = quic(longHeader(type, version, named));
      expectOut(node.frame(WIRE, frame).outputs, WIRE, withHeader(frame, macOf("d"), tag(node, "RESTEER", "a")));
    }
  }),
  blade("an ICMP echo is the current owner's, an ICMP error the host's that has sent what it quotes", (node) => {
    const echo = ethernet(FROM_CLIENT, ETHERTYPE.ipv4, icmp(INBOUND, 8, 0));
    // A router in another bucket than the client.
    const router = { source: "10.1.0.9", destination: VIP };
    const quote = tcp(OUTBOUND, { sourcePort: 80, destinationPort: 1000 }, ACK, PAYLOAD).subarray(0, 28);
    const error = ethernet(FROM_CLIENT, ETHERTYPE.ipv4, icmp(router, 3, 4, Uint8Array.from([0, 0, 5, 0x14, ...quote])));
    node.assign("a");
    node.frame(WIRE, direct(1000, SYN));
    node.assign("ca");
    expectOut(node.frame(WIRE, echo).outputs, WIRE, withHeader(echo, macOf("c"), tag(node, "RESTEER", "a")));
    expectOut(node.frame(WIRE, error).outputs, 1, withHeader(error, macOf("a"), CLIENT_MAC));
  }),
  blade("later fragments go the way of their first one; one that comes too early waits for it", (node) => {
    const datagram = udp(INBOUND, { sourcePort: 5000, destinationPort: 9000 }, new Uint8Array(200).fill(7)).subarray(20);
    const first = ethernet(FROM_CLIENT, ETHERTYPE.ipv4, ipv4({ ...INBOUND, fragment: 0x2000 }, 17, datagram.subarray(0, 104)));
    const last = ethernet(FROM_CLIENT, ETHERTYPE.ipv4, ipv4({ ...INBOUND, fragment: 13 }, 17, datagram.subarray(104)));
    node.assign("ac");
    const waiting = node.frame(WIRE, last);
    assert.deepEqual([waiting.verdict, waiting.outputs.length], ["PARK", 0]);
    const { verdict, outputs } = node.frame(WIRE, first);
    assert.equal(verdict, "REDIRECT");
    const hop = (frame: Uint8Array): Buffer => Buffer.from(withHeader(frame, macOf("c"), tag(node, "HOP1", "a")));
    assert.deepEqual(outputs.map(({ slot, port, bytes }) => [slot, port, Buffer.from(bytes)]), [[0, WIRE, hop(first)], [-1, WIRE, hop(last)]]);
    expectOut(node.frame(WIRE, last).outputs, WIRE, hop(last));
  }),
  blade("a host may not open from the VIP, ask by ARP as the VIP, nor use a redirect tag", (node) => {
    node.assign("a");
    const open = tcp(OUTBOUND, { sourcePort: 40000, destinationPort: 80 }, SYN);
    assert.equal(
      node.frame(1, ethernet({ destination: CLIENT_MAC, source: macOf("a") }, ETHERTYPE.ipv4, open)).verdict,
      "DROP SYN_FROM_HOST",
    );
    const ask = arp({ operation: 1, senderMac: macOf("a"), senderIp: VIP, targetIp: CLIENT });
    assert.equal(
      node.frame(1, ethernet({ destination: BROADCAST, source: macOf("a") }, ETHERTYPE.arp, ask)).verdict,
      "DROP NEIGHBOUR_FROM_HOST",
    );
    const spoofed = withHeader(reply("a", 1000, ACK), macOf("c"), tag(node, "HOP1", "a"));
    assert.equal(node.frame(1, spoofed).verdict, "DROP SPOOFED_TAG");
    assert.equal(node.frame(1, reply("a", 1000, RST)).verdict, "FORWARD");
  }),
  blade("a filter rule and a station are programmed at run time, and taken away again", (node) => {
    node.assign("a");
    const station = "02:00:00:00:99:99";
    const frame = ethernet({ destination: station, source: CLIENT_MAC }, 0x88cc, PAYLOAD);
    assert.equal(node.frame(WIRE, frame).verdict, "DROP NOT_OURS");
    assert.equal(node.forward([{ mac: station, port: 3 }]).status, "OK");
    expectOut(node.frame(WIRE, frame).outputs, 3, frame);
    assert.equal(node.filters([{ action: "drop", ethertype: 0x88cc }]).status, "OK");
    assert.equal(node.frame(WIRE, frame).verdict, "DROP FILTERED");
    node.filters([]);
    node.forward([]);
    assert.equal(node.frame(WIRE, frame).verdict, "DROP NOT_OURS");
  }),
  blade("an oversize frame, an empty one and a cut-off one are dropped, each for its reason", (node) => {
    node.assign("a");
    assert.equal(node.frame(WIRE, new Uint8Array(9000)).verdict, "DROP OVERSIZE");
    assert.equal(node.frame(WIRE, new Uint8Array(0)).verdict, "DROP BAD_ETHERNET");
    assert.equal(node.frame(WIRE, direct(1, SYN).subarray(0, 40)).verdict, "DROP BAD_IPV4");
  }),
  blade("with redirection off, a blade serves whatever comes", (node) => {
    node.identifyBlade({ redirect: false });
    node.assign("ca");
    assert.equal(node.frame(WIRE, direct(1000, ACK)).verdict, "DELIVER");
  }),
  blade("the hash is chosen at the start, and cannot be changed in service", (node) => {
    const ask = (): number[] => {
      const flow = { client: CLIENT, clientPort: 1, vip: VIP, vipPort: 80, protocol: 6, state: "established" } as const;
      return node.seed(0, [flow]).map(({ detail }) => detail);
    };
    assert.equal(node.identifyBlade({ hash: "toeplitz" }).status, "OK");
    node.assign("a");
    assert.deepEqual(ask(), [1]);
    assert.equal(node.identifyBlade({ hash: "mix" }).status, "NOT_IN_SERVICE");
  }),
  blade("an assignment of many chunks takes effect at once or not at all", (node) => {
    node.assign("a");
    const generation = node.generation;
    const answer = node.put("ASSIGNMENT", new Uint8Array(3000));
    assert.notEqual(answer.status, "OK");
    assert.equal(answer.generation, generation);
    assert.equal(node.frame(WIRE, direct(1, SYN)).verdict, "DELIVER");
  }),
  switchCase("a switch steers by bucket and leaves the frame as it is", (node) => {
    node.assign("ca");
    const { verdict, outputs } = node.frame(0, direct(1000, SYN));
    assert.equal(verdict, "STEER");
    expectOut(outputs, 3, direct(1000, SYN));
  }),
  switchCase("a switch carries tags between blades, and lets none in from outside", (node) => {
    node.assign("ca");
    const tagged = direct(1000, ACK, { destination: macOf("a"), source: "d2:b1:00:02:00:01" });
    expectOut(node.frame(3, tagged).outputs, 1, tagged);
    assert.equal(node.frame(7, tagged).verdict, "DROP SPOOFED_TAG");
  }),
  switchCase("a switch learns where clients are, and floods what it does not know", (node) => {
    node.assign("a");
    const flooded = node.frame(1, reply("a", 1000, ACK));
    assert.equal(flooded.verdict, "FLOOD");
    assert.deepEqual(flooded.outputs.map(({ port }) => port), [0, 2, 3, 4, 5, 6, 7]);
    node.frame(7, direct(1000, ACK));
    expectOut(node.frame(1, reply("a", 1000, ACK)).outputs, 7, reply("a", 1000, ACK));
  }),
];
