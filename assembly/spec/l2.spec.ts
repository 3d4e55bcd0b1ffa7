/** L2 at a blade: what is ours, what passes, what a host may send. */
import { Drop, Verdict } from "../abi";
import { Table } from "../messages";
import { NO_VIP, vipIndex } from "../identity";
import { ANY_PORT, FilterAction, FilterRule, ForwardEntry, Port, PortRole } from "../records";
import { makeTag } from "../redirect";
import { slotAt } from "../ring";
import { mappedHigh } from "../wire/address";
import { swap32 } from "../wire/ethernet";
import { assign, direct, dropReason, egress, identify, reply, run, sentTo, tell } from "./support/blade";
import {
  ACK,
  BROADCAST,
  CLIENT_MAC,
  OTHER_VIP,
  SYN,
  VIP,
  VMAC,
  arp,
  client,
  ethernet,
  fromClient,
  ipv4,
  ownerMac,
  tcpBetween,
  udp,
} from "./support/frames";
import { NONE, TABLE, chunk, identity } from "./support/messages";

const STRANGER: u64 = 0x090909090902;

function expectDropped(reason: u32): void {
  expect<u32>(run()).toBe(Verdict.DROP);
  expect<u32>(dropReason()).toBe(reason);
}

function filter(port: u32, source: u64, ethertype: u32, action: u32): void {
  memory.fill(TABLE, 0, offsetof<FilterRule>());
  const rule = changetype<FilterRule>(TABLE);
  rule.port = <u8>port;
  rule.ethertype = <u16>ethertype;
  rule.action = <u8>action;
  if (source) {
    rule.source = <u32>source;
    rule.sourceHigh = <u16>(source >>> 32);
    rule.sourceMask = 0xffff;
    rule.sourceMaskHigh = 0xffffffff;
  }
  tell(chunk(Table.FILTER, 0, 1, 0, <u32>offsetof<FilterRule>()));
}

