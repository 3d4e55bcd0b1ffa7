/** QUIC: packets whose connection id names an owner. Owners 1 and 2 are here (local 0 and 1), 3 to 6 are on other blades. */
import { Drop, Event, Rule } from "../abi";
import { Message, Status, Table } from "../messages";
import { EVENT_COUNTERS, RULE_COUNTERS } from "../counters";
import { generation } from "../buckets";
import { FlowState, OwnerUse } from "../commands";
import {
  ANY_VIP,
  Assignment,
  CidConfig,
  CidFlag,
  CidTable,
  IdentityFlag,
  Owner,
  ServerId,
  Service,
  ServiceClass,
} from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { frameAt, slotAt } from "../ring";
import { SERVER_IDS_MAX } from "../sizes";
import { storeMac, swap16 } from "../wire/ethernet";
import { assign, command, identify, pass, run, tell } from "./support/blade";
import { CLIENT_MAC, VIP, VMAC, client, ethernet, ipv4, ownerMac, udpBetween } from "./support/frames";
import { NONE, TABLE, answer, answerRecord, assignment, chunk, envelope } from "./support/messages";
import { expectDelivered, expectDropped, expectRedirected, lastState } from "./support/outcome";

const QUIC: u32 = 443;
const UDP: u32 = 17;
const IDLE_MS: u32 = 400;
const PROVISIONAL_MS: u32 = 50;

/** Configurations: 0 without a key, server ids of 2 bytes; 2 as in the vector of appendix B.2 of the draft. */
const PLAIN: u32 = 0;
const ENCRYPTED: u32 = 2;
const NONCE_BYTES: u32 = 6;
const ID: usize = memory.data(20, 16);

const LONG_HANDSHAKE: u32 = 0xe0;
const LONG_INITIAL: u32 = 0xc0;
const LONG_ZERO_RTT: u32 = 0xd0;
const SHORT: u32 = 0x40;
const VERSION_1: u32 = 1;

const HEADER: u32 = <u32>offsetof<CidTable>();
const CONFIG: u32 = <u32>offsetof<CidConfig>();
const SERVER_ID: u32 = <u32>offsetof<ServerId>();

// prettier-ignore
const DRAFT_KEY: usize = memory.data<u8>([
  0x8f, 0x95, 0xf0, 0x92, 0x45, 0x76, 0x5f, 0x80, 0x25, 0x69, 0x34, 0xe5, 0x0c, 0x66, 0x20, 0x7f,
]);
// prettier-ignore
const DRAFT_SERVER_ID: usize = memory.data<u8>([0xed, 0x79, 0x3a, 0x51, 0xd4, 0x9b, 0x8f, 0x5f]);
// prettier-ignore
const DRAFT_ID: usize = memory.data<u8>([
  0x50, 0x4d, 0xd2, 0xd0, 0x5a, 0x7b, 0x0d, 0xe9, 0xb2, 0xb9, 0x90, 0x7a, 0xfb, 0x5e, 0xcf, 0x8c, 0xc3,
]);

// ------------------------------------------------------------------------------------------------ the table

function stageService(): u32 {
  const service = changetype<Service>(TABLE);
  memory.fill(TABLE, 0, offsetof<Service>());
  service.port = <u16>swap16(QUIC);
  service.protocol = <u8>UDP;
  service.vip = <u8>ANY_VIP;
  service.serviceClass = <u8>ServiceClass.CID;
  service.idleMs = IDLE_MS;
  service.provisionalMs = PROVISIONAL_MS;
  return <u32>offsetof<Service>();
}

function stageHeader(configs: u32, serverIds: u32): void {
  memory.fill(TABLE, 0, HEADER + configs * CONFIG + serverIds * SERVER_ID);
  changetype<CidTable>(TABLE).configs = <u16>configs;
  changetype<CidTable>(TABLE).serverIds = <u16>serverIds;
}

function configAt(index: u32): CidConfig {
  return changetype<CidConfig>(TABLE + HEADER + index * CONFIG);
}

function serverIdAt(configs: u32, index: u32): ServerId {
  return changetype<ServerId>(TABLE + HEADER + configs * CONFIG + index * SERVER_ID);
}

function stageConfig(index: u32, number: u32, serverIdBytes: u32, nonceBytes: u32): void {
  const config = configAt(index);
  config.config = <u8>number;
  config.serverIdBytes = <u8>serverIdBytes;
  config.nonceBytes = <u8>nonceBytes;
}

