/** Handover lists: when one is held, when it is dropped, and what that means for a flow that the current owner does not know.
 *  Owners 1 and 2 are here, 3 to 6 are on other blades. */
import { Event, Verdict } from "../abi";
import { Message, Status, Table } from "../messages";
import { buckets, generation } from "../buckets";
import { listOf } from "../handover";
import { PAYLOAD } from "../manage/envelope";
import { FlowRow, FlowState, Handover } from "../commands";
import { LocalOwner, Identity, Vip } from "../records";
import { RedirectKind, makeTag, tagKind } from "../redirect";
import { HANDOVERS } from "../sizes";
import { assign, command, direct, identify, redirected, seed, sentFrom, sentTo, tell } from "./support/blade";
import { ACK, SYN, client, ownerMac } from "./support/frames";
import { NONE, TABLE, answer, assignment, chunk, envelope, handover, handoverEmpty, identity, stagedHistory } from "./support/messages";
import { events, expectDelivered } from "./support/outcome";

const BUCKET: u32 = 5;
const PORT: u32 = 1000;

/** Gives owner 1 a list of `rows` flows of client (BUCKET, 1), from PORT on. */
function list(owner: u32, rows: u32): u32 {
  return tell(handover(generation(), owner, BUCKET, 0, 1, client(BUCKET, 1), PORT, rows));
}

function listEmpty(owner: u32): u32 {
  return tell(handoverEmpty(generation(), owner, BUCKET, BUCKET + 1));
}

function part(index: u32, parts: u32, rows: u32): u32 {
  return tell(handover(generation(), 3, BUCKET, index, parts, client(BUCKET, 1), PORT + index * 100, rows));
}

function expectHop(verdict: u32, kind: u32, owner: u32): void {
  expect<u32>(verdict).toBe(Verdict.REDIRECT);
  expect<u32>(tagKind(sentFrom(0))).toBe(kind);
  expect<u64>(sentTo(0)).toBe(ownerMac(owner));
}

/** A new connection of a client in BUCKET. */
function open(n: u32): u32 {
  return direct(client(BUCKET, n), PORT, SYN);
}

function isHeld(place: u32): bool {
  return listOf(BUCKET, place) != 0;
}

/** A history that only BUCKET has, in a generation `ahead` of the one in force. */
function assignBucket(ahead: u32, p0: u32, p1: u32, p2: u32, p3: u32): void {
  const bytes = assignment(generation() + ahead, 4, NONE, NONE, NONE);
  const history = stagedHistory(BUCKET);
  history.p0 = <u16>p0;
  history.p1 = <u16>p1;
  history.p2 = <u16>p2;
  history.p3 = <u16>p3;
  assert(tell(chunk(Table.ASSIGNMENT, 0, 1, 0, bytes)) == Status.OK, "assignment");
}

describe("without an assignment", () => {
  it("a list is refused: not ready", () => {
    identify(0);
    expect<u32>(tell(handover(0, 3, BUCKET, 0, 1, client(BUCKET, 1), PORT, 1))).toBe(Status.NOT_READY);
    expect<u32>(tell(handoverEmpty(0, 3, BUCKET, BUCKET))).toBe(Status.NOT_READY);
  });
});

