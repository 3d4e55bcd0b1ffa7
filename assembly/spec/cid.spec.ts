/** QUIC: packets whose connection id names an owner. Owners 1 and 2 are here (local 0 and 1), 3 to 6 are on other blades. */
import { Drop, Event, Rule } from "../abi";
import { Message, Status, Table } from "../messages";
import { EVENT_COUNTERS, RULE_COUNTERS } from "../counters";
import { generation } from "../buckets";
import { FlowState, OwnerUse } from "../commands";
import { Assignment, IdentityFlag, Owner } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { frameAt, slotAt } from "../ring";
import { storeMac, swap16 } from "../wire/ethernet";
import { assign, command, identify, pass, run, tell } from "./support/blade";
import {
  DRAFT_ID,
  ID,
  IDLE_MS,
  LONG_HANDSHAKE,
  LONG_INITIAL,
  LONG_ZERO_RTT,
  QUIC,
  SHORT,
  direct,
  hostAnswers,
  idOf,
  packet,
  redirected,
  serve,
} from "./support/cid";
import { CLIENT_MAC, VIP, VMAC, client, ownerMac, udpBetween } from "./support/frames";
import { NONE, TABLE, answer, answerRecord, assignment, chunk, envelope } from "./support/messages";
import { expectDelivered, expectDropped, expectRedirected, lastState } from "./support/outcome";

function counted(event: u32): u64 {
  return load<u64>(EVENT_COUNTERS + event * 8);
}

function taken(rule: u32): u64 {
  return load<u64>(RULE_COUNTERS + rule * 8);
}

/** Of local owner `local`, as USES says. */
function unusedMs(local: u32): u32 {
  expect<u32>(tell(envelope(Message.USES, 0))).toBe(Status.OK);
  expect<u32>(answer().length).toBe(2 * <u32>offsetof<OwnerUse>());
  return answerRecord<OwnerUse>(0, local).cidUnusedMs;
}

