/** Protocols without connections: flows, services, ICMP errors. Owners 1 and 2 are here, 3 to 6 are on other blades. */
import { Drop, Verdict } from "../abi";
import { Message, Status, Table } from "../messages";
import { generation } from "../buckets";
import { Flow, find, flows } from "../flows";
import { packetAt } from "../packet";
import { FlowBatch, FlowRow, FlowScan, FlowState } from "../commands";
import { ANY_VIP, Service, ServiceClass } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { ANSWER_PAYLOAD, PAYLOAD } from "../manage/envelope";
import { SERVICES_MAX, VIPS_MAX } from "../sizes";
import { swap16 } from "../wire/ethernet";
import { assign, command, direct, identify, pass, reply, run, tell } from "./support/blade";
import {
  ACK,
  CLIENT_MAC,
  OTHER_VIP,
  SYN,
  VIP,
  VMAC,
  client,
  ethernet,
  icmpError,
  ipv4,
  ownerMac,
  udpBetween,
} from "./support/frames";
import { NONE, TABLE, answer, answerRecord, chunk, flowBatch, flowScan } from "./support/messages";
import { expectDelivered, expectDropped, expectRedirected, lastState } from "./support/outcome";

const DNS: u32 = 53;
const WIREGUARD: u32 = 51820;
const UDP: u32 = 17;
const GRE: u32 = 47;

function datagram(address: u32, port: u32, service: u32): u32 {
  udpBetween(0, 0, VMAC, CLIENT_MAC, address, port, VIP, service);
  return run();
}

function redirectedDatagram(tag: u64, owner: u64, address: u32, port: u32, service: u32): u32 {
  udpBetween(0, 0, owner, tag, address, port, VIP, service);
  return run();
}

function answerDatagram(number: u32, address: u32, port: u32, service: u32): u32 {
  udpBetween(0, number, CLIENT_MAC, ownerMac(number), VIP, service, address, port);
  return run();
}

function stageService(index: u32, protocol: u32, port: u32, serviceClass: u32, idleMs: u32, provisionalMs: u32): void {
  const service = changetype<Service>(TABLE + index * offsetof<Service>());
  memory.fill(changetype<usize>(service), 0, offsetof<Service>());
  service.port = <u16>swap16(port);
  service.protocol = <u8>protocol;
  service.vip = <u8>ANY_VIP;
  service.serviceClass = <u8>serviceClass;
  service.idleMs = idleMs;
  service.provisionalMs = provisionalMs;
}

function putServices(count: u32): u32 {
  return tell(chunk(Table.SERVICE, 0, 1, 0, count * <u32>offsetof<Service>()));
}

/** Rows of other protocols than TCP. */
function listOthers(): u32 {
  let cursor: u32 = 0;
  let rows: u32 = 0;
  do {
    const bytes = flowScan(cursor, 0);
    changetype<FlowScan>(PAYLOAD).othersOnly = 1;
    assert(tell(bytes) == Status.OK, "list");
    const listed = (answer().length - <u32>offsetof<FlowScan>()) / <u32>offsetof<FlowRow>();
    for (let i: u32 = 0; i < listed; i++) {
      expect<u32>(answerRecord<FlowRow>(offsetof<FlowScan>(), i).protocol).not.toBe(6);
    }
    rows += listed;
    cursor = changetype<FlowScan>(ANSWER_PAYLOAD).cursor;
  } while (cursor != 0);
  return rows;
}

/** DNS of class NONE, WireGuard with a flow that lives 200 ms idle, and 50 ms unanswered. */
function services(): void {
  stageService(0, UDP, DNS, ServiceClass.NONE, 0, 0);
  stageService(1, UDP, WIREGUARD, ServiceClass.FLOW, 200, 50);
  expect<u32>(putServices(2)).toBe(Status.OK);
}

