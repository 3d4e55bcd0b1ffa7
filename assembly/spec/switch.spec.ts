/** The switch image: steering, learning, flooding, roles. Ports 0 and 6 are uplinks, 1 to 5 lead to blades. */
import { Drop, Egress, ImageKind, Verdict } from "../abi";
import { Message, Status, Table } from "../messages";
import { ANSWER_PAYLOAD, PAYLOAD } from "../manage/envelope";
import { Hello } from "../commands";
import { ForwardEntry, HashMode, Identity, Port, PortRole, Role, SwitchRole, Vip } from "../records";
import { makeTag } from "../redirect";
import { roleOf } from "../identity";
import { EGRESSES, countEgress, slotAt } from "../ring";
import { manage, process } from "../switch";
import { swap32 } from "../wire/ethernet";
import {
  ACK,
  BROADCAST,
  CLIENT_MAC,
  VIP,
  VMAC,
  arp,
  client,
  ethernet,
  ownerMac,
  tcpBetween,
  udp,
} from "./support/frames";
import { NONE, TABLE, answer, assignment, bucketScan, chunk, envelope, stagedHistory } from "./support/messages";

const OTHER_CLIENT_MAC: u64 = 0x020100000006;
const STRANGER: u64 = 0x090909090902;
let now: u32 = 1000;
let lastGeneration: u32 = 0;

function tell(bytes: u32): u32 {
  manage(bytes, now);
  return answer().status;
}

function identify(portFour: u32): void {
  memory.fill(TABLE, 0, 128);
  const header = changetype<Identity>(TABLE);
  header.vmac = <u32>VMAC;
  header.vmacHigh = <u16>(VMAC >>> 32);
  header.hash = <u8>HashMode.LOW_BITS;
  header.vips = 1;
  header.ports = 7;
  const vip = changetype<Vip>(TABLE + offsetof<Identity>());
  vip.address = swap32(VIP);
  vip.family = 4;
  const ports = TABLE + offsetof<Identity>() + offsetof<Vip>();
  for (let i: u32 = 0; i < 7; i++) {
    const role = i == 0 || i == 6 ? PortRole.UPLINK : PortRole.FABRIC;
    changetype<Port>(ports + i * offsetof<Port>()).role = <u8>(i == 4 ? portFour : role);
  }
  assert(tell(chunk(Table.IDENTITY, 0, 1, 0, <u32>(ports + 7 * offsetof<Port>() - TABLE))) == Status.OK, "identity");
}

/** Even buckets go to owner 1, odd ones to owner 3, bucket 15 to nobody. */
function assign(): void {
  const bytes = assignment(++lastGeneration, 1, NONE, NONE, NONE);
  for (let i: u32 = 1; i < 15; i += 2) stagedHistory(i).p0 = 3;
  stagedHistory(15).p0 = <u16>NONE;
  assert(tell(chunk(Table.ASSIGNMENT, 0, 1, 0, bytes)) == Status.OK, "assignment");
}

function setRole(role: u32): u32 {
  changetype<Role>(TABLE).role = <u8>role;
  return tell(chunk(Table.ROLE, 0, 1, 0, <u32>offsetof<Role>()));
}

function run(): u32 {
  process(0, 1, now);
  return slotAt(0).verdict;
}

function outPort(index: u32): u32 {
  return changetype<Egress>(EGRESSES + index * offsetof<Egress>()).port;
}

function expectDropped(reason: u32): void {
  expect<u32>(run()).toBe(Verdict.DROP);
  expect<u32>(slotAt(0).drop).toBe(reason);
}

function toVip(bucket: u32, port: u32): void {
  tcpBetween(0, port, VMAC, CLIENT_MAC, client(bucket, 1), 1000, VIP, 80, ACK);
}

