/** SYN cookies: rows that are all that is known of a connection. Owner 1 is here, 3 is on another blade. */
import { Event } from "../abi";
import { Message, Status, Table } from "../messages";
import { COOKIE_MS } from "../cookies";
import { Flow, find, flows } from "../flows";
import { ANSWER_PAYLOAD } from "../manage/envelope";
import { packetAt } from "../packet";
import { BucketFlag, BucketRow, BucketScan, FlowState } from "../commands";
import { Identity, IdentityFlag, LocalOwner } from "../records";
import { FLOWS } from "../sizes";
import { assign, command, direct, identify, pass, reply, seed, tell } from "./support/blade";
import { ACK, SYN, client } from "./support/frames";
import { NONE, TABLE, answer, bucketScan, chunk, identity } from "./support/messages";
import { events } from "./support/outcome";

const BUCKET: u32 = 3;
const PORT: u32 = 1000;
/** Flows that the share of half-open rows of any table has room for. */
const SOME: u32 = FLOWS / 16 < 64 ? FLOWS / 16 : 64;

/** The host answers a SYN of client n with a cookie. */
function cookie(bucket: u32, n: u32): void {
  direct(client(bucket, n), PORT, SYN);
  reply(1, client(bucket, n), PORT, SYN | ACK);
}

/** Whether there is a row, half-open, of client n. */
function isHalfOpen(bucket: u32, n: u32): bool {
  direct(client(bucket, n), PORT, ACK);
  const at = find(packetAt(0), 0);
  return at != 0 && changetype<Flow>(at).state == FlowState.HALF_OPEN;
}

/** Opens flows, answered by the host, from many clients of a bucket: more than there is room for. */
function flood(bucket: u32): void {
  for (let i: u32 = 0; i < FLOWS + FLOWS / 2; i++) {
    const address = client(bucket, 0x400 + (i & 0x3ff));
    direct(address, 2000 + (i >>> 10), SYN);
    reply(1, address, 2000 + (i >>> 10), SYN | ACK);
  }
}

function flagsOf(bucket: u32): u32 {
  assert(tell(bucketScan(0, bucket)) == Status.OK, "buckets");
  return changetype<BucketRow>(ANSWER_PAYLOAD + offsetof<BucketScan>()).flags;
}

function loses(bucket: u32): bool {
  return (flagsOf(bucket) & BucketFlag.COOKIES_LOST) != 0;
}

/** Owner 1 becomes a previous one, and its bucket is opened. */
function lose(): void {
  assign(3, 1, NONE, NONE);
  command(Message.UNSEAL, 0, BUCKET);
}

describe("while the hosts send no cookies", () => {
  it("a half-open row takes another one's place, and tables are complete all the same", () => {
    identify(0);
    assign(1, NONE, NONE, NONE);
    cookie(BUCKET, 1);
    pass(1);
    flood(BUCKET);
    expect<bool>(isHalfOpen(BUCKET, 1)).toBe(false);
    lose();
    expect<bool>(loses(BUCKET)).toBe(false);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.OK);
  });
});

describe("a cookie that was lost before anyone said that there are cookies", () => {
  beforeAll(() => {
    identify(IdentityFlag.COOKIES);
  });
  it("holds COMPLETE back until it has run out", () => {
    lose();
    expect<bool>(loses(BUCKET)).toBe(true);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.COOKIES_LOST);
    expect<u32>(answer().detail).toBe(BUCKET);
    expect<u32>(flagsOf(BUCKET) & BucketFlag.COMPLETE).toBe(0);
  });
  it("concerns its own bucket only", () => {
    expect<bool>(loses(BUCKET + 1)).toBe(false);
    command(Message.UNSEAL, 0, BUCKET + 1);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET + 1)).toBe(Status.OK);
  });
  it("and not a millisecond longer", () => {
    pass(COOKIE_MS - 1);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.COOKIES_LOST);
    pass(1);
    expect<bool>(loses(BUCKET)).toBe(false);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.OK);
  });
});

describe("while the hosts send cookies", () => {
  beforeAll(() => {
    identify(IdentityFlag.COOKIES);
    pass(2 * COOKIE_MS);
    assign(1, NONE, NONE, NONE);
    seed(0, client(BUCKET + 1, 7), PORT, FlowState.ESTABLISHED);
    cookie(BUCKET, 2);
  });
  it("a half-open row is not evicted", () => {
    flood(BUCKET + 1);
    expect<bool>(isHalfOpen(BUCKET, 2)).toBe(true);
  });
  it("a flood stays within its share: what finds no room is delivered and counted, and its bucket has lost a cookie", () => {
    const before = events(Event.FLOW_OVERFLOW);
    const rows = flows();
    flood(BUCKET + 1);
    expect<bool>(events(Event.FLOW_OVERFLOW) > before).toBe(true);
    expect<bool>(flows() <= (FLOWS / 4) * 3).toBe(true);
    expect<bool>(flows() >= rows).toBe(true);
    lose();
    expect<bool>(loses(BUCKET)).toBe(false);
    expect<bool>(loses(BUCKET + 1)).toBe(true);
  });
  it("a bucket with any row is not sealed: it may have become a cookie's since the sockets were read", () => {
    assign(1, NONE, NONE, NONE);
    seed(0, client(BUCKET + 5, 9), PORT, FlowState.ESTABLISHED);
    assign(3, 1, NONE, NONE);
    command(Message.UNSEAL, 0, BUCKET + 5);
    expect<u32>(command(Message.COMPLETE, 0, BUCKET + 5)).toBe(Status.OK);
    expect<u32>(command(Message.SEAL, 0, BUCKET + 5)).toBe(Status.BUCKET_NOT_EMPTY);
    direct(client(BUCKET + 5, 9), PORT, ACK);
    expect<bool>(find(packetAt(0), 0) != 0).toBe(true);
  });
  it("old connections are untouched", () => {
    direct(client(BUCKET + 1, 7), PORT, ACK);
    expect<bool>(find(packetAt(0), 0) != 0).toBe(true);
  });
  it("the bucket that has lost none is complete at once", () => {
    expect<u32>(command(Message.COMPLETE, 0, BUCKET)).toBe(Status.OK);
  });
  it("once the cookies have run out their rows give way again", () => {
    assign(1, NONE, NONE, NONE);
    pass(COOKIE_MS);
    const before = events(Event.FLOW_OVERFLOW);
    for (let n: u32 = 0; n < SOME; n++) cookie(BUCKET + 2, 0x800 + n);
    expect<u64>(events(Event.FLOW_OVERFLOW)).toBe(before);
  });
});

describe("a change of owners", () => {
  it("takes cookies' rows with it: the buckets have lost them", () => {
    identify(IdentityFlag.COOKIES);
    pass(2 * COOKIE_MS);
    assign(1, NONE, NONE, NONE);
    cookie(BUCKET, 5);
    const bytes = identity(IdentityFlag.COOKIES);
    changetype<LocalOwner>(TABLE + offsetof<Identity>()).owner = 6;
    expect<u32>(tell(chunk(Table.IDENTITY, 0, 1, 0, bytes))).toBe(Status.OK);
    identify(IdentityFlag.COOKIES);
    lose();
    expect<bool>(loses(BUCKET)).toBe(true);
    expect<bool>(loses(BUCKET + 3)).toBe(false);
    identify(0);
    expect<bool>(loses(BUCKET)).toBe(false);
  });
});