describe("a UDP flow", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    services();
  });
  it("is recorded when its first datagram is delivered, and established by the host's answer", () => {
    expectDelivered(datagram(client(1, 1), 4000, WIREGUARD), 1);
    expect<u32>(lastState(0)).toBe(FlowState.PROVISIONAL);
    answerDatagram(1, client(1, 1), 4000, WIREGUARD);
    expect<u32>(lastState(0)).toBe(FlowState.ESTABLISHED);
  });
  it("stays with the host that has it when its bucket moves", () => {
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 1);
    expectDelivered(datagram(client(1, 1), 4000, WIREGUARD), 1);
  });
  it("that is new goes to the new owner", () => {
    expectDelivered(datagram(client(1, 1), 4001, WIREGUARD), 2);
    expect<u32>(lastState(1)).toBe(FlowState.PROVISIONAL);
  });
  it("is over when it was idle for its service's time, and the next datagram opens a new one at the new owner", () => {
    pass(199);
    expectDelivered(datagram(client(1, 1), 4000, WIREGUARD), 1);
    pass(200);
    expectDelivered(datagram(client(1, 1), 4000, WIREGUARD), 2);
    expect<u32>(lastState(1)).toBe(FlowState.PROVISIONAL);
  });
  it("that the host does not answer is over sooner", () => {
    expectDelivered(datagram(client(1, 3), 4000, WIREGUARD), 2);
    pass(50);
    assign(1, 2, NONE, NONE);
    command(Message.COMPLETE, 1, 1);
    expectDelivered(datagram(client(1, 3), 4000, WIREGUARD), 1);
  });
  it("of a service without an entry lives 60 s idle", () => {
    assign(1, NONE, NONE, NONE);
    datagram(client(1, 4), 4000, 9999);
    answerDatagram(1, client(1, 4), 4000, 9999);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 1);
    pass(59999);
    expectDelivered(datagram(client(1, 4), 4000, 9999), 1);
    pass(60000);
    expectDelivered(datagram(client(1, 4), 4000, 9999), 2);
  });
  it("is asked of the previous owner like a connection", () => {
    assign(1, 3, NONE, NONE);
    expectRedirected(datagram(client(1, 5), 4000, WIREGUARD), RedirectKind.HOP1, 3);
    expectDelivered(
      redirectedDatagram(makeTag(RedirectKind.FINAL, 3, generation()), ownerMac(1), client(1, 5), 4000, WIREGUARD),
      1,
    );
    expectDelivered(datagram(client(1, 5), 4000, WIREGUARD), 1);
  });
  it("is not made by what a previous owner's host sends unasked", () => {
    assign(3, 1, NONE, NONE);
    const before = flows();
    expect<u32>(answerDatagram(1, client(1, 6), 4000, WIREGUARD)).toBe(Verdict.FORWARD);
    expect<u32>(flows()).toBe(before);
  });
  it("that is over at a previous owner is not brought back by what its host sends: others may have it by now", () => {
    assign(1, NONE, NONE, NONE);
    datagram(client(7, 9), 4000, WIREGUARD);
    answerDatagram(1, client(7, 9), 4000, WIREGUARD);
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 7);
    expectDelivered(datagram(client(7, 9), 4000, WIREGUARD), 1);
    pass(199);
    answerDatagram(1, client(7, 9), 4000, WIREGUARD);
    pass(199);
    expectDelivered(datagram(client(7, 9), 4000, WIREGUARD), 1);
    pass(200);
    answerDatagram(1, client(7, 9), 4000, WIREGUARD);
    expectRedirected(datagram(client(7, 9), 4000, WIREGUARD), RedirectKind.RESTEER, 3);
  });
  it("is not made by what a current owner's host sends unasked, as long as a previous owner may have it", () => {
    assign(1, 3, NONE, NONE);
    answerDatagram(1, client(7, 11), 4000, WIREGUARD);
    expectRedirected(datagram(client(7, 11), 4000, WIREGUARD), RedirectKind.HOP1, 3);
    assign(1, 2, NONE, NONE);
    command(Message.COMPLETE, 1, 7);
    const before = flows();
    answerDatagram(1, client(7, 11), 4000, WIREGUARD);
    expect<u32>(flows()).toBe(before + 1);
    assign(1, NONE, NONE, NONE);
    answerDatagram(1, client(7, 12), 4000, WIREGUARD);
    expect<u32>(flows()).toBe(before + 2);
  });
  it("that is over is not brought back by it either", () => {
    assign(1, 3, NONE, NONE);
    const final = makeTag(RedirectKind.FINAL, 3, generation());
    redirectedDatagram(final, ownerMac(1), client(7, 13), 4000, WIREGUARD);
    answerDatagram(1, client(7, 13), 4000, WIREGUARD);
    pass(199);
    answerDatagram(1, client(7, 13), 4000, WIREGUARD);
    pass(199);
    expectDelivered(datagram(client(7, 13), 4000, WIREGUARD), 1);
    pass(200);
    answerDatagram(1, client(7, 13), 4000, WIREGUARD);
    expectRedirected(datagram(client(7, 13), 4000, WIREGUARD), RedirectKind.HOP1, 3);
  });
  it("is listed without those of TCP, where that is asked", () => {
    assign(1, NONE, NONE, NONE);
    const before = listOthers();
    datagram(client(7, 10), 4000, WIREGUARD);
    direct(client(7, 10), 4000, SYN);
    expect<u32>(listOthers()).toBe(before + 1);
  });
  it("is seeded with the time that it has been idle, from the traffic manager's mirror", () => {
    assign(2, 1, NONE, NONE);
    const bytes = flowBatch(Message.SEED, generation(), 0, client(1, 7), 4000, FlowState.ESTABLISHED);
    const row = changetype<FlowRow>(PAYLOAD + offsetof<FlowBatch>());
    row.protocol = <u8>UDP;
    row.vipPort = <u16>swap16(WIREGUARD);
    row.untouchedMs = 150;
    expect<u32>(tell(bytes)).toBe(Status.OK);
    command(Message.COMPLETE, 0, 1);
    pass(49);
    expectDelivered(datagram(client(1, 7), 4000, WIREGUARD), 1);
    pass(200);
    expectDelivered(datagram(client(1, 7), 4000, WIREGUARD), 2);
  });
});