/** A server id of 2 bytes: `owner`, 0xa0. */
function stageServerId(configs: u32, index: u32, config: u32, owner: u32): void {
  const serverId = serverIdAt(configs, index);
  serverId.mac = <u32>ownerMac(owner);
  serverId.macHigh = <u16>(ownerMac(owner) >>> 32);
  serverId.key = config | (owner << 8) | (0xa0 << 16);
}

function putTable(configs: u32, serverIds: u32): u32 {
  return tell(chunk(Table.CID, 0, 1, 0, HEADER + configs * CONFIG + serverIds * SERVER_ID));
}

/** Owners 1 to 4 have server ids in PLAIN, owner 3 has that of the draft in ENCRYPTED. */
function stageServers(): void {
  stageHeader(2, 5);
  stageConfig(0, PLAIN, 2, NONCE_BYTES);
  stageConfig(1, ENCRYPTED, 8, 8);
  configAt(1).flags = <u8>CidFlag.ENCRYPTED;
  configAt(1).key = load<u64>(DRAFT_KEY);
  configAt(1).keyHigh = load<u64>(DRAFT_KEY, 8);
  for (let owner: u32 = 1; owner <= 4; owner++) stageServerId(2, owner - 1, PLAIN, owner);
  const drafted = serverIdAt(2, 4);
  stageServerId(2, 4, ENCRYPTED, 3);
  store<u64>(changetype<usize>(drafted) + offsetof<ServerId>("key") + 1, load<u64>(DRAFT_SERVER_ID));
  // As numbers, the draft's server id comes behind the others: its first byte is the configuration, which is larger.
}

function serve(): void {
  expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, stageService()))).toBe(Status.OK);
  stageServers();
  sortServers(2, 5);
  expect<u32>(putTable(2, 5)).toBe(Status.OK);
}

/** Into ascending order of their keys. */
function sortServers(configs: u32, count: u32): void {
  const spare = memory.data(offsetof<ServerId>(), 8);
  for (let i: u32 = 0; i < count; i++) {
    for (let j: u32 = i + 1; j < count; j++) {
      const a = serverIdAt(configs, i);
      const b = serverIdAt(configs, j);
      if (a.key < b.key || (a.key == b.key && a.keyHigh < b.keyHigh)) continue;
      memory.copy(spare, changetype<usize>(a), offsetof<ServerId>());
      memory.copy(changetype<usize>(a), changetype<usize>(b), offsetof<ServerId>());
      memory.copy(changetype<usize>(b), spare, offsetof<ServerId>());
    }
  }
}

// ------------------------------------------------------------------------------------------------ packets

/** A connection id of PLAIN that names `owner`; returns its bytes. */
function idOf(owner: u32): u32 {
  memory.fill(ID, 0x77, 20);
  store<u8>(ID, <u8>(PLAIN << 5) | 8);
  store<u8>(ID, <u8>owner, 1);
  store<u8>(ID, 0xa0, 2);
  return 1 + 2 + NONCE_BYTES;
}

/** A QUIC packet of a client, with the connection id in ID, to `destination` from `source`; returns its verdict. */
function packet(destination: u64, source: u64, address: u32, port: u32, first: u32, idBytes: u32): u32 {
  const long = (first & 0x80) != 0;
  const bytes = (long ? 6 : 1) + idBytes + 20;
  const at = ipv4(ethernet(0, 0, destination, source, 0x0800, 42 + bytes), address, VIP, UDP, 8 + bytes);
  store<u16>(at, <u16>swap16(port));
  store<u16>(at, <u16>swap16(QUIC), 2);
  store<u16>(at, <u16>swap16(8 + bytes), 4);
  const quic = at + 8;
  store<u8>(quic, <u8>first);
  if (long) {
    store<u8>(quic, <u8>VERSION_1, 4);
    store<u8>(quic, <u8>idBytes, 5);
  }
  memory.copy(quic + (long ? 6 : 1), ID, idBytes);
  return run();
}

/** Steered here by the switch. */
function direct(address: u32, port: u32, first: u32, idBytes: u32): u32 {
  return packet(VMAC, CLIENT_MAC, address, port, first, idBytes);
}