describe("a switch", () => {
  it("drops everything before its identity", () => {
    toVip(0, 0);
    expectDropped(Drop.NO_ASSIGNMENT);
  });
  it("is born standby", () => {
    identify(PortRole.FABRIC);
    toVip(0, 0);
    expectDropped(Drop.STANDBY);
  });
  it("steers nothing before its first assignment", () => {
    setRole(SwitchRole.ACTIVE);
    toVip(0, 0);
    expectDropped(Drop.NO_ASSIGNMENT);
  });
  it("steers by the client's bucket, and leaves the frame as it is", () => {
    assign();
    toVip(0, 0);
    expect<u32>(run()).toBe(Verdict.STEER);
    expect<u32>(outPort(0)).toBe(1);
    toVip(1, 0);
    expect<u32>(run()).toBe(Verdict.STEER);
    expect<u32>(outPort(0)).toBe(3);
    expect<u32>(changetype<Egress>(EGRESSES).rewrite).toBe(0);
  });
  it("steers ARP for the VMAC by the asker", () => {
    arp(0, 0, VMAC, 1, client(1, 1), VIP, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.STEER);
    expect<u32>(outPort(0)).toBe(3);
  });
  it("drops what is for a bucket without an owner", () => {
    toVip(15, 0);
    expectDropped(Drop.NO_ASSIGNMENT);
  });
  it("does not send a frame back by the port it came from", () => {
    toVip(0, 1);
    expectDropped(Drop.HAIRPIN);
  });
  it("drops what is for an owner whose port is shut", () => {
    identify(PortRole.SHUT);
    const bytes = assignment(++lastGeneration, 4, NONE, NONE, NONE);
    tell(chunk(Table.ASSIGNMENT, 0, 1, 0, bytes));
    toVip(0, 0);
    expectDropped(Drop.NO_PORT);
    identify(PortRole.FABRIC);
    assign();
  });
  it("drops what comes by a port that is shut or does not exist", () => {
    identify(PortRole.SHUT);
    toVip(0, 4);
    expectDropped(Drop.PORT_SHUT);
    toVip(0, 20);
    expectDropped(Drop.PORT_SHUT);
    identify(PortRole.FABRIC);
  });
});