describe("a flow that the current owner does not know", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, 5, 6);
  });
  it("goes to the first previous owner while its list is missing", () => {
    expectHop(open(2), RedirectKind.HOP1, 3);
  });
  it("goes to the first whose list is missing, past those that have not got it", () => {
    expect<u32>(listEmpty(3)).toBe(Status.OK);
    expectHop(open(2), RedirectKind.HOP2, 5);
    expect<u32>(list(5, 1)).toBe(Status.OK);
    expectHop(open(2), RedirectKind.HOP3, 6);
  });
  it("goes to the first whose list has it", () => {
    listEmpty(3);
    list(5, 2);
    listEmpty(6);
    expectHop(direct(client(BUCKET, 1), PORT + 1, ACK), RedirectKind.HOP2, 5);
    expectHop(direct(client(BUCKET, 1), PORT + 1, SYN), RedirectKind.HOP2, 5);
  });
  it("goes to the first previous owner, whose list is missing, though others list nothing", () => {
    listEmpty(5);
    listEmpty(6);
    expectHop(open(2), RedirectKind.HOP1, 3);
  });
  it("is delivered and recorded when none lists it", () => {
    listEmpty(3);
    list(5, 1);
    listEmpty(6);
    const before = events(Event.FLOW_OPENED);
    expectDelivered(open(2), 1);
    expect<u64>(events(Event.FLOW_OPENED)).toBe(before + 1);
  });
  it("is treated the same when it was resteered", () => {
    listEmpty(3);
    listEmpty(5);
    list(6, 1);
    const tag = makeTag(RedirectKind.RESTEER, 3, generation());
    expectDelivered(redirected(tag, ownerMac(1), client(BUCKET, 2), PORT, SYN), 1);
    expectHop(redirected(tag, ownerMac(1), client(BUCKET, 1), PORT, ACK), RedirectKind.HOP3, 6);
  });
  it("lists of another bucket say nothing of it", () => {
    listEmpty(3);
    listEmpty(5);
    listEmpty(6);
    expectHop(direct(client(BUCKET + 2, 1), PORT, SYN), RedirectKind.HOP1, 3);
    expectDelivered(direct(client(BUCKET + 1, 1), PORT, SYN), 1);
  });
});

describe("an old owner on the same blade", () => {
  beforeEach(() => {
    identify(0);
    assign(2, NONE, NONE, NONE);
    assign(1, 3, 2, NONE);
    listEmpty(3);
  });
  it("is asked while its table is not complete", () => {
    const before = events(Event.REDIRECT_LOCAL);
    expect<u32>(open(2)).toBe(Verdict.DROP);
    expect<u64>(events(Event.REDIRECT_LOCAL)).toBe(before + 1);
  });
  it("needs no list: its table is here", () => {
    seed(1, client(BUCKET, 9), PORT, FlowState.ESTABLISHED);
    command(Message.COMPLETE, 1, BUCKET);
    const before = events(Event.REDIRECT_LOCAL);
    expectDelivered(open(2), 1);
    expect<u64>(events(Event.REDIRECT_LOCAL)).toBe(before);
    expectDelivered(direct(client(BUCKET, 9), PORT, ACK), 2);
    expect<u64>(events(Event.REDIRECT_LOCAL)).toBe(before + 1);
  });
});

