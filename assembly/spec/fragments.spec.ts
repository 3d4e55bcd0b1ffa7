/** Fragments: later ones go the way of their first one, step by step. Owners 1 and 2 are here, 3 to 6 are on other blades. */
import { Drop, Event, Verdict } from "../abi";
import { Message, Status, Table } from "../messages";
import { generation } from "../buckets";
import { process } from "../blade";
import { flows } from "../flows";
import { Identity, IdentityFlag, LocalOwner, PortRole, Vip } from "../records";
import { RedirectKind, makeTag, tagKind } from "../redirect";
import { countEgress, frameAt, slotAt } from "../ring";
import { FRAGMENTS_MAX, FRAME_SLOTS, PARKED_MAX } from "../sizes";
import { swap16, swap32 } from "../wire/ethernet";
import { assign, clock, command, egress, identify, pass, run, sentFrom, sentTo, tell } from "./support/blade";
import {
  CLIENT6_LOW,
  CLIENT_MAC,
  OTHER_VIP,
  VIP,
  VIP6_HIGH,
  VIP6_LOW,
  VMAC,
  client,
  client6,
  ethernet,
  ipv4,
  ipv6,
  ownerMac,
  udpBetween,
} from "./support/frames";
import { NONE, TABLE, chunk, identity } from "./support/messages";
import { events, expectDropped, expectTag } from "./support/outcome";

const UDP: u32 = 17;
const PORT: u32 = 4000;
const SERVICE: u32 = 9000;
const FRAGMENT_BYTES: u32 = 64;
/** A flow that its host has not answered is over then, and what was done with a first fragment is still remembered. */
const FLOW_MS: u32 = 5000;

/** The first fragment of a UDP datagram of `id`, in `slot`. */
function first(slot: u32, destination: u64, source: u64, address: u32, id: u32): void {
  const ip = ethernet(slot, 0, destination, source, 0x0800, 34 + FRAGMENT_BYTES);
  const segment = ipv4(ip, address, VIP, UDP, FRAGMENT_BYTES);
  store<u16>(ip, <u16>swap16(id), 4);
  store<u16>(ip, <u16>swap16(0x2000), 6);
  store<u16>(segment, <u16>swap16(PORT));
  store<u16>(segment, <u16>swap16(SERVICE), 2);
  store<u16>(segment, <u16>swap16(1000), 4);
}

/** A later fragment of it. */
function later(slot: u32, destination: u64, source: u64, address: u32, id: u32): void {
  const ip = ethernet(slot, 0, destination, source, 0x0800, 34 + FRAGMENT_BYTES);
  const payload = ipv4(ip, address, VIP, UDP, FRAGMENT_BYTES);
  store<u16>(ip, <u16>swap16(id), 4);
  store<u16>(ip, <u16>swap16(FRAGMENT_BYTES >>> 3), 6);
  memory.fill(payload, 0xab, FRAGMENT_BYTES);
}

function directFirst(address: u32, id: u32): u32 {
  first(0, VMAC, CLIENT_MAC, address, id);
  return run();
}

function directLater(address: u32, id: u32): u32 {
  later(0, VMAC, CLIENT_MAC, address, id);
  return run();
}

function tagged(kind: u32): u64 {
  return makeTag(kind, 3, generation());
}

/** The flow of the fragments is known at owner 1. */
function open(address: u32): void {
  udpBetween(0, 0, VMAC, CLIENT_MAC, address, PORT, VIP, SERVICE);
  run();
}

describe("fragments at the only owner", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("are all delivered, whichever comes first", () => {
    expect<u32>(directLater(client(1, 1), 7)).toBe(Verdict.DELIVER);
    expect<u32>(directFirst(client(1, 1), 7)).toBe(Verdict.DELIVER);
    expect<u32>(directLater(client(1, 1), 7)).toBe(Verdict.DELIVER);
    expect<u64>(sentTo(0)).toBe(ownerMac(1));
    expect<u64>(sentFrom(0)).toBe(CLIENT_MAC);
  });
  it("the first one opens the flow, a later one none", () => {
    const before = flows();
    directLater(client(1, 2), 8);
    expect<u32>(flows()).toBe(before);
    directFirst(client(1, 2), 8);
    expect<u32>(flows()).toBe(before + 1);
  });
});