/** Redirected here by owner 5, to owner `to`. */
function redirected(kind: u32, to: u32, address: u32, port: u32, idBytes: u32): u32 {
  return packet(ownerMac(to), makeTag(kind, 5, generation()), address, port, SHORT, idBytes);
}

function hostAnswers(number: u32, address: u32, port: u32): void {
  udpBetween(0, number, CLIENT_MAC, ownerMac(number), VIP, QUIC, address, port);
  run();
}

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

/** Stages a right table of one configuration and two server ids, for one thing to be made wrong. */
function stageSmall(): void {
  stageHeader(1, 2);
  stageConfig(0, 1, 2, NONCE_BYTES);
  stageServerId(1, 0, 1, 1);
  stageServerId(1, 1, 1, 2);
}

function expectRefused(status: u32, detail: u32): void {
  expect<u32>(putTable(1, 2)).toBe(status);
  expect<u32>(answer().detail).toBe(detail);
}

describe("table CID", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    serve();
  });
  it("is taken whole", () => {
    stageSmall();
    expect<u32>(putTable(1, 2)).toBe(Status.OK);
    serve();
  });
  it("is refused when a configuration has a number that there is not, or lengths that do not fit", () => {
    stageSmall();
    configAt(0).config = 7;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).serverIdBytes = 0;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).nonceBytes = 3;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).nonceBytes = 18;
    expectRefused(Status.BAD_RECORD, 0);
  });
  it("is refused with a key that is not used, an unknown flag, or anything in a reserved place", () => {
    stageSmall();
    configAt(0).keyHigh = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).flags = 2;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    configAt(0).reserved = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    changetype<CidTable>(TABLE).reserved = 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    serverIdAt(1, 1).owner = 1;
    expectRefused(Status.BAD_RECORD, 1);
  });
  it("is refused when a configuration or a server id is there twice, or out of order", () => {
    stageHeader(2, 0);
    stageConfig(0, 1, 2, NONCE_BYTES);
    stageConfig(1, 1, 3, NONCE_BYTES);
    expect<u32>(putTable(2, 0)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(1);
    stageSmall();
    stageServerId(1, 1, 1, 1);
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    stageServerId(1, 0, 1, 3);
    expectRefused(Status.BAD_RECORD, 1);
  });
  it("is refused when a server id is of no configuration, longer than it says, or no station's", () => {
    stageSmall();
    stageServerId(1, 1, 2, 2);
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 1).key |= 1 << 24;
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 1).keyHigh = 1;
    expectRefused(Status.BAD_RECORD, 1);
    stageSmall();
    serverIdAt(1, 0).mac |= 1;
    expectRefused(Status.BAD_RECORD, 0);
    stageSmall();
    serverIdAt(1, 0).mac = 0;
    serverIdAt(1, 0).macHigh = 0;
    expectRefused(Status.BAD_RECORD, 0);
  });
  it("is refused when it has another length than it says, or more than there is room for", () => {
    stageSmall();
    expect<u32>(tell(chunk(Table.CID, 0, 1, 0, HEADER - 1))).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(HEADER);
    expect<u32>(putTable(1, 1)).toBe(Status.BAD_TABLE);
    expect<u32>(answer().detail).toBe(HEADER + CONFIG + 2 * SERVER_ID);
    stageHeader(8, 0);
    expect<u32>(putTable(8, 0)).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(7);
    stageHeader(0, 0);
    changetype<CidTable>(TABLE).serverIds = <u16>(SERVER_IDS_MAX + 1);
    expect<u32>(putTable(0, 0)).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(SERVER_IDS_MAX);
  });
  it("is what it was when another one is refused", () => {
    expectRedirected(direct(client(6, 1), 4000, SHORT, idOf(3)), RedirectKind.RESTEER, 3);
  });
  it("forgets what the one before had", () => {
    stageHeader(0, 0);
    expect<u32>(putTable(0, 0)).toBe(Status.OK);
    expectDelivered(direct(client(6, 2), 4000, SHORT, idOf(3)), 1);
    serve();
  });
  it("is of UDP services only", () => {
    const bytes = stageService();
    changetype<Service>(TABLE).protocol = 132;
    expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, bytes))).toBe(Status.BAD_RECORD);
    stageService();
    changetype<Service>(TABLE).idleMs = 0;
    expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, bytes))).toBe(Status.BAD_RECORD);
  });
});
