/** IPv6: extension headers, the rule, neighbour discovery. */
import { Drop, Event, Verdict } from "../abi";
import { flows } from "../flows";
import { Message } from "../messages";
import { PacketKind, packetAt } from "../packet";
import { RedirectKind, makeTag, tagKind } from "../redirect";
import { generation } from "../buckets";
import { frameAt, slotAt } from "../ring";
import { loadMac, swap16, swap32 } from "../wire/ethernet";
import * as nd from "../wire/nd";
import { assign, command, egress, identify, run, sentFrom, sentTo } from "./support/blade";
import {
  ACK,
  CLIENT6_LOW,
  CLIENT_MAC,
  SERVICE,
  SYN,
  VIP,
  VIP6_HIGH,
  VIP6_LOW,
  VMAC,
  client,
  client6,
  discovery,
  ethernet,
  fromClient,
  fromClient6,
  fromOwner6,
  icmpv6Error,
  ipv6,
  ownerMac,
} from "./support/frames";
import { NONE } from "./support/messages";
import { events, expectDelivered, expectDropped, expectRedirected } from "./support/outcome";

/** The solicited-node group of the VIP, and the all-nodes group's MAC. */
const GROUP_MAC: u64 = 0x640000ff3333;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ESP: u32 = 50;
const ICMPV6: u32 = 58;
const ECHO_REQUEST: u32 = 128;

function direct6(bucket: u32, n: u32, flags: u32): u32 {
  fromClient6(0, VMAC, CLIENT_MAC, client6(bucket, n), 1000, flags, TCP, 0);
  return run();
}

/** Starts a client's packet with `bytes` bytes of protocol `next`; returns where they begin. */
function other6(destination: u64, source: u64, clientHigh: u64, next: u32, bytes: u32): usize {
  const ip = ethernet(0, 0, destination, source, 0x86dd, 54 + bytes);
  return ipv6(ip, CLIENT6_LOW, clientHigh, VIP6_LOW, VIP6_HIGH, next, bytes);
}

function echo6(destination: u64, source: u64): u32 {
  store<u8>(other6(destination, source, client6(9, 1), ICMPV6, 8), <u8>ECHO_REQUEST);
  return run();
}

function esp6(n: u32): u32 {
  other6(VMAC, CLIENT_MAC, client6(10, n), ESP, 20);
  return run();
}

/** An empty datagram to the specs' service. */
function datagram6(clientHigh: u64, port: u32): u32 {
  const datagram = other6(VMAC, CLIENT_MAC, clientHigh, UDP, 8);
  store<u16>(datagram, <u16>swap16(port));
  store<u16>(datagram, <u16>swap16(SERVICE), 2);
  store<u16>(datagram, <u16>swap16(8), 4);
  return run();
}

/** Writes an extension header of `bytes` bytes at `at`, with `next` behind it. */
function extension(at: usize, next: u32, bytes: u32): void {
  store<u8>(at, <u8>next);
  store<u8>(at, <u8>((bytes >>> 3) - 1), 1);
}

describe("TCP over IPv6", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("is steered by the client's last 32 bits, with low bits as the hash", () => {
    expect<u32>(direct6(5, 1, SYN)).toBe(Verdict.DELIVER);
    expect<u32>(packetAt(0).bucket).toBe(5);
    expect<u64>(sentTo(0)).toBe(ownerMac(1));
    expect<u64>(sentFrom(0)).toBe(CLIENT_MAC);
  });
  it("of an unknown flow is asked of the previous owner, and delivered where the flow is known", () => {
    assign(1, 3, NONE, NONE);
    expect<u32>(direct6(5, 1, ACK)).toBe(Verdict.DELIVER);
    expect<u32>(direct6(5, 2, ACK)).toBe(Verdict.REDIRECT);
    expect<u32>(tagKind(sentFrom(0))).toBe(RedirectKind.HOP1);
    expect<u64>(sentTo(0)).toBe(ownerMac(3));
  });
  it("is learned from what the host sends", () => {
    fromOwner6(0, 1, client6(5, 3), 1000, ACK);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(direct6(5, 3, ACK)).toBe(Verdict.DELIVER);
  });
  it("a host does not open connections from the VIP", () => {
    fromOwner6(0, 1, client6(5, 4), 1000, SYN);
    expectDropped(run(), Drop.SYN_FROM_HOST);
  });
  it("redirected here is decided like IPv4", () => {
    fromClient6(0, ownerMac(1), makeTag(RedirectKind.FINAL, 3, generation()), client6(5, 5), 1000, SYN, TCP, 0);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u32>(direct6(5, 5, ACK)).toBe(Verdict.DELIVER);
  });
  it("is not the flow of an IPv4 client with the same last 32 bits and ports", () => {
    fromClient(0, VMAC, CLIENT_MAC, client(5, 1), 1000, ACK);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
  });
  it("is not the flow of a client whose address ends alike", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(5, 1), 1000, ACK, TCP, 0);
    store<u8>(at - 40, 0x77, 8 + 7);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
  });
  it("to another address than the VIP is not ours", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(5, 1), 1000, ACK, TCP, 0);
    store<u8>(at - 1, 0x77);
    expectDropped(run(), Drop.NOT_VIP);
  });
});