describe("fragments of a flow that has stayed behind", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    open(client(2, 1));
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 2);
  });
  it("are delivered here when the first one is known here", () => {
    expect<u32>(directFirst(client(2, 1), 10)).toBe(Verdict.DELIVER);
    expect<u32>(directLater(client(2, 1), 10)).toBe(Verdict.DELIVER);
  });
  it("are resteered when the first one is not", () => {
    expect<u32>(directFirst(client(2, 2), 11)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.RESTEER, 3);
    expect<u32>(directLater(client(2, 2), 11)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.RESTEER, 3);
  });
  it("that came as a hop go the way that the first hop went", () => {
    first(0, ownerMac(1), tagged(RedirectKind.HOP1), client(2, 2), 12);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.FINAL, 3);
    later(0, ownerMac(1), tagged(RedirectKind.HOP1), client(2, 2), 12);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.FINAL, 3);
  });
  it("that came as a hop are not sent the way of one that came direct: they would go in a circle", () => {
    directFirst(client(2, 2), 13);
    later(0, ownerMac(1), tagged(RedirectKind.HOP1), client(2, 2), 13);
    expectDropped(run(), Drop.FRAGMENT_UNKNOWN);
  });
  it("with a hop's tag and no first one are dropped", () => {
    later(0, ownerMac(1), tagged(RedirectKind.HOP1), client(2, 1), 14);
    expectDropped(run(), Drop.FRAGMENT_UNKNOWN);
  });
  it("are dropped like the first one", () => {
    assign(3, 1, NONE, NONE);
    assign(1, 3, NONE, NONE);
    assign(3, 1, NONE, NONE);
    expectDropped(directFirst(client(2, 3), 15), Drop.NOT_COMPLETE);
    expectDropped(directLater(client(2, 3), 15), Drop.NOT_COMPLETE);
  });
});