describe("a frame from the wire", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("is dropped while the wire is shut", () => {
    const bytes = identity(0);
    store<u8>(TABLE + bytes - 4 * offsetof<Port>(), PortRole.SHUT);
    tell(chunk(Table.IDENTITY, 0, 1, 0, bytes));
    fromClient(0, VMAC, CLIENT_MAC, client(1, 1), 1000, SYN);
    expectDropped(Drop.PORT_SHUT);
    identify(0);
  });
  it("longer than a slot is dropped as oversize", () => {
    fromClient(0, VMAC, CLIENT_MAC, client(1, 1), 1000, ACK);
    slotAt(0).length = 9000;
    expectDropped(Drop.OVERSIZE);
  });
  it("shorter than an Ethernet header is dropped", () => {
    ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 13);
    expectDropped(Drop.BAD_ETHERNET);
    slotAt(0).length = 0;
    expectDropped(Drop.BAD_ETHERNET);
  });
  it("that ends inside a VLAN tag is dropped", () => {
    ethernet(0, 0, VMAC, CLIENT_MAC, 0x8100, 16);
    expectDropped(Drop.BAD_ETHERNET);
  });
  it("with one and with two VLAN tags is decided like one without", () => {
    fromClient(0, VMAC, CLIENT_MAC, client(1, 1), 1000, ACK);
    const frame = ethernet(0, 0, VMAC, CLIENT_MAC, 0x88a8, 62) + 2;
    store<u16>(frame, 0x0081);
    store<u16>(frame, 0x0008, 4);
    store<u8>(ipv4(frame + 6, client(1, 1), VIP, 6, 20), 0x50, 12);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    const single = ethernet(0, 0, VMAC, CLIENT_MAC, 0x8100, 58) + 2;
    store<u16>(single, 0x0008);
    store<u8>(ipv4(single + 2, client(1, 1), VIP, 6, 20), 0x50, 12);
    expect<u32>(run()).toBe(Verdict.DELIVER);
  });
  it("with a broken IPv4 header is dropped", () => {
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 54);
    ipv4(ip, client(1, 1), VIP, 6, 20);
    store<u8>(ip, 0x44);
    expectDropped(Drop.BAD_IPV4);
    store<u8>(ip, 0x65);
    expectDropped(Drop.BAD_IPV4);
    ipv4(ip, client(1, 1), VIP, 6, 21);
    expectDropped(Drop.BAD_IPV4);
    ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 33);
    expectDropped(Drop.BAD_IPV4);
  });
  it("with IPv4 options is decided like one without", () => {
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 58);
    ipv4(ip, client(1, 1), VIP, 6, 24);
    store<u8>(ip, 0x46);
    store<u8>(ip + 24, 0x50, 12);
    expect<u32>(run()).toBe(Verdict.DELIVER);
  });
  it("with a broken TCP header is dropped", () => {
    fromClient(0, VMAC, CLIENT_MAC, client(1, 1), 1000, ACK);
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 54);
    const tcp = ipv4(ip, client(1, 1), VIP, 6, 20);
    store<u8>(tcp, 0x40, 12);
    expectDropped(Drop.BAD_TCP);
    store<u8>(tcp, 0x60, 12);
    expectDropped(Drop.BAD_TCP);
    ipv4(ip, client(1, 1), VIP, 6, 19);
    expectDropped(Drop.BAD_TCP);
  });
  it("with a broken UDP or ICMP header is dropped", () => {
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 42);
    const at = ipv4(ip, client(1, 1), VIP, 17, 8);
    expectDropped(Drop.BAD_UDP);
    store<u8>(at, 9, 5);
    expectDropped(Drop.BAD_UDP);
    ipv4(ip, client(1, 1), VIP, 17, 7);
    expectDropped(Drop.BAD_UDP);
    ipv4(ip, client(1, 1), VIP, 1, 7);
    expectDropped(Drop.BAD_ICMP);
  });
  it("with a broken ARP body is dropped", () => {
    ethernet(0, 0, BROADCAST, CLIENT_MAC, 0x0806, 41);
    expectDropped(Drop.BAD_ARP);
    ethernet(0, 0, BROADCAST, CLIENT_MAC, 0x0806, 42);
    expectDropped(Drop.BAD_ARP);
  });
  it("for the VMAC, but for no VIP, is dropped", () => {
    udp(0, 0, VMAC, CLIENT_MAC, client(1, 1), OTHER_VIP);
    expectDropped(Drop.NOT_VIP);
    ethernet(0, 0, VMAC, CLIENT_MAC, 0x88cc, 60);
    expectDropped(Drop.NOT_VIP);
  });
  it("for a VIP at an owner's MAC without a tag is dropped", () => {
    fromClient(0, ownerMac(1), CLIENT_MAC, client(1, 1), 1000, ACK);
    expectDropped(Drop.UNTAGGED);
  });
  it("for a VIP in a broadcast is dropped: every host would answer", () => {
    fromClient(0, BROADCAST, CLIENT_MAC, client(1, 1), 1000, ACK);
    expectDropped(Drop.UNTAGGED);
  });
  it("for an owner's own address is forwarded to its port as it is", () => {
    udp(0, 0, ownerMac(2), CLIENT_MAC, client(1, 1), 0x0a000002);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(egress(0).port).toBe(2);
    expect<u32>(egress(0).rewrite).toBe(0);
  });
  it("for a MAC that is not ours is dropped", () => {
    udp(0, 0, STRANGER, CLIENT_MAC, client(1, 1), 0x0a000002);
    expectDropped(Drop.NOT_OURS);
  });
  it("for a station behind the blade is forwarded to its port", () => {
    memory.fill(TABLE, 0, offsetof<ForwardEntry>());
    const entry = changetype<ForwardEntry>(TABLE);
    entry.mac = <u32>STRANGER;
    entry.macHigh = <u16>(STRANGER >>> 32);
    entry.port = 3;
    tell(chunk(Table.FORWARD, 0, 1, 0, <u32>offsetof<ForwardEntry>()));
    udp(0, 0, STRANGER, CLIENT_MAC, client(1, 1), 0x0a000002);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(egress(0).port).toBe(3);
  });
  it("in a broadcast goes to every host port", () => {
    arp(0, 0, BROADCAST, 1, client(1, 1), 0x0a000001, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.FLOOD);
    expect<u32>(egress(0).port).toBe(1);
    expect<u32>(egress(1).port).toBe(2);
    expect<u32>(egress(2).port).toBe(3);
  });
});