describe("a list in parts", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, NONE, NONE);
  });
  it("is held with its last part, and not before", () => {
    const before = events(Event.HANDOVER_HELD);
    expect<u32>(part(0, 3, 20)).toBe(Status.OK);
    expect<u32>(part(1, 3, 20)).toBe(Status.OK);
    expectHop(open(2), RedirectKind.HOP1, 3);
    expect<u32>(part(2, 3, 1)).toBe(Status.OK);
    expectDelivered(open(2), 1);
    expect<u64>(events(Event.HANDOVER_HELD)).toBe(before + 1);
    for (let i: u32 = 0; i < 20; i++) {
      expectHop(direct(client(BUCKET, 1), PORT + i, ACK), RedirectKind.HOP1, 3);
      expectHop(direct(client(BUCKET, 1), PORT + 100 + i, ACK), RedirectKind.HOP1, 3);
    }
    expectHop(direct(client(BUCKET, 1), PORT + 200, ACK), RedirectKind.HOP1, 3);
  });
  it("out of order is refused, and says which part is next", () => {
    expect<u32>(part(1, 3, 1)).toBe(Status.BAD_CHUNK);
    expect<u32>(answer().detail).toBe(0);
    part(0, 3, 1);
    expect<u32>(part(2, 3, 1)).toBe(Status.BAD_CHUNK);
    expect<u32>(answer().detail).toBe(1);
    expect<u32>(part(1, 3, 1)).toBe(Status.OK);
    expect<u32>(part(1, 3, 1)).toBe(Status.BAD_CHUNK);
    expect<u32>(answer().detail).toBe(2);
    expect<bool>(isHeld(1)).toBe(false);
    expect<u32>(part(2, 3, 1)).toBe(Status.OK);
    expect<bool>(isHeld(1)).toBe(true);
  });
  it("that changes its number of parts, or has none, is refused", () => {
    part(0, 3, 1);
    expect<u32>(part(1, 2, 1)).toBe(Status.BAD_CHUNK);
    expect<u32>(part(0, 0, 1)).toBe(Status.BAD_CHUNK);
    expect<u32>(part(3, 3, 1)).toBe(Status.BAD_CHUNK);
    expect<bool>(isHeld(1)).toBe(false);
  });
  it("of another bucket or owner does not go on", () => {
    assign(1, 3, 5, NONE);
    part(0, 2, 1);
    expect<u32>(tell(handover(generation(), 5, BUCKET, 1, 2, client(BUCKET, 1), PORT, 1))).toBe(Status.BAD_CHUNK);
    expect<u32>(tell(handover(generation(), 3, BUCKET + 1, 1, 2, client(BUCKET + 1, 1), PORT, 1))).toBe(Status.BAD_CHUNK);
    expect<u32>(part(1, 2, 1)).toBe(Status.OK);
    expect<bool>(isHeld(1)).toBe(true);
    expect<bool>(isHeld(2)).toBe(false);
  });
  it("takes the place of the one before, whose flows it may not have any more", () => {
    list(3, 2);
    expectHop(direct(client(BUCKET, 1), PORT + 1, ACK), RedirectKind.HOP1, 3);
    list(3, 1);
    expectHop(direct(client(BUCKET, 1), PORT, ACK), RedirectKind.HOP1, 3);
    expectDelivered(direct(client(BUCKET, 1), PORT + 1, ACK), 1);
  });
  it("that was begun and is not ended leaves the one before in force", () => {
    list(3, 1);
    part(0, 2, 1);
    expectDelivered(open(2), 1);
    expectHop(direct(client(BUCKET, 1), PORT, ACK), RedirectKind.HOP1, 3);
  });
  it("does not go on after an install", () => {
    part(0, 2, 1);
    assign(1, 3, NONE, NONE);
    expect<u32>(part(1, 2, 1)).toBe(Status.BAD_CHUNK);
    expect<bool>(isHeld(1)).toBe(false);
  });
});

