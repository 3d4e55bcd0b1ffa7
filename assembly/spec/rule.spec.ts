/** The rule from bytes in to bytes out: owners 1 and 2 are here, 3 to 6 are on other blades. */
import { Drop, Event, Verdict } from "../abi";
import { Message, Status } from "../messages";
import { generation } from "../buckets";
import { FlowState } from "../commands";
import { IdentityFlag } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { frameAt } from "../ring";
import { loadMac } from "../wire/ethernet";
import { assign, command, direct, egress, identify, redirected, reply, run, seed, sentFrom } from "./support/blade";
import { ACK, BROADCAST, CLIENT_MAC, FIN, RST, SYN, VIP, VMAC, arp, client, icmp, ownerMac } from "./support/frames";
import { NONE } from "./support/messages";
import { events, expectDelivered, expectDropped, expectTag } from "./support/outcome";

describe("a blade before its first messages", () => {
  it("drops everything", () => {
    expectDropped(direct(client(1, 1), 1000, SYN), Drop.NO_ASSIGNMENT);
  });
  it("with an identity, but no assignment, drops what is for the VIP", () => {
    identify(0);
    expectDropped(direct(client(1, 1), 1000, SYN), Drop.NO_ASSIGNMENT);
    expectDropped(redirected(makeTag(RedirectKind.FINAL, 3, 1), ownerMac(1), client(1, 1), 1000, SYN), Drop.NO_ASSIGNMENT);
  });
});

describe("the only owner of a bucket", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("delivers a SYN with the destination rewritten and the rest of the frame as it was", () => {
    expectDelivered(direct(client(1, 1), 1000, SYN), 1);
    expect<u64>(sentFrom(0)).toBe(CLIENT_MAC);
    expect<u32>(egress(0).rewrite).toBe(1);
  });
  it("delivers a segment of an unknown flow, and does not record it", () => {
    const before = events(Event.FLOW_INSERTED);
    expectDelivered(direct(client(1, 2), 1000, ACK), 1);
    expect<u64>(events(Event.FLOW_INSERTED)).toBe(before);
  });
  it("does not take an inbound SYN+ACK for an opening", () => {
    const before = events(Event.FLOW_INSERTED);
    expectDelivered(direct(client(1, 3), 1000, SYN | ACK), 1);
    expect<u64>(events(Event.FLOW_INSERTED)).toBe(before);
  });
  it("makes no state for an inbound RST", () => {
    const before = events(Event.FLOW_INSERTED);
    expectDelivered(direct(client(1, 4), 1000, RST), 1);
    expect<u64>(events(Event.FLOW_INSERTED)).toBe(before);
  });
  it("records a SYN once, also when it is repeated", () => {
    const before = events(Event.FLOW_OPENED);
    direct(client(1, 5), 1000, SYN);
    direct(client(1, 5), 1000, SYN);
    expect<u64>(events(Event.FLOW_OPENED)).toBe(before + 1);
  });
});

describe("a current owner with a previous one", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("sends an unknown flow to the previous owner as hop 1", () => {
    expect<u32>(direct(client(2, 1), 1000, ACK)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
  });
  it("sends a SYN there too: no timer", () => {
    expect<u32>(direct(client(2, 1), 1000, SYN)).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.HOP1, 3);
  });
  it("delivers and records a final of its own generation, and then knows the flow", () => {
    expectDelivered(redirected(makeTag(RedirectKind.FINAL, 3, generation()), ownerMac(1), client(2, 2), 1000, SYN), 1);
    expectDelivered(direct(client(2, 2), 1000, ACK), 1);
  });
  it("drops a final of another generation", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.FINAL, 3, generation() - 1), ownerMac(1), client(2, 3), 1000, SYN),
      Drop.STALE_FINAL,
    );
  });
  it("treats a resteered frame as direct", () => {
    expect<u32>(redirected(makeTag(RedirectKind.RESTEER, 3, generation() - 1), ownerMac(1), client(2, 4), 1000, ACK)).toBe(
      Verdict.REDIRECT,
    );
    expectTag(RedirectKind.HOP1, 3);
  });
  it("drops a resteered frame of a newer generation", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.RESTEER, 3, generation() + 1), ownerMac(1), client(2, 4), 1000, ACK),
      Drop.STALE_RESTEER,
    );
  });
  it("delivers a copy, which teaches nothing", () => {
    const before = events(Event.FLOW_INSERTED);
    expectDelivered(redirected(makeTag(RedirectKind.COPY, 3, 0), ownerMac(1), client(2, 5), 1000, SYN), 1);
    expect<u64>(events(Event.FLOW_INSERTED)).toBe(before);
  });
  it("learns a flow from its host's segment", () => {
    expect<u32>(reply(1, client(2, 6), 1000, ACK)).toBe(Verdict.FORWARD);
    expectDelivered(direct(client(2, 6), 1000, ACK), 1);
  });
  it("learns nothing from its host's RST", () => {
    expect<u32>(reply(1, client(2, 7), 1000, RST)).toBe(Verdict.FORWARD);
    expect<u32>(direct(client(2, 7), 1000, ACK)).toBe(Verdict.REDIRECT);
  });
  it("drops a frame with a tag of no known kind", () => {
    expectDropped(redirected(makeTag(7, 3, generation()), ownerMac(1), client(2, 8), 1000, ACK), Drop.BAD_TAG);
  });
});