describe("a frame from a host", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("to a client leaves by the wire as it is", () => {
    expect<u32>(reply(1, client(1, 1), 1000, ACK)).toBe(Verdict.FORWARD);
    expect<u32>(egress(0).port).toBe(0);
    expect<u64>(sentTo(0)).toBe(CLIENT_MAC);
  });
  it("to another VM of the blade goes to its port", () => {
    udp(0, 1, ownerMac(2), ownerMac(1), 0x0a000001, 0x0a000002);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(egress(0).port).toBe(2);
  });
  it("to itself is dropped", () => {
    udp(0, 1, ownerMac(1), ownerMac(1), 0x0a000001, 0x0a000002);
    expectDropped(Drop.HAIRPIN);
  });
  it("in a broadcast goes to the wire and to the other hosts", () => {
    arp(0, 1, BROADCAST, 1, 0x0a000001, client(1, 1), ownerMac(1));
    expect<u32>(run()).toBe(Verdict.FLOOD);
    expect<u32>(egress(0).port).toBe(0);
    expect<u32>(egress(1).port).toBe(2);
    expect<u32>(egress(2).port).toBe(3);
  });
  it("with a VIP as its ARP sender is dropped", () => {
    arp(0, 1, BROADCAST, 1, VIP, client(1, 1), ownerMac(1));
    expectDropped(Drop.NEIGHBOUR_FROM_HOST);
  });
  it("that opens a connection from the VIP is dropped", () => {
    tcpBetween(0, 1, CLIENT_MAC, ownerMac(1), VIP, 40000, client(1, 1), 80, SYN);
    expectDropped(Drop.SYN_FROM_HOST);
  });
  it("that opens a connection from its own address leaves", () => {
    tcpBetween(0, 1, CLIENT_MAC, ownerMac(1), 0x0a000001, 40000, client(1, 1), 80, SYN);
    expect<u32>(run()).toBe(Verdict.FORWARD);
  });
  it("with a redirect tag as its source is dropped", () => {
    tcpBetween(0, 1, ownerMac(3), makeTag(1, 1, 1), VIP, 80, client(1, 1), 1000, ACK);
    expectDropped(Drop.SPOOFED_TAG);
  });
  it("from a port that does not exist is dropped", () => {
    udp(0, 7, CLIENT_MAC, ownerMac(1), 0x0a000001, client(1, 1));
    expectDropped(Drop.PORT_SHUT);
  });
});

describe("an L2 filter rule", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  afterAll(() => {
    tell(chunk(Table.FILTER, 0, 1, 0, 0));
  });
  it("drops what it matches by ethertype, behind VLAN tags", () => {
    filter(ANY_PORT, 0, 0x0800, FilterAction.DROP);
    expect<u32>(direct(client(1, 1), 1000, ACK)).toBe(Verdict.DROP);
    expect<u32>(dropReason()).toBe(Drop.FILTERED);
    arp(0, 0, BROADCAST, 1, client(1, 1), 0x0a000001, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
  it("drops what it matches by source", () => {
    filter(ANY_PORT, CLIENT_MAC, 0, FilterAction.DROP);
    expect<u32>(direct(client(1, 1), 1000, ACK)).toBe(Verdict.DROP);
    expect<u32>(reply(1, client(1, 1), 1000, ACK)).toBe(Verdict.FORWARD);
  });
  it("drops what it matches by port", () => {
    filter(1, 0, 0, FilterAction.DROP);
    expect<u32>(reply(1, client(1, 1), 1000, ACK)).toBe(Verdict.DROP);
    expect<u32>(reply(2, client(1, 1), 1000, ACK)).toBe(Verdict.FORWARD);
  });
  it("passes what it allows", () => {
    filter(ANY_PORT, 0, 0, FilterAction.ALLOW);
    expect<u32>(direct(client(1, 1), 1000, ACK)).toBe(Verdict.DELIVER);
  });
  it("gone, passes all", () => {
    tell(chunk(Table.FILTER, 0, 1, 0, 0));
    expect<u32>(direct(client(1, 1), 1000, ACK)).toBe(Verdict.DELIVER);
    expect<bool>(vipIndex(0, mappedHigh(swap32(VIP))) != NO_VIP).toBe(true);
  });
});
