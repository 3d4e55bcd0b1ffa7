/**
 * Handover lists: which flows a previous owner of a bucket has, as it has told the bucket's current owner, which is here. They are
 * kept as fingerprints: two flows with the same one cost hops, and nothing else.
 *
 * ```
 *  Lists, 8 bytes a bucket                      entry, 8 bytes, 8 to a set, two sets to choose from
 *  0      2      4      6      8                0             4        6        8
 *  +------+------+------+------+                +-------------+--------+--------+
 *  | last | of 1 | of 2 | of 3 |                | fingerprint | bucket | serial |
 *  +------+------+------+------+                +-------------+--------+--------+
 * ```
 *
 * A list gets the next serial number of its bucket: `of h` is that of the previous owner at place h of the history, 0 when it is
 * missing. An entry of any other serial is as good as free, so that a list is dropped by forgetting its number. (A number that comes
 * round again finds at most fingerprints that are not its own.)
 */
import { Event } from "./abi";
import { count } from "./counters";
import { BucketFlag } from "./commands";
import { HISTORY_DEPTH } from "./records";
import { BUCKETS_MAX, HANDOVERS, HANDOVER_SETS, HANDOVER_WAYS } from "./sizes";

@unmanaged
export class HandoverEntry {
  fingerprint: u32;
  bucket: u16;
  serial: u16;
}

const SERIAL_BYTES: u32 = 2;
const LISTS_BYTES: u32 = HISTORY_DEPTH * SERIAL_BYTES;
const SET_MASK: u32 = HANDOVER_SETS - 1;
/** Bits of a fingerprint that choose the second set begin here. */
const SECOND_SHIFT: u32 = 16;

const LISTS: usize = memory.data(BUCKETS_MAX * LISTS_BYTES, 64);
export const HANDOVER_TABLE: usize = memory.data(HANDOVERS * offsetof<HandoverEntry>(), 64);

/** The list whose parts are coming: its bucket, its owner's place and its serial (0: none is), and the part that is next. */
let comingBucket: u32 = 0;
let comingPlace: u32 = 0;
let comingSerial: u32 = 0;
let nextPart: u32 = 0;
let partCount: u32 = 0;

function serialAddress(bucket: u32, place: u32): usize {
  return LISTS + bucket * LISTS_BYTES + place * SERIAL_BYTES;
}

/** Serial of the list of the previous owner at place `place` (1 to 3), 0: it is missing. */
export function listOf(bucket: u32, place: u32): u32 {
  return load<u16>(serialAddress(bucket, place));
}

/** Which lists of a bucket are held, as `BucketFlag`s. */
export function listFlags(bucket: u32): u32 {
  let flags: u32 = 0;
  if (listOf(bucket, 1)) flags |= BucketFlag.LISTED_1;
  if (listOf(bucket, 2)) flags |= BucketFlag.LISTED_2;
  if (listOf(bucket, 3)) flags |= BucketFlag.LISTED_3;
  return flags;
}

function setList(bucket: u32, place: u32, serial: u32): void {
  store<u16>(serialAddress(bucket, place), <u16>serial);
}

/** Whether that list is held, and does not have the flow. */
export function isUnlisted(bucket: u32, place: u32, fingerprint: u32): bool {
  const serial = listOf(bucket, place);
  if (serial == 0) return false;
  return !isIn(fingerprint & SET_MASK, fingerprint, bucket, serial) && !isIn(secondSet(fingerprint), fingerprint, bucket, serial);
}

function secondSet(fingerprint: u32): u32 {
  return (fingerprint >>> SECOND_SHIFT) & SET_MASK;
}

function entryAt(set: u32, way: u32): HandoverEntry {
  return changetype<HandoverEntry>(HANDOVER_TABLE + (set * HANDOVER_WAYS + way) * offsetof<HandoverEntry>());
}