describe("a previous owner", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    direct(client(3, 1), 1000, SYN);
    reply(1, client(3, 1), 1000, SYN | ACK);
    assign(3, 1, NONE, NONE);
  });
  it("delivers what it knows", () => {
    expectDelivered(redirected(makeTag(RedirectKind.HOP1, 3, generation()), ownerMac(1), client(3, 1), 1000, ACK), 1);
    expectDelivered(direct(client(3, 1), 1000, ACK), 1);
  });
  it("says nothing of an unknown flow until its table is complete", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.HOP1, 3, generation()), ownerMac(1), client(3, 2), 1000, ACK),
      Drop.NOT_COMPLETE,
    );
    expectDropped(direct(client(3, 2), 1000, ACK), Drop.NOT_COMPLETE);
  });
  it("knows what it was seeded with", () => {
    expect<u32>(seed(0, client(3, 3), 1000, FlowState.ESTABLISHED)).toBe(Status.OK);
    expectDelivered(redirected(makeTag(RedirectKind.HOP1, 3, generation()), ownerMac(1), client(3, 3), 1000, ACK), 1);
  });
  it("once complete, sends an unknown hop back to the current owner as final", () => {
    expect<u32>(command(Message.COMPLETE, 0, 3)).toBe(Status.OK);
    redirected(makeTag(RedirectKind.HOP1, 3, generation()), ownerMac(1), client(3, 4), 1000, ACK);
    expectTag(RedirectKind.FINAL, 3);
  });
  it("once complete, resteers an unknown direct frame", () => {
    direct(client(3, 4), 1000, ACK);
    expectTag(RedirectKind.RESTEER, 3);
  });
  it("drops a hop of another generation", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.HOP1, 3, generation() + 1), ownerMac(1), client(3, 4), 1000, ACK),
      Drop.STALE_HOP,
    );
  });
  it("drops a resteered frame", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.RESTEER, 4, generation()), ownerMac(1), client(3, 4), 1000, ACK),
      Drop.STALE_RESTEER,
    );
  });
  it("stays complete through a generation in which it stays previous", () => {
    assign(4, 3, 1, NONE);
    redirected(makeTag(RedirectKind.HOP2, 3, generation()), ownerMac(1), client(3, 4), 1000, ACK);
    expectTag(RedirectKind.FINAL, 4);
  });
  it("hops on to the next previous owner", () => {
    assign(4, 3, 1, 5);
    redirected(makeTag(RedirectKind.HOP2, 3, generation()), ownerMac(1), client(3, 4), 1000, ACK);
    expectTag(RedirectKind.HOP3, 5);
  });
  it("that becomes current and previous again is not complete until it was seeded anew", () => {
    assign(1, 4, 3, 5);
    assign(4, 1, 3, 5);
    expectDropped(direct(client(3, 4), 1000, ACK), Drop.NOT_COMPLETE);
  });
});

describe("a sealed bucket", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    assign(3, 1, NONE, NONE);
    seed(0, client(4, 1), 1000, FlowState.CLOSING);
    command(Message.COMPLETE, 0, 4);
    command(Message.SEAL, 0, 4);
  });
  it("was flushed, and is not complete", () => {
    expectDropped(direct(client(4, 1), 1000, ACK), Drop.NOT_COMPLETE);
  });
  it("does not know a flow by its SYN", () => {
    reply(1, client(4, 2), 1000, ACK);
    expectDropped(direct(client(4, 2), 1000, SYN), Drop.NOT_COMPLETE);
  });
  it("knows a flow by any other segment", () => {
    expectDelivered(direct(client(4, 2), 1000, ACK), 1);
  });
  it("knows SYNs again after it was unsealed", () => {
    expect<u32>(command(Message.UNSEAL, 0, 4)).toBe(Status.OK);
    expectDelivered(direct(client(4, 2), 1000, SYN), 1);
  });
});