describe("IPv6 extension headers", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    direct6(6, 1, SYN);
    assign(1, 3, NONE, NONE);
  });
  it("are walked: hop-by-hop, destination options, routing, authentication", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 0, 56);
    extension(at, 60, 16);
    extension(at + 16, 43, 8);
    extension(at + 24, 51, 8);
    store<u8>(at + 32, TCP);
    store<u8>(at + 32, 4, 1); // 24 bytes, in units of 4, less 2
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u32>(packetAt(0).protocol).toBe(TCP);
  });
  it("an atomic fragment is a whole packet", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 44, 8);
    store<u8>(at, TCP);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u32>(packetAt(0).fragment).toBe(0);
  });
  it("eight are walked, nine are too many", () => {
    let at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 60, 64);
    for (let i: usize = 0; i < 8; i++) extension(at + i * 8, i == 7 ? TCP : 60, 8);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 60, 72);
    for (let i: usize = 0; i < 9; i++) extension(at + i * 8, i == 8 ? TCP : 60, 8);
    expectDropped(run(), Drop.BAD_IPV6);
  });
  it("that promise more than there is are malformed", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 60, 8);
    extension(at, TCP, 64);
    expectDropped(run(), Drop.BAD_IPV6);
  });
  it("a second fragment header is malformed", () => {
    const at = fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, 44, 16);
    store<u8>(at, 44);
    store<u8>(at + 8, TCP);
    expectDropped(run(), Drop.BAD_IPV6);
  });
});

describe("a malformed IPv6 header", () => {
  beforeAll(() => {
    identify(0);
  });
  it("is dropped: too short, of another version, longer than the frame", () => {
    fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, TCP, 0);
    slotAt(0).length = 14 + 39;
    expectDropped(run(), Drop.BAD_IPV6);
    fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, TCP, 0);
    store<u8>(frameAt(0), 0x45, 14);
    expectDropped(run(), Drop.BAD_IPV6);
    fromClient6(0, VMAC, CLIENT_MAC, client6(6, 1), 1000, ACK, TCP, 0);
    store<u16>(frameAt(0), <u16>swap16(21), 18);
    expectDropped(run(), Drop.BAD_IPV6);
  });
});

describe("addresses that stand for IPv4", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("are not on a wire: they would act on flows of IPv4", () => {
    const before = flows();
    const mapped = 0xffff0000 | (<u64>swap32(client(8, 1)) << 32);
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x86dd, 74);
    const segment = ipv6(ip, 0, mapped, 0, 0xffff0000 | (<u64>swap32(VIP) << 32), 6, 20);
    store<u16>(segment, <u16>swap16(1000));
    store<u16>(segment, <u16>swap16(80), 2);
    store<u8>(segment, 0x50, 12);
    store<u8>(segment, <u8>SYN, 13);
    expectDropped(run(), Drop.BAD_IPV6);
    expect<u32>(flows()).toBe(before);
  });
});