function isIn(set: u32, fingerprint: u32, bucket: u32, serial: u32): bool {
  for (let way: u32 = 0; way < HANDOVER_WAYS; way++) {
    const entry = entryAt(set, way);
    if (entry.fingerprint == fingerprint && entry.bucket == bucket && entry.serial == serial) return true;
  }
  return false;
}

/** Of no list that is held or coming. */
function isFree(entry: HandoverEntry): bool {
  const serial = <u32>entry.serial;
  const bucket = <u32>entry.bucket;
  if (serial == 0) return true;
  if (serial == comingSerial && bucket == comingBucket) return false;
  for (let place: u32 = 1; place < HISTORY_DEPTH; place++) {
    if (listOf(bucket, place) == serial) return false;
  }
  return true;
}

/** Ways of a set that may be taken, one bit each. */
function freeWays(set: u32): u32 {
  let ways: u32 = 0;
  for (let way: u32 = 0; way < HANDOVER_WAYS; way++) if (isFree(entryAt(set, way))) ways |= 1 << way;
  return ways;
}

/** The next serial of a bucket that none of its lists has. */
function nextSerial(bucket: u32): u32 {
  let serial = <u32>load<u16>(serialAddress(bucket, 0));
  for (let i: u32 = 0; i <= HISTORY_DEPTH; i++) {
    serial = serial == 0xffff ? 1 : serial + 1;
    let isTaken = false;
    for (let place: u32 = 1; place < HISTORY_DEPTH; place++) isTaken = isTaken || listOf(bucket, place) == serial;
    if (!isTaken) break;
  }
  store<u16>(serialAddress(bucket, 0), <u16>serial);
  return serial;
}

/** Holds a list without a flow. */
export function holdEmpty(bucket: u32, place: u32): void {
  setList(bucket, place, nextSerial(bucket));
  count(Event.HANDOVER_HELD);
}

/** A list of `parts` parts begins; one that was coming is given up. The one that is held meanwhile goes on to hold. */
export function beginList(bucket: u32, place: u32, parts: u32): void {
  comingBucket = bucket;
  comingPlace = place;
  comingSerial = nextSerial(bucket);
  nextPart = 0;
  partCount = parts;
}

/** The part of this list that is next: 0 when it is not the one that is coming. */
export function partExpected(bucket: u32, place: u32, parts: u32): u32 {
  return comingSerial != 0 && bucket == comingBucket && place == comingPlace && parts == partCount ? nextPart : 0;
}

/** Puts a flow into the list that is coming, in the roomier of its two sets. False: there is no room. */
export function putFingerprint(fingerprint: u32): bool {
  const first = fingerprint & SET_MASK;
  const second = secondSet(fingerprint);
  const inFirst = freeWays(first);
  const inSecond = freeWays(second);
  if (!(inFirst | inSecond)) return false;
  const isFirst = popcnt(inFirst) >= popcnt(inSecond);
  const entry = entryAt(isFirst ? first : second, ctz(isFirst ? inFirst : inSecond));
  entry.fingerprint = fingerprint;
  entry.bucket = <u16>comingBucket;
  entry.serial = <u16>comingSerial;
  return true;
}

/** A part of the list that is coming is in. With the last one it is held. */
export function endPart(): void {
  nextPart++;
  if (nextPart < partCount) return;
  setList(comingBucket, comingPlace, comingSerial);
  comingSerial = 0;
  count(Event.HANDOVER_HELD);
}

/** The list that is coming will not be held. */
export function giveUpList(): void {
  comingSerial = 0;
}

/** Says whose lists a bucket's are from now on, by place: serials, 0: missing. */
export function placeLists(bucket: u32, first: u32, second: u32, third: u32): void {
  setList(bucket, 1, first);
  setList(bucket, 2, second);
  setList(bucket, 3, third);
}

/** Drops all lists of all buckets, and the one that is coming. */
export function dropLists(): void {
  giveUpList();
  for (let bucket: u32 = 0; bucket < BUCKETS_MAX; bucket++) placeLists(bucket, 0, 0, 0);
}