describe("L2 at a switch", () => {
  it("floods a broadcast to every other port", () => {
    arp(0, 0, BROADCAST, 1, client(1, 1), VIP, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.FLOOD);
    for (let i: u32 = 0; i < 6; i++) expect<u32>(outPort(i)).toBe(i + 1);
  });
  it("knows the owners' MACs from the assignment", () => {
    udp(0, 0, ownerMac(2), CLIENT_MAC, client(1, 1), 0x0a000002);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(outPort(0)).toBe(2);
  });
  it("carries a redirected frame from blade to blade", () => {
    tcpBetween(0, 1, ownerMac(3), makeTag(1, 1, 1), client(1, 1), 1000, VIP, 80, ACK);
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(outPort(0)).toBe(3);
  });
  it("drops a redirect tag from an uplink", () => {
    tcpBetween(0, 0, ownerMac(3), makeTag(1, 1, 1), client(1, 1), 1000, VIP, 80, ACK);
    expectDropped(Drop.SPOOFED_TAG);
  });
  it("does not learn a redirect tag", () => {
    udp(0, 2, makeTag(1, 1, 1), ownerMac(2), 0x0a000002, client(1, 1));
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
  it("floods a redirected frame to an owner that it does not know inside the fabric only", () => {
    tcpBetween(0, 1, STRANGER, makeTag(1, 1, 1), client(1, 1), 1000, VIP, 80, ACK);
    expect<u32>(run()).toBe(Verdict.FLOOD);
    for (let i: u32 = 0; i < countEgress(); i++) expect<u32>(roleOf(outPort(i))).toBe(PortRole.FABRIC);
  });
  it("learns a client's port from its frames, and floods to a stranger", () => {
    udp(0, 1, CLIENT_MAC, ownerMac(1), 0x0a000001, client(1, 1));
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(outPort(0)).toBe(0);
    udp(0, 1, STRANGER, ownerMac(1), 0x0a000001, client(1, 1));
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
  it("learns that a client has moved", () => {
    udp(0, 6, ownerMac(1), CLIENT_MAC, client(1, 1), 0x0a000001);
    run();
    udp(0, 1, CLIENT_MAC, ownerMac(1), 0x0a000001, client(1, 1));
    run();
    expect<u32>(outPort(0)).toBe(6);
  });
  it("does not believe a client that uses an owner's MAC", () => {
    udp(0, 0, ownerMac(1), ownerMac(2), client(1, 1), 0x0a000001);
    run();
    udp(0, 1, ownerMac(2), ownerMac(1), 0x0a000001, 0x0a000002);
    run();
    expect<u32>(outPort(0)).toBe(2);
  });
  it("forgets a station that was silent for five minutes", () => {
    udp(0, 0, ownerMac(1), OTHER_CLIENT_MAC, client(2, 1), 0x0a000001);
    run();
    now += 300001;
    udp(0, 1, OTHER_CLIENT_MAC, ownerMac(1), 0x0a000001, client(2, 1));
    expect<u32>(run()).toBe(Verdict.FLOOD);
  });
  it("does not send to a station on the same port", () => {
    udp(0, 0, ownerMac(1), CLIENT_MAC, client(1, 1), 0x0a000001);
    run();
    udp(0, 0, CLIENT_MAC, OTHER_CLIENT_MAC, client(2, 1), client(1, 1));
    expectDropped(Drop.HAIRPIN);
  });
  it("knows static stations by FORWARD entries", () => {
    memory.fill(TABLE, 0, offsetof<ForwardEntry>());
    const entry = changetype<ForwardEntry>(TABLE);
    entry.mac = <u32>STRANGER;
    entry.macHigh = <u16>(STRANGER >>> 32);
    entry.port = 5;
    expect<u32>(tell(chunk(Table.FORWARD, 0, 1, 0, <u32>offsetof<ForwardEntry>()))).toBe(Status.OK);
    udp(0, 1, STRANGER, ownerMac(1), 0x0a000001, client(1, 1));
    expect<u32>(run()).toBe(Verdict.FORWARD);
    expect<u32>(outPort(0)).toBe(5);
  });
  it("drops malformed frames", () => {
    ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 20);
    expectDropped(Drop.BAD_IPV4);
  });
});

describe("a switch's management", () => {
  it("HELLO tells the image", () => {
    expect<u32>(tell(envelope(Message.HELLO, 0))).toBe(Status.OK);
    expect<u32>(changetype<Hello>(ANSWER_PAYLOAD).kind).toBe(ImageKind.SWITCH);
  });
  it("ROLE makes it standby and active again", () => {
    expect<u32>(setRole(SwitchRole.STANDBY)).toBe(Status.OK);
    toVip(0, 0);
    expectDropped(Drop.STANDBY);
    expect<u32>(setRole(SwitchRole.ACTIVE)).toBe(Status.OK);
    toVip(0, 0);
    expect<u32>(run()).toBe(Verdict.STEER);
  });
  it("ROLE of no known value, or of another length, is refused", () => {
    expect<u32>(setRole(9)).toBe(Status.BAD_RECORD);
    expect<u32>(tell(chunk(Table.ROLE, 0, 1, 0, 4))).toBe(Status.BAD_TABLE);
  });
  it("a blade's command is refused: WRONG_IMAGE", () => {
    expect<u32>(tell(bucketScan(0, 0))).toBe(Status.WRONG_IMAGE);
  });
  it("an unknown message or table is refused", () => {
    expect<u32>(tell(envelope(200, 0))).toBe(Status.UNKNOWN_MESSAGE);
    expect<u32>(tell(chunk(77, 0, 1, 0, 1))).toBe(Status.UNKNOWN_TABLE);
  });
  it("takes filters, and tells counters", () => {
    expect<u32>(tell(chunk(Table.FILTER, 0, 1, 0, 0))).toBe(Status.OK);
    const bytes = envelope(Message.COUNTERS, 8);
    store<u64>(PAYLOAD, 0);
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
  });
});
