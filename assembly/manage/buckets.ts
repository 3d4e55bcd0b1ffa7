/** Commands on buckets: PIN, UNPIN, COMPLETE, SEAL, UNSEAL, BUCKETS. All the buckets of a message, or none. */
import { Message, Status } from "../messages";
import { State, buckets, generation, hasFlag, indexInHistory, stateOf } from "../buckets";
import { hasLostCookies } from "../cookies";
import { flush, sweep } from "../flows";
import { listFlags } from "../handover";
import { localOwnerAt, localOwners, sendsCookies } from "../identity";
import { BucketBatch, BucketFlag, BucketRow, BucketScan } from "../commands";
import { NO_OWNER } from "../records";
import { ANSWER_PAYLOAD, PAYLOAD, PAYLOAD_BYTES_MAX, answerWith, explain, isAccepted, refuse, request } from "./envelope";

const BATCH: u32 = <u32>offsetof<BucketBatch>();
const SCAN: u32 = <u32>offsetof<BucketScan>();
const ROW: u32 = <u32>offsetof<BucketRow>();
const BATCH_MAX: u32 = (PAYLOAD_BYTES_MAX - BATCH) / 2;
const ROWS_MAX: u32 = (PAYLOAD_BYTES_MAX - SCAN) / ROW;

export function onBucketBatch(type: u32, now: u32): void {
  const bytes = <u32>request().length;
  if (bytes < BATCH || (bytes - BATCH) % 2) return refuse(Status.BAD_LENGTH, bytes);
  if (generation() == 0) return refuse(Status.NOT_READY, 0);
  const batch = changetype<BucketBatch>(PAYLOAD);
  if (batch.generation != generation()) return refuse(Status.WRONG_GENERATION, generation());
  if (batch.owner >= localOwners() || localOwnerAt(batch.owner).owner == NO_OWNER) {
    return refuse(Status.BAD_OWNER, localOwners());
  }
  const count = (bytes - BATCH) / 2;
  for (let i: u32 = 0; i < BATCH_MAX; i++) {
    if (i >= count) break;
    check(type, bucketIn(i), batch, now);
    if (!isAccepted()) return;
  }
  let rows: u32 = 0;
  for (let i: u32 = 0; i < BATCH_MAX; i++) {
    if (i >= count) break;
    const state = stateOf(bucketIn(i), batch.owner);
    apply(type, state);
    rows += state.rows;
  }
  explain(rows);
}

function bucketIn(index: u32): u32 {
  return load<u16>(PAYLOAD + BATCH + (index << 1));
}

function check(type: u32, bucket: u32, batch: BucketBatch, now: u32): void {
  if (bucket >= buckets()) return refuse(Status.BAD_BUCKET, bucket);
  const local = <u32>batch.owner;
  const state = stateOf(bucket, local);
  const index = indexInHistory(bucket, localOwnerAt(local).owner);
  if (type == Message.UNPIN) return;
  if (type == Message.PIN) {
    if (index != 0) refuse(Status.BAD_BUCKET_STATE, bucket);
    return;
  }
  if (index <= 0) return refuse(Status.BAD_BUCKET_STATE, bucket);
  const complete = hasFlag(state, BucketFlag.COMPLETE);
  if (type == Message.SEAL) {
    if (!complete) return refuse(Status.BAD_BUCKET_STATE, bucket);
    // Any row may have become a cookie's since the host's sockets were read: it must not go with the flush.
    if (sendsCookies() && state.rows > 0) return refuse(Status.BUCKET_NOT_EMPTY, state.rows);
  }
  if (type != Message.COMPLETE) return;
  if (batch.openOnly != 0 && !hasFlag(state, BucketFlag.OPEN | BucketFlag.SEALED)) {
    return refuse(Status.BAD_BUCKET_STATE, bucket);
  }
  if (hasLostCookies(state, now)) return refuse(Status.COOKIES_LOST, bucket);
  if (hasFlag(state, BucketFlag.SEALED) && state.rows > 0) return refuse(Status.BUCKET_NOT_EMPTY, state.rows);
}

function apply(type: u32, state: State): void {
  if (type == Message.PIN) state.flags |= <u16>BucketFlag.PINNED;
  else if (type == Message.UNPIN) state.flags &= ~(<u16>BucketFlag.PINNED);
  else if (type == Message.COMPLETE) state.flags = (state.flags & ~(<u16>BucketFlag.OPEN)) | <u16>BucketFlag.COMPLETE;
  else if (type == Message.SEAL) {
    flush(state);
    sweep();
    state.flags = <u16>BucketFlag.SEALED;
  } else state.flags = <u16>BucketFlag.OPEN;
}

/** BUCKETS. */
export function onBucketScan(now: u32): void {
  if (request().length != SCAN) return refuse(Status.BAD_LENGTH, SCAN);
  const scan = changetype<BucketScan>(PAYLOAD);
  if (scan.owner >= localOwners()) return refuse(Status.BAD_OWNER, localOwners());
  if (scan.first > buckets()) return refuse(Status.BAD_BUCKET, scan.first);
  memory.copy(ANSWER_PAYLOAD, PAYLOAD, SCAN);
  const owner = <u32>localOwnerAt(scan.owner).owner;
  let count: u32 = 0;
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    const bucket = scan.first + i;
    if (bucket >= buckets()) break;
    const state = stateOf(bucket, scan.owner);
    const index = indexInHistory(bucket, owner);
    const row = changetype<BucketRow>(ANSWER_PAYLOAD + SCAN + i * ROW);
    row.rows = state.rows;
    row.flags = state.flags;
    if (index == 0) row.flags |= <u16>listFlags(bucket);
    else if (index > 0 && hasLostCookies(state, now)) row.flags |= <u16>BucketFlag.COOKIES_LOST;
    row.index = index < 0 ? <u16>NO_OWNER : <u16>index;
    count++;
  }
  answerWith(SCAN + count * ROW);
}
