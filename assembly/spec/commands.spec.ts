/** Commands on flows, buckets and counters: every code, and that a refused one changes nothing. */
import { Event, RegionId } from "../abi";
import { Envelope, Message, Status } from "../messages";
import { generation, stateOf } from "../buckets";
import { EVENT_COUNTERS } from "../counters";
import { flows } from "../flows";
import { ANSWER_PAYLOAD, INBOX, PAYLOAD } from "../manage/envelope";
import {
  BucketBatch,
  BucketFlag,
  BucketRow,
  BucketScan,
  CounterScan,
  FlowBatch,
  FlowRow,
  FlowScan,
  FlowState,
} from "../commands";
import { swap32 } from "../wire/ethernet";
import { assign, command, identify, reply, seed, tell } from "./support/blade";
import { ACK, VIP, client } from "./support/frames";
import {
  HEADER,
  NONE,
  answer,
  answerRecord,
  bucketBatch,
  bucketScan,
  envelope,
  flowBatch,
  flowScan,
} from "./support/messages";

function inbox(): Envelope {
  return changetype<Envelope>(INBOX);
}

/** Makes the COMPLETE in the inbox one of open buckets only; returns its bytes. */
function openOnly(): u32 {
  changetype<BucketBatch>(PAYLOAD).openOnly = 1;
  return HEADER + inbox().length;
}

function askCounters(region: u32, first: u32): u32 {
  const bytes = envelope(Message.COUNTERS, <u32>offsetof<CounterScan>());
  changetype<CounterScan>(PAYLOAD).region = region;
  changetype<CounterScan>(PAYLOAD).first = first;
  return tell(bytes);
}

describe("SEED, LOCATE and REMOVE", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("tell the bucket of each flow", () => {
    expect<u32>(seed(0, client(7, 1), 1000, FlowState.ESTABLISHED)).toBe(Status.OK);
    expect<u32>(answer().detail).toBe(1);
    expect<u32>(answerRecord<FlowRow>(offsetof<FlowBatch>(), 0).bucket).toBe(7);
    const rows = flows();
    expect<u32>(tell(flowBatch(Message.LOCATE, generation(), 0, client(8, 1), 1, FlowState.ESTABLISHED))).toBe(Status.OK);
    expect<u32>(answerRecord<FlowRow>(offsetof<FlowBatch>(), 0).bucket).toBe(8);
    expect<u64>(answerRecord<FlowRow>(offsetof<FlowBatch>(), 0).client).toBe(swap32(client(8, 1)));
    expect<u32>(flows()).toBe(rows);
  });
  it("of another generation: WRONG_GENERATION, with the one in force", () => {
    expect<u32>(tell(flowBatch(Message.SEED, generation() - 1, 0, client(7, 2), 1, FlowState.ESTABLISHED))).toBe(
      Status.WRONG_GENERATION,
    );
    expect<u32>(answer().detail).toBe(generation());
  });
  it("of an owner that is not here: BAD_OWNER", () => {
    expect<u32>(tell(flowBatch(Message.SEED, generation(), 2, client(7, 2), 1, FlowState.ESTABLISHED))).toBe(
      Status.BAD_OWNER,
    );
  });
  it("with a row for no VIP, of no known state or protocol: BAD_RECORD, and nothing is put", () => {
    const rows = flows();
    const bytes = flowBatch(Message.SEED, generation(), 0, client(7, 3), 1, FlowState.ESTABLISHED);
    const row = changetype<FlowRow>(PAYLOAD + offsetof<FlowBatch>());
    row.vip = 1;
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
    row.vip = swap32(VIP);
    row.state = 77;
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
    row.state = <u8>FlowState.ESTABLISHED;
    row.protocol = 1;
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(flows()).toBe(rows);
  });
  it("with half a row: BAD_LENGTH", () => {
    flowBatch(Message.SEED, generation(), 0, client(7, 3), 1, FlowState.ESTABLISHED);
    inbox().length -= 4;
    expect<u32>(tell(HEADER + inbox().length)).toBe(Status.BAD_LENGTH);
  });
  it("LIST with a cursor past the table, or a bad length, is refused", () => {
    expect<u32>(tell(flowScan(0xffffffff, 0))).toBe(Status.BAD_RECORD);
    expect<u32>(tell(flowScan(0, 2))).toBe(Status.BAD_RECORD);
    const bytes = flowScan(0, 0);
    changetype<FlowScan>(PAYLOAD).othersOnly = 2;
    expect<u32>(tell(bytes)).toBe(Status.BAD_RECORD);
    expect<u32>(tell(envelope(Message.LIST, 3))).toBe(Status.BAD_LENGTH);
  });
});