describe("a list is refused, and nothing changes,", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, NONE, NONE);
  });
  afterEach(() => {
    expect<bool>(isHeld(1)).toBe(false);
    expect<bool>(isHeld(2)).toBe(false);
  });
  it("under an older or a newer generation", () => {
    for (let delta: i32 = -1; delta <= 1; delta += 2) {
      const other = generation() + delta;
      expect<u32>(tell(handover(other, 3, BUCKET, 0, 1, client(BUCKET, 1), PORT, 1))).toBe(Status.WRONG_GENERATION);
      expect<u32>(answer().detail).toBe(generation());
      expect<u32>(tell(handoverEmpty(other, 3, BUCKET, BUCKET))).toBe(Status.WRONG_GENERATION);
    }
  });
  it("from an owner that is not in the history, or is current, or is none", () => {
    expect<u32>(list(5, 1)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(answer().detail).toBe(BUCKET);
    expect<u32>(list(1, 1)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(list(99, 1)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(list(NONE, 1)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(listEmpty(5)).toBe(Status.BAD_BUCKET_STATE);
  });
  it("where the current owner is elsewhere", () => {
    assign(4, 3, 1, NONE);
    expect<u32>(list(3, 1)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(listEmpty(3)).toBe(Status.BAD_BUCKET_STATE);
  });
  it("of a bucket that there is not", () => {
    expect<u32>(tell(handover(generation(), 3, buckets(), 0, 1, client(BUCKET, 1), PORT, 0))).toBe(Status.BAD_BUCKET);
    expect<u32>(answer().detail).toBe(buckets());
  });
  it("with a flow of another bucket, or that is none", () => {
    expect<u32>(tell(handover(generation(), 3, BUCKET, 0, 1, client(BUCKET + 1, 1), PORT, 1))).toBe(Status.BAD_RECORD);
    const bytes = handover(generation(), 3, BUCKET, 0, 1, client(BUCKET, 1), PORT, 2);
    changetype<FlowRow>(PAYLOAD + offsetof<Handover>() + offsetof<FlowRow>()).vip = 1;
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(answer().detail).toBe(1);
  });
  it("cut off", () => {
    const bytes = <u32>offsetof<Handover>() - 1;
    expect<u32>(tell(envelope(Message.HANDOVER, bytes))).toBe(Status.BAD_LENGTH);
    expect<u32>(tell(envelope(Message.HANDOVER, bytes + 2))).toBe(Status.BAD_LENGTH);
    expect<u32>(tell(envelope(Message.HANDOVER_EMPTY, bytes + 2))).toBe(Status.BAD_LENGTH);
  });
  it("all buckets of a message without rows when one of them is wrong", () => {
    assignBucket(1, 1, 3, NONE, NONE);
    expect<u32>(tell(handoverEmpty(generation(), 3, BUCKET, BUCKET + 1))).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(answer().detail).toBe(BUCKET + 1);
    expect<u32>(tell(handoverEmpty(generation(), 3, BUCKET, buckets()))).toBe(Status.BAD_BUCKET);
  });
});

describe("room", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, NONE, NONE);
  });
  it("a list that finds none is dropped whole, said so and counted; the one before holds, and room is there for others", () => {
    list(3, 1);
    const rows: u32 = 29;
    const parts = HANDOVERS / rows + 2;
    const before = events(Event.HANDOVER_OVERFLOW);
    let put: u32 = 0;
    let status: u32 = Status.OK;
    for (let i: u32 = 0; i < parts; i++) {
      status = tell(handover(generation(), 3, BUCKET, i, parts, client(BUCKET, 2), 1 + i * rows, rows));
      if (status != Status.OK) break;
      put += rows;
    }
    expect<u32>(status).toBe(Status.LIST_TOO_LONG);
    put += answer().detail;
    expect<u32>(put).toBeGreaterThan(HANDOVERS / 2);
    expect<u32>(put).toBeLessThanOrEqual(HANDOVERS);
    expect<u64>(events(Event.HANDOVER_OVERFLOW)).toBe(before + 1);
    expectHop(direct(client(BUCKET, 1), PORT, ACK), RedirectKind.HOP1, 3);
    expectDelivered(direct(client(BUCKET, 2), 1, ACK), 1);
    // What the dropped one took is free again.
    expect<u32>(tell(handover(generation(), 3, BUCKET, 0, 1, client(BUCKET, 3), PORT, rows))).toBe(Status.OK);
    expectHop(direct(client(BUCKET, 3), PORT + rows - 1, ACK), RedirectKind.HOP1, 3);
  });
  it("is not used up by lists that others take the place of", () => {
    for (let round: u32 = 0; round < HANDOVERS / 8; round++) {
      expect<u32>(list(3, 20)).toBe(Status.OK);
    }
  });
  it("of serials is not used up: a bucket may have more lists than there are numbers", () => {
    for (let round: u32 = 0; round < 0x10010; round++) listEmpty(3);
    expectDelivered(open(2), 1);
    expect<bool>(isHeld(1)).toBe(true);
  });
});