describe("fragments at a current owner with a previous one", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("ask the previous owner one after the other", () => {
    expect<u32>(directFirst(client(3, 1), 20)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
    expect<u32>(directLater(client(3, 1), 20)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
  });
  it("that come back as final are delivered, and those that come direct still take the round", () => {
    first(0, ownerMac(1), tagged(RedirectKind.FINAL), client(3, 1), 20);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    later(0, ownerMac(1), tagged(RedirectKind.FINAL), client(3, 1), 20);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u32>(directLater(client(3, 1), 20)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
  });
  it("a later final of an unknown first is delivered in its own generation, and dropped in another", () => {
    later(0, ownerMac(1), tagged(RedirectKind.FINAL), client(3, 2), 21);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    later(0, ownerMac(1), makeTag(RedirectKind.FINAL, 3, generation() - 1), client(3, 2), 21);
    expectDropped(run(), Drop.STALE_FINAL);
  });
  it("a copy is delivered, and nothing is learned of it", () => {
    const before = flows();
    later(0, ownerMac(1), tagged(RedirectKind.COPY), client(3, 3), 22);
    expect<u32>(run()).toBe(Verdict.DELIVER);
    expect<u32>(flows()).toBe(before);
  });
  it("of packets with the same identification from two clients are told apart", () => {
    open(client(3, 5));
    assign(1, NONE, NONE, NONE);
    open(client(3, 4));
    assign(1, 3, NONE, NONE);
    expect<u32>(directFirst(client(3, 4), 23)).toBe(Verdict.DELIVER);
    expect<u32>(directFirst(client(3, 6), 23)).toBe(Verdict.REDIRECT);
    expect<u32>(directLater(client(3, 4), 23)).toBe(Verdict.DELIVER);
    expect<u32>(directLater(client(3, 6), 23)).toBe(Verdict.REDIRECT);
  });
  it("of a new packet with an old identification go the new one's way", () => {
    expect<u32>(directFirst(client(3, 4), 24)).toBe(Verdict.DELIVER);
    pass(60000);
    expect<u32>(directFirst(client(3, 4), 24)).toBe(Verdict.REDIRECT);
    expect<u32>(directLater(client(3, 4), 24)).toBe(Verdict.REDIRECT);
  });
  it("of a new packet with an identification that is remembered go the new one's way", () => {
    assign(1, NONE, NONE, NONE);
    expect<u32>(directFirst(client(3, 7), 25)).toBe(Verdict.DELIVER);
    expect<u32>(directLater(client(3, 7), 25)).toBe(Verdict.DELIVER);
    assign(1, 3, NONE, NONE);
    pass(FLOW_MS);
    expect<u32>(directFirst(client(3, 7), 25)).toBe(Verdict.REDIRECT);
    expect<u32>(directLater(client(3, 7), 25)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
  });
});

describe("a later fragment that comes first", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
    pass(10000);
  });
  it("waits, and leaves with the first one, the same way, with its own bytes", () => {
    const released = events(Event.FRAGMENT_RELEASED);
    expect<u32>(directLater(client(4, 1), 30)).toBe(Verdict.PARK);
    expect<u32>(countEgress()).toBe(0);
    expect<u32>(directFirst(client(4, 1), 30)).toBe(Verdict.REDIRECT);
    expect<u32>(countEgress()).toBe(2);
    expectTag(RedirectKind.HOP1, 3);
    expect<u64>(sentTo(1)).toBe(ownerMac(3));
    expect<u32>(tagKind(sentFrom(1))).toBe(RedirectKind.HOP1);
    const slot = <u32>egress(1).slot;
    expect<bool>(slot >= FRAME_SLOTS).toBe(true);
    expect<u32>(slotAt(slot).length).toBe(34 + FRAGMENT_BYTES);
    expect<u32>(load<u8>(frameAt(slot), 34)).toBe(0xab);
    expect<u64>(events(Event.FRAGMENT_RELEASED)).toBe(released + 1);
    expect<u32>(directLater(client(4, 1), 30)).toBe(Verdict.REDIRECT);
  });
  it("does not wait for the first one of another packet", () => {
    directLater(client(4, 2), 31);
    directFirst(client(4, 2), 32);
    expect<u32>(countEgress()).toBe(1);
    directFirst(client(4, 2), 31);
    expect<u32>(countEgress()).toBe(2);
  });
  it("waits for a second and no longer", () => {
    const expired = events(Event.FRAGMENT_EXPIRED);
    directLater(client(4, 3), 33);
    pass(1000);
    directFirst(client(4, 3), 33);
    expect<u32>(countEgress()).toBe(1);
    directLater(client(4, 3), 34);
    expect<u64>(events(Event.FRAGMENT_EXPIRED)).toBe(expired + 1);
    pass(1000);
  });
  it("of which there are more than places: all that may have the flow get a copy", () => {
    assign(1, 3, 4, NONE);
    for (let i: u32 = 0; i < PARKED_MAX; i++) expect<u32>(directLater(client(4, 4), 100 + i)).toBe(Verdict.PARK);
    expect<u32>(directLater(client(4, 4), 99)).toBe(Verdict.DELIVER);
    expect<u32>(countEgress()).toBe(3);
    expect<u64>(sentTo(0)).toBe(ownerMac(3));
    expect<u32>(tagKind(sentFrom(0))).toBe(RedirectKind.COPY);
    expect<u64>(sentTo(1)).toBe(ownerMac(4));
    expect<u64>(sentTo(2)).toBe(ownerMac(1));
    expect<u64>(sentFrom(2)).toBe(CLIENT_MAC);
  });
  it("copies are limited: a flood of fragments does not become one of three times its size", () => {
    let copied: u32 = 0;
    for (let i: u32 = 0; i < 1000; i++) if (directLater(client(4, 5), i) == Verdict.DELIVER) copied++;
    expect<u32>(copied).toBe(255);
    expectDropped(directLater(client(4, 5), 2000), Drop.FRAGMENT_UNKNOWN);
    pass(1000);
  });
  it("at an owner that is not current waits too, and is dropped when there is no room", () => {
    assign(3, NONE, NONE, NONE);
    for (let i: u32 = 0; i < PARKED_MAX; i++) expect<u32>(directLater(client(4, 6), 200 + i)).toBe(Verdict.PARK);
    expectDropped(directLater(client(4, 6), 199), Drop.FRAGMENT_UNKNOWN);
    expect<u32>(directFirst(client(4, 6), 200)).toBe(Verdict.REDIRECT);
    expect<u32>(countEgress()).toBe(2);
    pass(1000);
  });
  it("in one batch with others: the bytes of one that leaves stay until the batch is sent", () => {
    assign(1, 3, NONE, NONE);
    for (let i: u32 = 0; i < PARKED_MAX; i++) directLater(client(4, 7), 300 + i);
    first(0, VMAC, CLIENT_MAC, client(4, 7), 300);
    later(1, VMAC, CLIENT_MAC, client(4, 7), 400);
    memory.fill(frameAt(1) + 34, 0xcd, FRAGMENT_BYTES);
    process(0, 2, clock());
    const slot = <u32>egress(1).slot;
    expect<bool>(slot >= FRAME_SLOTS).toBe(true);
    expect<u32>(load<u8>(frameAt(slot), 34)).toBe(0xab);
    pass(1000);
  });
});

describe("the table of first fragments", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("forgets the oldest when it is full, and never a frame's verdict", () => {
    for (let i: u32 = 0; i < 4 * FRAGMENTS_MAX; i++) {
      expect<u32>(directFirst(client(5, 1), i)).toBe(Verdict.REDIRECT);
      pass(1);
    }
    expect<u32>(directLater(client(5, 1), 4 * FRAGMENTS_MAX - 1)).toBe(Verdict.REDIRECT);
    expect<u32>(directLater(client(5, 1), 0)).toBe(Verdict.PARK);
  });
  it("forgets a packet after 30 s", () => {
    directFirst(client(5, 2), 50);
    pass(29999);
    expect<u32>(directLater(client(5, 2), 50)).toBe(Verdict.REDIRECT);
    pass(1);
    expect<u32>(directLater(client(5, 2), 50)).toBe(Verdict.PARK);
  });
});