describe("an owner that is not in the history", () => {
  beforeAll(() => {
    identify(0);
    assign(3, 4, NONE, NONE);
  });
  it("resteers to the current owner", () => {
    direct(client(5, 1), 1000, SYN);
    expectTag(RedirectKind.RESTEER, 3);
  });
  it("delivers what one of its owners knows all the same", () => {
    seed(1, client(5, 2), 1000, FlowState.ESTABLISHED);
    expectDelivered(direct(client(5, 2), 1000, ACK), 2);
  });
  it("drops a hop: it cannot be asked", () => {
    expectDropped(
      redirected(makeTag(RedirectKind.HOP1, 3, generation()), ownerMac(1), client(5, 3), 1000, ACK),
      Drop.NOT_IN_HISTORY,
    );
  });
});

describe("a move between two VMs of one blade", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    direct(client(6, 1), 1000, SYN);
    assign(2, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 6);
  });
  it("delivers an old connection to the VM that has it, without leaving the blade", () => {
    const before = events(Event.REDIRECT_LOCAL);
    expectDelivered(direct(client(6, 1), 1000, ACK), 1);
    expect<u64>(events(Event.REDIRECT_LOCAL)).toBe(before + 1);
  });
  it("delivers a new connection to the new VM: the table of the old one is here", () => {
    const before = events(Event.REDIRECT_LOCAL);
    expectDelivered(direct(client(6, 2), 1000, SYN), 2);
    expect<u64>(events(Event.REDIRECT_LOCAL)).toBe(before);
  });
  it("leaves the blade when the next previous owner is elsewhere", () => {
    assign(2, 1, 3, NONE);
    direct(client(6, 3), 1000, SYN);
    expectTag(RedirectKind.HOP2, 3);
  });
});

describe("with redirection off", () => {
  it("the blade serves whatever is steered to it", () => {
    identify(IdentityFlag.REDIRECT_OFF);
    assign(3, 1, NONE, NONE);
    expectDelivered(direct(client(7, 1), 1000, ACK), 1);
    assign(3, 4, NONE, NONE);
    expectDelivered(direct(client(7, 2), 1000, SYN), 1);
    expectDelivered(direct(client(7, 2), 1000, FIN | ACK), 1);
    identify(0);
  });
});

describe("traffic without flows", () => {
  beforeAll(() => {
    identify(0);
    assign(1, 3, NONE, NONE);
  });
  it("an ICMP echo goes to the current owner", () => {
    icmp(0, VMAC, client(1, 1), 8);
    expectDelivered(run(), 1);
    assign(3, 1, NONE, NONE);
    icmp(0, VMAC, client(1, 1), 8);
    expect<u32>(run()).toBe(Verdict.REDIRECT);
    expectTag(RedirectKind.RESTEER, 3);
  });
});

describe("ARP for the VIP", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("is answered by the current owner of the asker's bucket: the VIP is at the VMAC", () => {
    arp(0, 0, BROADCAST, 1, client(1, 1), VIP, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.ANSWER);
    const frame = frameAt(0);
    expect<u64>(loadMac(frame)).toBe(CLIENT_MAC);
    expect<u64>(loadMac(frame + 6)).toBe(ownerMac(1));
    expect<u32>(load<u16>(frame, 20)).toBe(0x0200);
    expect<u64>(loadMac(frame + 22)).toBe(VMAC);
    expect<u64>(loadMac(frame + 32)).toBe(CLIENT_MAC);
    expect<u32>(egress(0).port).toBe(0);
    expect<u32>(egress(0).rewrite).toBe(0);
  });
  it("is answered when it was sent to the VMAC", () => {
    arp(0, 0, VMAC, 1, client(1, 1), VIP, CLIENT_MAC);
    expect<u32>(run()).toBe(Verdict.ANSWER);
  });
  it("is left to the owner by all others", () => {
    assign(3, 1, NONE, NONE);
    arp(0, 0, BROADCAST, 1, client(1, 1), VIP, CLIENT_MAC);
    expectDropped(run(), Drop.NEIGHBOUR_NOT_OWNER);
  });
  it("is not answered for another address", () => {
    arp(0, 0, VMAC, 1, client(1, 1), 0x0a0000c8, CLIENT_MAC);
    expectDropped(run(), Drop.NOT_VIP);
  });
  it("a reply for the VIP is not taken", () => {
    arp(0, 0, BROADCAST, 2, client(1, 1), VIP, CLIENT_MAC);
    expectDropped(run(), Drop.NOT_OURS);
  });
});