describe("at an install", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, 5, NONE);
    list(3, 1);
    listEmpty(5);
  });
  it("of the next generation a list is kept, wherever its owner's place is then", () => {
    assign(1, 5, 3, 6);
    expect<bool>(isHeld(1)).toBe(true);
    expect<bool>(isHeld(2)).toBe(true);
    expect<bool>(isHeld(3)).toBe(false);
    expectHop(direct(client(BUCKET, 1), PORT, ACK), RedirectKind.HOP2, 3);
    expectHop(open(2), RedirectKind.HOP3, 6);
  });
  it("a list goes with its owner", () => {
    assign(1, 5, NONE, NONE);
    expect<bool>(isHeld(1)).toBe(true);
    expectDelivered(direct(client(BUCKET, 1), PORT, ACK), 1);
    assign(1, 5, 3, NONE);
    expect<bool>(isHeld(2)).toBe(false);
  });
  it("that leaves a generation out all lists are dropped", () => {
    assignBucket(2, 1, 3, 5, NONE);
    expect<bool>(isHeld(1)).toBe(false);
    expect<bool>(isHeld(2)).toBe(false);
    expectHop(open(2), RedirectKind.HOP1, 3);
  });
  it("by which the current owner changes all lists are dropped", () => {
    assign(2, 1, 3, 5);
    expect<bool>(isHeld(2)).toBe(false);
    expect<bool>(isHeld(3)).toBe(false);
    assign(1, 2, 3, 5);
    expect<bool>(isHeld(2)).toBe(false);
    expect<bool>(isHeld(3)).toBe(false);
  });
  it("a previous owner that was current in between has no list", () => {
    assign(3, 1, 5, NONE);
    assign(1, 3, 5, NONE);
    expect<bool>(isHeld(1)).toBe(false);
    expect<bool>(isHeld(2)).toBe(false);
  });
  it("buckets are told apart", () => {
    assignBucket(1, 1, 3, 5, NONE);
    expect<bool>(isHeld(1)).toBe(true);
    expect<bool>(isHeld(2)).toBe(true);
    expect<u32>(listOf(BUCKET + 1, 1)).toBe(0);
    expect<u32>(listOf(BUCKET + 1, 2)).toBe(0);
  });
});

describe("at a change of identity", () => {
  beforeEach(() => {
    identify(0);
    assign(4, NONE, NONE, NONE);
    assign(1, 3, NONE, NONE);
    listEmpty(3);
  });
  it("that changes nothing, lists are kept", () => {
    identify(0);
    expect<bool>(isHeld(1)).toBe(true);
  });
  it("that gives a place to another owner, all lists are dropped", () => {
    const bytes = identity(0);
    changetype<LocalOwner>(TABLE + offsetof<Identity>() + offsetof<LocalOwner>()).owner = 6;
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, bytes))).toBe(Status.OK);
    expect<bool>(isHeld(1)).toBe(false);
    expectHop(open(2), RedirectKind.HOP1, 3);
  });
  it("that puts another virtual IP at an index, all lists are dropped", () => {
    const bytes = identity(0);
    const vips = TABLE + offsetof<Identity>() + 2 * offsetof<LocalOwner>();
    changetype<Vip>(vips + offsetof<Vip>()).addressHigh = 77;
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, bytes))).toBe(Status.OK);
    expect<bool>(isHeld(1)).toBe(false);
    identify(0);
  });
});

describe("two flows of the same fingerprint", () => {
  it("cost hops, and nothing else: the previous owner says that it has not got the other one", () => {
    identify(0);
    assign(3, NONE, NONE, NONE);
    assign(1, 3, NONE, NONE);
    // As a twin would be, a flow that has ended since is in the list, and not in the previous owner's table.
    list(3, 1);
    expectHop(direct(client(BUCKET, 1), PORT, SYN), RedirectKind.HOP1, 3);
    const tag = makeTag(RedirectKind.FINAL, 3, generation());
    expectDelivered(redirected(tag, ownerMac(1), client(BUCKET, 1), PORT, SYN), 1);
    expectDelivered(direct(client(BUCKET, 1), PORT, ACK), 1);
  });
});