describe("a packet whose connection id names an owner", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    serve();
  });
  it("is delivered to that owner when it is here, whoever owns the bucket", () => {
    const before = counted(Event.CID_DELIVERED);
    expectDelivered(direct(client(1, 1), 4000, SHORT, idOf(1)), 1);
    expectDelivered(direct(client(1, 1), 4000, SHORT, idOf(2)), 2);
    expect<u64>(counted(Event.CID_DELIVERED) - before).toBe(2);
    expect<u64>(taken(Rule.NAMED_HERE)).toBe(2);
  });
  it("makes no flow: its connection id is enough", () => {
    expect<u32>(lastState(0)).toBe(0);
    expect<u32>(lastState(1)).toBe(0);
  });
  it("is redirected to that owner's blade when that is another one", () => {
    const before = counted(Event.REDIRECT_RESTEER);
    expectRedirected(direct(client(1, 1), 4000, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
    expect<u64>(counted(Event.REDIRECT_RESTEER) - before).toBe(1);
    expect<u64>(taken(Rule.NAMED_ELSEWHERE)).toBe(1);
  });
  it("is that owner's, too, behind a long header", () => {
    expectDelivered(direct(client(1, 1), 4000, LONG_HANDSHAKE, idOf(2)), 2);
    expectRedirected(direct(client(1, 1), 4000, LONG_HANDSHAKE, idOf(4)), RedirectKind.RESTEER, 4);
  });
  it("is that owner's when its server id is encrypted", () => {
    memory.copy(ID, DRAFT_ID, 17);
    expectRedirected(direct(client(1, 1), 4000, SHORT, 17), RedirectKind.RESTEER, 3);
  });
  it("is that owner's from wherever the client has moved to, and whatever bucket that is in", () => {
    assign(4, 3, NONE, NONE);
    expectDelivered(direct(client(1, 1), 4000, SHORT, idOf(1)), 1);
    expectDelivered(direct(client(9, 77), 51234, SHORT, idOf(1)), 1);
    expectRedirected(direct(client(9, 77), 51234, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
  });
});

describe("a redirected packet whose connection id names an owner", () => {
  beforeAll(() => {
    assign(4, 3, NONE, NONE);
  });
  it("is delivered at that owner, which need not be in the bucket's history", () => {
    expectDelivered(redirected(RedirectKind.RESTEER, 1, client(1, 1), 4000, idOf(1)), 1);
  });
  it("is delivered whatever kind it has come as, and of whatever generation", () => {
    expectDelivered(redirected(RedirectKind.HOP1, 2, client(1, 1), 4000, idOf(2)), 2);
    expectDelivered(packet(ownerMac(2), makeTag(RedirectKind.RESTEER, 5, generation() + 3), client(1, 1), 4000, SHORT, idOf(2)), 2);
  });
  it("is dropped at another one's, and never redirected a second time", () => {
    const before = taken(Rule.NAMED_ASTRAY);
    expectDropped(redirected(RedirectKind.RESTEER, 1, client(1, 1), 4000, idOf(3)), Drop.WRONG_SERVER);
    // Not even to a neighbour on the same blade: whoever sent it had other server ids.
    expectDropped(redirected(RedirectKind.RESTEER, 1, client(1, 1), 4000, idOf(2)), Drop.WRONG_SERVER);
    expect<u64>(taken(Rule.NAMED_ASTRAY) - before).toBe(2);
  });
  it("is delivered without a look at it when it is a copy", () => {
    expectDelivered(redirected(RedirectKind.COPY, 1, client(1, 1), 4000, idOf(3)), 1);
  });
});

describe("a packet whose connection id names no owner", () => {
  beforeAll(() => {
    assign(1, NONE, NONE, NONE);
  });
  it("opens a flow at the current owner", () => {
    const before = counted(Event.CID_UNKNOWN);
    expectDelivered(direct(client(2, 1), 4000, SHORT, idOf(9)), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
    expect<u64>(counted(Event.CID_UNKNOWN) - before).toBe(1);
  });
  it("does so when it is of a configuration that there is not, or says that it is not routable", () => {
    idOf(3);
    store<u8>(ID, 0x28);
    expectDelivered(direct(client(2, 2), 4000, SHORT, 9), 1);
    store<u8>(ID, 0xe8);
    expectDelivered(direct(client(2, 3), 4000, SHORT, 9), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
  });
  it("does so when it is too short", () => {
    expectDelivered(direct(client(2, 4), 4000, LONG_HANDSHAKE, idOf(3) - 1), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
  });
  it("does so when it is the client's: in Initial and 0-RTT packets", () => {
    const before = counted(Event.CID_UNKNOWN);
    expectDelivered(direct(client(2, 5), 4000, LONG_INITIAL, idOf(3)), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
    expectDelivered(direct(client(2, 6), 4000, LONG_ZERO_RTT, idOf(3)), 1);
    expect<u64>(counted(Event.CID_UNKNOWN)).toBe(before);
  });
  it("names a server of a MAC that is in no assignment: that one has left", () => {
    const at = assignment(generation() + 1, 1, NONE, NONE, NONE);
    memory.fill(TABLE + offsetof<Assignment>() + 3 * offsetof<Owner>(), 0, offsetof<Owner>());
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 0, 1, 0, at))).toBe(Status.OK);
    expectDelivered(direct(client(2, 7), 4000, SHORT, idOf(3)), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
    expectDelivered(direct(client(2, 7), 4001, SHORT, idOf(3)), 1);
    // It has come back.
    assign(1, NONE, NONE, NONE);
    expectRedirected(direct(client(2, 7), 4000, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
  });
  it("names a server whose owner has another number now", () => {
    const at = assignment(generation() + 1, 1, NONE, NONE, NONE);
    const owners = TABLE + offsetof<Assignment>();
    storeMac(owners + 3 * offsetof<Owner>(), ownerMac(6));
    storeMac(owners + 6 * offsetof<Owner>(), ownerMac(3));
    expect<u32>(tell(chunk(Table.ASSIGNMENT, 0, 1, 0, at))).toBe(Status.OK);
    expectRedirected(direct(client(2, 8), 4000, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
    assign(1, NONE, NONE, NONE);
  });
  it("stays with the host that has its flow when the bucket moves, as every flow does", () => {
    expectDelivered(direct(client(2, 9), 4000, LONG_INITIAL, idOf(9)), 1);
    hostAnswers(1, client(2, 9), 4000);
    assign(3, 1, NONE, NONE);
    expectDelivered(direct(client(2, 9), 4000, LONG_INITIAL, idOf(9)), 1);
  });
  it("is not decided by its connection id when it is an ICMP error, or of another service", () => {
    assign(3, NONE, NONE, NONE);
    udpBetween(0, 0, VMAC, CLIENT_MAC, client(2, 10), 4000, VIP, QUIC + 1);
    const quic = frameAt(0) + 42;
    slotAt(0).length = 42 + 29;
    store<u16>(frameAt(0), <u16>swap16(57), 16);
    store<u16>(frameAt(0), <u16>swap16(37), 38);
    store<u8>(quic, <u8>SHORT);
    memory.copy(quic + 1, ID, idOf(1));
    expectRedirected(run(), RedirectKind.RESTEER, 3);
  });
});

describe("the flow that a QUIC connection begins with", () => {
  beforeAll(() => {
    assign(1, NONE, NONE, NONE);
  });
  it("is established by the host's answer, and over when its service's idle time has passed", () => {
    direct(client(3, 1), 4000, LONG_INITIAL, idOf(9));
    hostAnswers(1, client(3, 1), 4000);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
    pass(IDLE_MS - 1);
    // What the host sends from then on does not prolong it: the client's packets have the host's connection id.
    hostAnswers(1, client(3, 1), 4000);
    expectDelivered(direct(client(3, 1), 4000, SHORT, idOf(1)), 1);
    pass(1);
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 3);
    expectRedirected(direct(client(3, 1), 4000, LONG_INITIAL, idOf(9)), RedirectKind.RESTEER, 3);
    expectDelivered(direct(client(3, 1), 4000, SHORT, idOf(1)), 1);
  });
  it("is not made by what a host sends to where its client has moved", () => {
    assign(1, NONE, NONE, NONE);
    hostAnswers(1, client(3, 2), 4000);
    expect<u32>(lastState(0)).toBe(0);
  });
});

describe("an owner that drains", () => {
  it("keeps its QUIC connections when no history names it any more, and gets no new ones", () => {
    assign(1, NONE, NONE, NONE);
    assign(3, NONE, NONE, NONE);
    expectDelivered(direct(client(4, 1), 4000, SHORT, idOf(1)), 1);
    expectDelivered(redirected(RedirectKind.RESTEER, 1, client(4, 1), 4000, idOf(1)), 1);
    expectRedirected(direct(client(4, 1), 4001, LONG_INITIAL, idOf(1)), RedirectKind.RESTEER, 3);
  });
  it("is in use for as long as their packets come", () => {
    expectDelivered(redirected(RedirectKind.RESTEER, 1, client(4, 1), 4000, idOf(1)), 1);
    pass(30);
    expect<u32>(unusedMs(0)).toBe(30);
    expectDelivered(direct(client(4, 1), 4000, SHORT, idOf(1)), 1);
    expect<u32>(unusedMs(0)).toBe(0);
    pass(70);
    // Neither flows nor what is for others count.
    direct(client(4, 1), 4000, SHORT, idOf(2));
    direct(client(4, 1), 4000, SHORT, idOf(3));
    direct(client(4, 1), 4001, LONG_INITIAL, idOf(1));
    redirected(RedirectKind.RESTEER, 1, client(4, 1), 4000, idOf(3));
    expect<u32>(unusedMs(0)).toBe(70);
    expect<u32>(unusedMs(1)).toBe(0);
  });
  it("is called unused for no longer than half of what a clock can tell", () => {
    pass(0x7fffffff);
    expect<u32>(unusedMs(0)).toBe(0x7fffffff);
    pass(0x7fffffff);
    expect<u32>(unusedMs(0)).toBe(0x7fffffff);
    pass(0x7fffffff);
    expect<u32>(unusedMs(0)).toBe(0x7fffffff);
  });
  it("is what is asked for, with nothing else", () => {
    expect<u32>(tell(envelope(Message.USES, 4))).toBe(Status.BAD_LENGTH);
  });
});

describe("with redirection off", () => {
  it("a blade serves whatever comes", () => {
    identify(IdentityFlag.REDIRECT_OFF);
    assign(3, NONE, NONE, NONE);
    expectDelivered(direct(client(5, 1), 4000, SHORT, idOf(3)), 1);
    identify(0);
  });
});