describe("a service of class NONE", () => {
  beforeAll(() => {
    identify(0);
    services();
    assign(1, 3, NONE, NONE);
  });
  it("is always the current owner's, and makes no flow", () => {
    const before = flows();
    expectDelivered(datagram(client(2, 1), 4000, DNS), 1);
    answerDatagram(1, client(2, 1), 4000, DNS);
    expect<u32>(flows()).toBe(before);
    assign(3, 1, NONE, NONE);
    expectRedirected(datagram(client(2, 1), 4000, DNS), RedirectKind.RESTEER, 3);
  });
});

describe("another IP protocol", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("has a flow by its addresses", () => {
    ipv4(ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 54), client(3, 1), VIP, GRE, 20);
    expectDelivered(run(), 1);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 3);
    ipv4(ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 54), client(3, 1), VIP, GRE, 20);
    expectDelivered(run(), 1);
    ipv4(ethernet(0, 0, VMAC, CLIENT_MAC, 0x0800, 54), client(3, 2), VIP, GRE, 20);
    expectDelivered(run(), 2);
  });
});

describe("an ICMP error", () => {
  beforeAll(() => {
    identify(0);
    services();
    assign(1, NONE, NONE, NONE);
    direct(client(4, 1), 1000, SYN);
    reply(1, client(4, 1), 1000, SYN | ACK);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 4);
  });
  it("goes to the host that has the connection it quotes, whoever sends it, with 8 bytes of TCP", () => {
    const before = flows();
    icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 1), 1000, 6, 28);
    // The service port of the quote is that of the specs' connections.
    expectDelivered(run(), 1);
    expect<u32>(packetAt(0).bucket).toBe(4);
    expect<u32>(flows()).toBe(before);
  });
  it("of an unknown connection goes the way of its packets, and teaches nothing", () => {
    const before = flows();
    icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 2), 1000, 6, 28);
    expectDelivered(run(), 2);
    expect<u32>(flows()).toBe(before);
    assign(3, 2, 1, NONE);
    icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 2), 1000, 6, 28);
    expectDropped(run(), Drop.NOT_COMPLETE);
  });
  it("about a datagram of class NONE is the current owner's", () => {
    const quote = icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 3), 4000, 17, 28);
    store<u16>(quote, <u16>swap16(DNS), 20);
    expectRedirected(run(), RedirectKind.RESTEER, 3);
  });
  it("about a datagram of class FLOW goes to the host that has the flow", () => {
    assign(1, NONE, NONE, NONE);
    datagram(client(4, 6), 4000, WIREGUARD);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 4);
    for (let port: u32 = 4000; port < 4002; port++) {
      const quote = icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 6), port, UDP, 28);
      store<u16>(quote, <u16>swap16(WIREGUARD), 20);
      expectDelivered(run(), port == 4000 ? 1 : 2);
    }
  });
  it("that quotes less than 8 bytes, a later fragment, or no packet of ours is dropped", () => {
    icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 1), 1000, 6, 27);
    expectDropped(run(), Drop.BAD_ICMP);
    const quote = icmpError(0, VMAC, 0x0b000001, 3, VIP, client(4, 1), 1000, 6, 28);
    store<u8>(quote, 1, 7);
    expectDropped(run(), Drop.BAD_ICMP);
    icmpError(0, VMAC, 0x0b000001, 3, OTHER_VIP, client(4, 1), 1000, 6, 28);
    expectDropped(run(), Drop.NOT_VIP);
  });
  it("does not touch the connection: an error alone keeps none alive", () => {
    assign(1, NONE, NONE, NONE);
    direct(client(4, 5), 1000, SYN);
    const at = find(packetAt(0), 0);
    const touched = changetype<Flow>(at).touched;
    pass(10);
    icmpError(0, VMAC, 0x0b000001, 11, VIP, client(4, 5), 1000, 6, 28);
    expectDelivered(run(), 1);
    expect<u32>(changetype<Flow>(at).touched).toBe(touched);
    direct(client(4, 5), 1000, ACK);
    expect<u32>(changetype<Flow>(at).touched).toBe(touched + 10);
  });
});