describe("PIN, COMPLETE, SEAL, UNSEAL and BUCKETS", () => {
  beforeAll(() => {
    identify(0);
    assign(1, NONE, NONE, NONE);
  });
  it("a current owner's bucket can be pinned and unpinned, not completed nor sealed", () => {
    expect<u32>(command(Message.PIN, 0, 3)).toBe(Status.OK);
    expect<u32>(stateOf(3, 0).flags).toBe(BucketFlag.PINNED);
    expect<u32>(command(Message.UNPIN, 0, 3)).toBe(Status.OK);
    expect<u32>(stateOf(3, 0).flags).toBe(0);
    expect<u32>(command(Message.COMPLETE, 0, 3)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(command(Message.SEAL, 0, 3)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(command(Message.UNSEAL, 0, 3)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(answer().detail).toBe(3);
  });
  it("a previous owner's bucket must be complete to be sealed", () => {
    assign(3, 1, NONE, NONE);
    expect<u32>(command(Message.PIN, 0, 3)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(command(Message.SEAL, 0, 3)).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(command(Message.COMPLETE, 0, 3)).toBe(Status.OK);
    expect<u32>(command(Message.SEAL, 0, 3)).toBe(Status.OK);
    expect<u32>(stateOf(3, 0).flags).toBe(BucketFlag.SEALED);
  });
  it("a sealed bucket with a row is not complete: BUCKET_NOT_EMPTY, with the rows", () => {
    reply(1, client(3, 60), 1000, ACK);
    expect<u32>(command(Message.COMPLETE, 0, 3)).toBe(Status.BUCKET_NOT_EMPTY);
    expect<u32>(answer().detail).toBe(1);
  });
  it("a sealed and empty bucket can be completed, and so left", () => {
    command(Message.UNSEAL, 0, 3);
    command(Message.COMPLETE, 0, 3);
    command(Message.SEAL, 0, 3);
    expect<u32>(command(Message.COMPLETE, 0, 3)).toBe(Status.OK);
    expect<u32>(stateOf(3, 0).flags).toBe(BucketFlag.SEALED | BucketFlag.COMPLETE);
  });
  it("COMPLETE of open buckets only: one that was not opened here is refused", () => {
    bucketBatch(Message.COMPLETE, generation(), 0, 6);
    expect<u32>(tell(openOnly())).toBe(Status.BAD_BUCKET_STATE);
    expect<u32>(stateOf(6, 0).flags).toBe(0);
    expect<u32>(command(Message.UNSEAL, 0, 6)).toBe(Status.OK);
    expect<u32>(stateOf(6, 0).flags).toBe(BucketFlag.OPEN);
    bucketBatch(Message.COMPLETE, generation(), 0, 6);
    expect<u32>(tell(openOnly())).toBe(Status.OK);
    expect<u32>(stateOf(6, 0).flags).toBe(BucketFlag.COMPLETE);
    command(Message.SEAL, 0, 6);
    bucketBatch(Message.COMPLETE, generation(), 0, 6);
    expect<u32>(tell(openOnly())).toBe(Status.OK);
  });
  it("of another generation, owner or bucket are refused", () => {
    expect<u32>(tell(bucketBatch(Message.COMPLETE, generation() - 1, 0, 3))).toBe(Status.WRONG_GENERATION);
    expect<u32>(tell(bucketBatch(Message.COMPLETE, generation(), 2, 3))).toBe(Status.BAD_OWNER);
    expect<u32>(tell(bucketBatch(Message.COMPLETE, generation(), 0, 16))).toBe(Status.BAD_BUCKET);
    expect<u32>(answer().detail).toBe(16);
  });
  it("with half a bucket number: BAD_LENGTH", () => {
    bucketBatch(Message.COMPLETE, generation(), 0, 3);
    inbox().length -= 1;
    expect<u32>(tell(HEADER + inbox().length)).toBe(Status.BAD_LENGTH);
  });
  it("a batch with one bad bucket does nothing to the others", () => {
    const bytes = bucketBatch(Message.COMPLETE, generation(), 0, 5) + 2;
    inbox().length += 2;
    store<u16>(PAYLOAD + offsetof<BucketBatch>(), 16, 2);
    expect<u32>(tell(bytes)).toBe(Status.BAD_BUCKET);
    expect<u32>(stateOf(5, 0).flags).toBe(0);
  });
  it("an install that makes the owner current clears seal and completeness", () => {
    assign(1, 3, NONE, NONE);
    expect<u32>(stateOf(3, 0).flags).toBe(0);
  });
  it("BUCKETS tells place, rows and flags", () => {
    assign(3, 1, NONE, NONE);
    command(Message.COMPLETE, 0, 2);
    expect<u32>(tell(bucketScan(0, 2))).toBe(Status.OK);
    expect<u32>(answer().length).toBe(<u32>offsetof<BucketScan>() + 14 * <u32>offsetof<BucketRow>());
    const row = answerRecord<BucketRow>(offsetof<BucketScan>(), 0);
    expect<u32>(row.index).toBe(1);
    expect<u32>(row.flags).toBe(BucketFlag.COMPLETE);
    expect<u32>(row.rows).toBe(stateOf(2, 0).rows);
    tell(bucketScan(1, 2));
    expect<u32>(answerRecord<BucketRow>(offsetof<BucketScan>(), 0).index).toBe(NONE);
  });
  it("BUCKETS past the end is empty or refused", () => {
    expect<u32>(tell(bucketScan(0, 16))).toBe(Status.OK);
    expect<u32>(answer().length).toBe(<u32>offsetof<BucketScan>());
    expect<u32>(tell(bucketScan(0, 17))).toBe(Status.BAD_BUCKET);
    expect<u32>(tell(bucketScan(9, 0))).toBe(Status.BAD_OWNER);
    expect<u32>(tell(envelope(Message.BUCKETS, 1))).toBe(Status.BAD_LENGTH);
  });
});

describe("COUNTERS", () => {
  it("tells the counters of a region", () => {
    expect<u32>(askCounters(RegionId.EVENT_COUNTER, Event.MESSAGE_IN)).toBe(Status.OK);
    expect<u64>(load<u64>(ANSWER_PAYLOAD + offsetof<CounterScan>())).toBe(
      load<u64>(EVENT_COUNTERS + Event.MESSAGE_IN * 8),
    );
    expect<u32>(askCounters(RegionId.DROP_COUNTER, 0)).toBe(Status.OK);
    expect<u32>(askCounters(RegionId.VERDICT_COUNTER, 0)).toBe(Status.OK);
  });
  it("of another region, past the end, or without a scan: refused", () => {
    expect<u32>(askCounters(RegionId.FRAME, 0)).toBe(Status.BAD_RECORD);
    expect<u32>(askCounters(RegionId.EVENT_COUNTER, 1000)).toBe(Status.BAD_RECORD);
    expect<u32>(tell(envelope(Message.COUNTERS, 1))).toBe(Status.BAD_LENGTH);
  });
});