describe("a neighbour solicitation for the VIP", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("is answered by the current owner of the asker's bucket: the VIP is at the VMAC", () => {
    const before = events(Event.NEIGHBOUR_ANSWERED);
    const ip = discovery(0, 0, GROUP_MAC, CLIENT_MAC, nd.SOLICITATION, CLIENT6_LOW, client6(1, 1), VIP6_LOW, VIP6_HIGH);
    expect<u32>(run()).toBe(Verdict.ANSWER);
    expect<u64>(loadMac(frameAt(0))).toBe(CLIENT_MAC);
    expect<u64>(loadMac(frameAt(0) + 6)).toBe(ownerMac(1));
    expect<u32>(egress(0).port).toBe(0);
    expect<u64>(load<u64>(ip, 8)).toBe(VIP6_LOW);
    expect<u64>(load<u64>(ip, 16)).toBe(VIP6_HIGH);
    expect<u64>(load<u64>(ip, 24)).toBe(CLIENT6_LOW);
    expect<u64>(load<u64>(ip, 32)).toBe(client6(1, 1));
    const message = ip + 40;
    expect<u32>(load<u8>(message)).toBe(nd.ADVERTISEMENT);
    expect<u32>(load<u8>(message, 4)).toBe(0x60);
    expect<u32>(load<u16>(message, 24)).toBe(0x0102);
    expect<u64>(loadMac(message + 26)).toBe(VMAC);
    // A right checksum makes the sum over everything all ones.
    const sum = load<u16>(message, 2);
    store<u16>(message, 0, 2);
    expect<u32>(nd.checksum(ip, message, 32)).toBe(sum);
    expect<u64>(events(Event.NEIGHBOUR_ANSWERED)).toBe(before + 1);
  });
  it("sent to the VMAC without an option is answered without one", () => {
    const ip = discovery(0, 0, VMAC, CLIENT_MAC, nd.SOLICITATION, CLIENT6_LOW, client6(1, 1), VIP6_LOW, VIP6_HIGH);
    store<u16>(ip, <u16>swap16(24), 4);
    slotAt(0).length = 14 + 64;
    expect<u32>(run()).toBe(Verdict.ANSWER);
    expect<u32>(load<u16>(ip, 4)).toBe(swap16(24));
  });
  it("that a router has forwarded, or that tests for duplicates, is not answered", () => {
    const ip = discovery(0, 0, GROUP_MAC, CLIENT_MAC, nd.SOLICITATION, CLIENT6_LOW, client6(1, 1), VIP6_LOW, VIP6_HIGH);
    store<u8>(ip, 64, 7);
    expectDropped(run(), Drop.NOT_OURS);
    discovery(0, 0, GROUP_MAC, CLIENT_MAC, nd.SOLICITATION, 0, 0, VIP6_LOW, VIP6_HIGH);
    expectDropped(run(), Drop.NOT_OURS);
  });
  it("is left to the owner by all others", () => {
    assign(3, 1, NONE, NONE);
    discovery(0, 0, GROUP_MAC, CLIENT_MAC, nd.SOLICITATION, CLIENT6_LOW, client6(1, 1), VIP6_LOW, VIP6_HIGH);
    expectDropped(run(), Drop.NEIGHBOUR_NOT_OWNER);
  });
  it("for another address floods to the hosts", () => {
    discovery(0, 0, GROUP_MAC, CLIENT_MAC, nd.SOLICITATION, CLIENT6_LOW, client6(1, 1), VIP6_LOW, 1);
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
  it("a host does not say that it has the VIP", () => {
    discovery(0, 1, CLIENT_MAC, ownerMac(1), nd.ADVERTISEMENT, 0x80fe, 1, VIP6_LOW, VIP6_HIGH);
    expectDropped(run(), Drop.NEIGHBOUR_FROM_HOST);
    discovery(0, 1, GROUP_MAC, ownerMac(1), nd.SOLICITATION, VIP6_LOW, VIP6_HIGH, CLIENT6_LOW, client6(1, 1));
    expectDropped(run(), Drop.NEIGHBOUR_FROM_HOST);
  });
  it("a host may ask from an address of its own", () => {
    discovery(0, 1, GROUP_MAC, ownerMac(1), nd.SOLICITATION, 0x80fe, 1, CLIENT6_LOW, client6(1, 1));
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
});

describe("an ICMPv6 query", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("is the current owner's, and makes no flow", () => {
    const before = flows();
    expectDelivered(echo6(VMAC, CLIENT_MAC), 1);
    expect<u32>(packetAt(0).kind).toBe(PacketKind.ICMP_QUERY);
    expect<u32>(flows()).toBe(before);
  });
  it("goes from a previous owner to the current one, once, though nothing here is complete", () => {
    assign(3, 1, NONE, NONE);
    expectRedirected(echo6(VMAC, CLIENT_MAC), RedirectKind.RESTEER, 3);
    expectDropped(echo6(ownerMac(1), makeTag(RedirectKind.RESTEER, 4, generation())), Drop.STALE_RESTEER);
  });
});

describe("another protocol over IPv6", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("has a flow by its addresses", () => {
    expectDelivered(esp6(1), 1);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 10);
    expectDelivered(esp6(1), 1);
    expectDelivered(esp6(2), 2);
  });
});

describe("an ICMPv6 error", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    direct6(7, 1, SYN);
    fromOwner6(0, 1, client6(7, 1), 1000, SYN | ACK);
    run();
    assign(2, 1, NONE, NONE);
  });
  it("is the flow's that it quotes, with 8 bytes of TCP", () => {
    const before = flows();
    icmpv6Error(0, VMAC, 2, client6(7, 1), 1000, 48);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u64>(sentTo(0)).toBe(ownerMac(1));
    expect<u32>(flows()).toBe(before);
  });
  it("that quotes less is malformed", () => {
    icmpv6Error(0, VMAC, 2, client6(7, 1), 1000, 47);
    expectDropped(run(), Drop.BAD_ICMP);
  });
  it("that quotes no packet of ours is dropped", () => {
    const quote = icmpv6Error(0, VMAC, 2, client6(7, 1), 1000, 48);
    store<u8>(quote, 0x77, 8);
    expectDropped(run(), Drop.NOT_VIP);
  });
  it("about a datagram goes to the host that has its flow", () => {
    assign(1, NONE, NONE, NONE);
    datagram6(client6(7, 2), 4000);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 7);
    for (let port: u32 = 4000; port < 4002; port++) {
      const quote = icmpv6Error(0, VMAC, 2, client6(7, 2), port, 48);
      store<u8>(quote, <u8>UDP, 6);
      expectDelivered(run(), port == 4000 ? 1 : 2);
    }
  });
  it("about the answer to a query is the current owner's", () => {
    assign(1, 3, NONE, NONE);
    const quote = icmpv6Error(0, VMAC, 2, client6(7, 2), 0, 48);
    store<u8>(quote, <u8>ICMPV6, 6);
    expectDelivered(run(), 1);
  });
});