describe("table SERVICE", () => {
  beforeAll(() => {
    identify(0);
    services();
  });
  it("refuses TCP, ICMP, a class that is none, a VIP that is none, times of 0: BAD_RECORD, and nothing changes", () => {
    stageService(0, 6, 80, ServiceClass.FLOW, 100, 100);
    expect<u32>(putServices(1)).toBe(Status.BAD_RECORD);
    stageService(0, 58, 0, ServiceClass.FLOW, 100, 100);
    expect<u32>(putServices(1)).toBe(Status.BAD_RECORD);
    stageService(0, UDP, 80, 99, 100, 100);
    expect<u32>(putServices(1)).toBe(Status.BAD_RECORD);
    stageService(0, UDP, 80, ServiceClass.FLOW, 0, 100);
    expect<u32>(putServices(1)).toBe(Status.BAD_RECORD);
    stageService(0, UDP, 80, ServiceClass.FLOW, 100, 0);
    expect<u32>(putServices(1)).toBe(Status.BAD_RECORD);
    stageService(0, UDP, DNS, ServiceClass.FLOW, 100, 100);
    stageService(1, UDP, 80, ServiceClass.FLOW, 100, 100);
    changetype<Service>(TABLE + offsetof<Service>()).vip = <u8>VIPS_MAX;
    expect<u32>(putServices(2)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(1);
    assign(1, NONE, NONE, NONE);
    const before = flows();
    datagram(client(5, 1), 4000, DNS);
    expect<u32>(flows()).toBe(before);
  });
  it("refuses half a record and more than there is room for", () => {
    expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, <u32>offsetof<Service>() - 1))).toBe(Status.BAD_TABLE);
    for (let i: u32 = 0; i <= SERVICES_MAX; i++) stageService(i, UDP, i + 1, ServiceClass.NONE, 0, 0);
    expect<u32>(putServices(SERVICES_MAX + 1)).toBe(Status.TOO_MANY_RECORDS);
    expect<u32>(answer().detail).toBe(SERVICES_MAX);
  });
  it("the first entry that matches holds", () => {
    stageService(0, UDP, DNS, ServiceClass.NONE, 0, 0);
    stageService(1, UDP, 0, ServiceClass.FLOW, 100, 100);
    expect<u32>(putServices(2)).toBe(Status.OK);
    const before = flows();
    datagram(client(5, 2), 4000, DNS);
    expect<u32>(flows()).toBe(before);
    datagram(client(5, 2), 4000, 9);
    expect<u32>(flows()).toBe(before + 1);
  });
});