describe("what is remembered of fragments", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("is forgotten when a virtual IP takes the place of another one", () => {
    directFirst(client(6, 1), 60);
    directLater(client(6, 2), 61);
    const bytes = identity(0);
    const vip = changetype<Vip>(TABLE + offsetof<Identity>() + 2 * offsetof<LocalOwner>());
    vip.address = swap32(OTHER_VIP);
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, bytes))).toBe(Status.OK);
    later(0, VMAC, CLIENT_MAC, client(6, 1), 60);
    store<u32>(frameAt(0), swap32(OTHER_VIP), 14 + 16);
    expect<u32>(run()).toBe(Verdict.PARK);
    first(0, VMAC, CLIENT_MAC, client(6, 2), 61);
    store<u32>(frameAt(0), swap32(OTHER_VIP), 14 + 16);
    run();
    expect<u32>(countEgress()).toBe(1);
  });
  it("is forgotten when an owner goes to another port", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    expect<u32>(directFirst(client(6, 3), 62)).toBe(Verdict.DELIVER);
    const bytes = identity(0);
    changetype<LocalOwner>(TABLE + offsetof<Identity>()).port = 3;
    store<u8>(TABLE + bytes - 4 + 1, <u8>PortRole.SHUT);
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, bytes))).toBe(Status.OK);
    directLater(client(6, 3), 62);
    expect<u32>(egress(0).port).toBe(3);
    identify(0);
  });
  it("is kept when only flags change", () => {
    assign(1, 3, NONE, NONE);
    directFirst(client(6, 4), 63);
    identify(IdentityFlag.COOKIES);
    expect<u32>(directLater(client(6, 4), 63)).toBe(Verdict.REDIRECT);
    identify(0);
  });
});

describe("a first fragment of an ICMP error", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("does not take the place of a packet of the client that it quotes", () => {
    fragment6(0, 0, 60);
    const id = load<u32>(frameAt(0) + 14 + 40, 4);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    const ip = ethernet(0, 0, VMAC, CLIENT_MAC, 0x86dd, 14 + 40 + 8 + 8 + 48);
    const header = ipv6(ip, 0x2222222222220120, 1, VIP6_LOW, VIP6_HIGH, 44, 64);
    store<u8>(header, 58);
    store<u16>(header, <u16>swap16(1), 2);
    store<u32>(header, id, 4);
    store<u8>(header, 1, 8);
    ipv6(header + 16, VIP6_LOW, VIP6_HIGH, CLIENT6_LOW, client6(6, 1), 58, 1400);
    run();
    fragment6(0, 64, 60);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
  });
});

describe("IPv6 fragments", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("go the way of the first one, also behind other extension headers", () => {
    fragment6(0, 0, 60);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
    fragment6(0, 64, 60);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
    fragment6(0, 64, UDP);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
  });
  it("of a new packet with an identification that is remembered go the new one's way", () => {
    assign(1, NONE, NONE, NONE);
    pass(30000);
    for (let i: u32 = 0; i < 2; i++) {
      fragment6(0, i * 64, 60);
      expect<u32>(run()).toBe(Verdict.DELIVER);
    }
    assign(1, 3, NONE, NONE);
    pass(FLOW_MS);
    for (let i: u32 = 0; i < 2; i++) {
      fragment6(0, i * 64, 60);
      expect<u32>(run()).toBe(Verdict.REDIRECT);
      expectTag(RedirectKind.HOP1, 3);
    }
  });
});

/** A fragment at `offset` of an IPv6 datagram behind destination options, whose fragment header names `next`. */
function fragment6(slot: u32, offset: u32, next: u32): void {
  const ip = ethernet(slot, 0, VMAC, CLIENT_MAC, 0x86dd, 14 + 40 + 8 + FRAGMENT_BYTES);
  const header = ipv6(ip, CLIENT6_LOW, client6(6, 1), VIP6_LOW, VIP6_HIGH, 44, 8 + FRAGMENT_BYTES);
  store<u8>(header, <u8>next);
  store<u16>(header, <u16>swap16(offset | (offset == 0 ? 1 : 0)), 2);
  store<u32>(header, swap32(0x12345), 4);
  const options = header + 8;
  if (offset > 0) return;
  store<u8>(options, <u8>UDP);
  const datagram = options + 8;
  store<u16>(datagram, <u16>swap16(PORT));
  store<u16>(datagram, <u16>swap16(SERVICE), 2);
  store<u16>(datagram, <u16>swap16(1000), 4);
}
