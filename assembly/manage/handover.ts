/** Commands HANDOVER and HANDOVER_EMPTY: what a previous owner of buckets says to their current owner, which is here. */
import { Event } from "../abi";
import { Status } from "../messages";
import { bucketAt, buckets, generation, indexInHistory, localIndexOf } from "../buckets";
import { count } from "../counters";
import { beginList, endPart, giveUpList, holdEmpty, partExpected, putFingerprint } from "../handover";
import { fingerprintOf } from "../packet";
import { FlowRow, Handover } from "../commands";
import { PAYLOAD, PAYLOAD_BYTES_MAX, isAccepted, refuse, request } from "./envelope";
import { isFlowRow, keyOf } from "./flows";

const HEADER: u32 = <u32>offsetof<Handover>();
const ROW: u32 = <u32>offsetof<FlowRow>();
const ROWS_MAX: u32 = (PAYLOAD_BYTES_MAX - HEADER) / ROW;
const BUCKET_BYTES: u32 = 2;
const BUCKETS_PER_MESSAGE: u32 = (PAYLOAD_BYTES_MAX - HEADER) / BUCKET_BYTES;

function header(): Handover {
  return changetype<Handover>(PAYLOAD);
}

function rowAt(index: u32): FlowRow {
  return changetype<FlowRow>(PAYLOAD + HEADER + index * ROW);
}

/** Whether the message is `records` of `size` bytes of a list that was read under the generation in force. */
function checkHeader(size: u32): void {
  const bytes = <u32>request().length;
  if (bytes < HEADER || (bytes - HEADER) % size) return refuse(Status.BAD_LENGTH, bytes);
  if (generation() == 0) return refuse(Status.NOT_READY, 0);
  if (header().generation != generation()) return refuse(Status.WRONG_GENERATION, generation());
}

/** The sender's place in the history of a bucket whose current owner is here. Refuses where it has none. */
function placeIn(bucket: u32): u32 {
  if (bucket >= buckets()) {
    refuse(Status.BAD_BUCKET, bucket);
    return 0;
  }
  const place = indexInHistory(bucket, header().owner);
  if (place > 0 && localIndexOf(bucketAt(bucket).p0) >= 0) return place;
  refuse(Status.BAD_BUCKET_STATE, bucket);
  return 0;
}

export function onHandover(): void {
  checkHeader(ROW);
  if (!isAccepted()) return;
  const part = header();
  const place = placeIn(part.bucket);
  if (!isAccepted()) return;
  const expected = part.part == 0 ? 0 : partExpected(part.bucket, place, part.parts);
  if (part.part != expected || part.part >= part.parts) return refuse(Status.BAD_CHUNK, expected);
  const rows = (<u32>request().length - HEADER) / ROW;
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= rows) break;
    if (!isFlowRow(rowAt(i)) || keyOf(rowAt(i)).bucket != part.bucket) return refuse(Status.BAD_RECORD, i);
  }
  if (part.part == 0) beginList(part.bucket, place, part.parts);
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= rows) break;
    if (!putFingerprint(fingerprintOf(keyOf(rowAt(i))))) return overflow(i);
  }
  endPart();
}

/** Half a list would call flows unlisted that are in the other half. */
function overflow(rows: u32): void {
  giveUpList();
  count(Event.HANDOVER_OVERFLOW);
  refuse(Status.LIST_TOO_LONG, rows);
}

/** All the buckets of the message, or none. */
export function onHandoverEmpty(): void {
  checkHeader(BUCKET_BYTES);
  if (!isAccepted()) return;
  const named = (<u32>request().length - HEADER) / BUCKET_BYTES;
  for (let i: u32 = 0; i < BUCKETS_PER_MESSAGE; i++) {
    if (i >= named) break;
    placeIn(bucketIn(i));
    if (!isAccepted()) return;
  }
  for (let i: u32 = 0; i < BUCKETS_PER_MESSAGE; i++) {
    if (i >= named) break;
    holdEmpty(bucketIn(i), indexInHistory(bucketIn(i), header().owner));
  }
}

function bucketIn(index: u32): u32 {
  return load<u16>(PAYLOAD + HEADER + index * BUCKET_BYTES);
}
