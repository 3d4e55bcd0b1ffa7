/**
 * The assignment in force: owners, and per bucket its history; and per bucket and local owner, what may be said of the
 * flow table there.
 *
 * ```
 *  Bucket       0    2    4    6    8          State        0       2       4      8      12
 *  (8 bytes)    +----+----+----+----+          (12 bytes)   +-------+-------+------+------+
 *               | p0 | p1 | p2 | p3 |                       | epoch | flags | rows | lost |
 *               +----+----+----+----+                       +-------+-------+------+------+
 * ```
 */
import { BucketFlag } from "./commands";
import { Bucket, HISTORY_DEPTH, NO_OWNER, Owner } from "./records";
import { BUCKETS_MAX, LOCAL_OWNERS_MAX, OWNERS_MAX } from "./sizes";

@unmanaged
export class State {
  /** Rows of the flow table that carry another epoch are gone: a flush is one increment. */
  epoch: u16;
  /** `BucketFlag`s. */
  flags: u16;
  /** Rows of the flow table. */
  rows: u32;
  /** When a row that may have stood for a SYN cookie was lost last, in ms; 0: never (`cookies.ts`). */
  lost: u32;
}

export const BUCKETS: usize = memory.data(BUCKETS_MAX * offsetof<Bucket>(), 64);
export const OWNERS: usize = memory.data(OWNERS_MAX * offsetof<Owner>(), 16);
/** Per owner number: its local index + 1, 0 for a remote one. */
const LOCAL_INDEX: usize = memory.data(OWNERS_MAX, 16);
const STATES: usize = memory.data(BUCKETS_MAX * LOCAL_OWNERS_MAX * offsetof<State>(), 64);

let generationInForce: u32 = 0;
let bucketCount: u32 = 0;
let bucketMask: u32 = 0;
let ownerCount: u32 = 0;

/** Takes an assignment's header into use; the records are copied by the caller. */
export function setAssignment(generation: u32, buckets: u32, owners: u32): void {
  generationInForce = generation;
  bucketCount = buckets;
  bucketMask = buckets - 1;
  ownerCount = owners;
}

/** Generation in force, 0 for none. */
// @ts-ignore: decorator
@inline
export function generation(): u32 {
  return generationInForce;
}

// @ts-ignore: decorator
@inline
export function buckets(): u32 {
  return bucketCount;
}

/** Bucket of a client hash. 0 before the first assignment. */
// @ts-ignore: decorator
@inline
export function bucketOf(hash: u32): u32 {
  return hash & bucketMask;
}

// @ts-ignore: decorator
@inline
export function bucketAt(bucket: u32): Bucket {
  return changetype<Bucket>(BUCKETS + bucket * offsetof<Bucket>());
}

/** Owner number at place `index` (0 to 3) of a bucket's history, or NO_OWNER. */
export function ownerInHistory(bucket: u32, index: u32): u32 {
  const history = bucketAt(bucket);
  if (index == 0) return history.p0;
  if (index == 1) return history.p1;
  if (index == 2) return history.p2;
  return history.p3;
}

/** Owners in a bucket's history; 0 before the first assignment. */
export function depthOf(bucket: u32): u32 {
  if (generationInForce == 0) return 0;
  const history = bucketAt(bucket);
  if (history.p0 == NO_OWNER) return 0;
  if (history.p1 == NO_OWNER) return 1;
  if (history.p2 == NO_OWNER) return 2;
  if (history.p3 == NO_OWNER) return 3;
  return HISTORY_DEPTH;
}

/** Place of an owner in a bucket's history, or -1. */
export function indexInHistory(bucket: u32, owner: u32): i32 {
  if (generationInForce == 0 || owner == NO_OWNER) return -1;
  const history = bucketAt(bucket);
  if (history.p0 == owner) return 0;
  if (history.p1 == owner) return 1;
  if (history.p2 == owner) return 2;
  if (history.p3 == owner) return 3;
  return -1;
}

// @ts-ignore: decorator
@inline
export function ownerAt(owner: u32): Owner {
  return changetype<Owner>(OWNERS + owner * offsetof<Owner>());
}

// @ts-ignore: decorator
@inline
export function macOfOwner(owner: u32): u64 {
  const record = ownerAt(owner);
  return <u64>record.mac | (<u64>record.macHigh << 32);
}

export function owners(): u32 {
  return ownerCount;
}

/** Local index of an owner number, or -1 for a remote one. */
// @ts-ignore: decorator
@inline
export function localIndexOf(owner: u32): i32 {
  return owner < OWNERS_MAX ? <i32>load<u8>(LOCAL_INDEX + owner) - 1 : -1;
}

/** Sets the local index of an owner number; -1 makes it remote. */
export function setLocalIndex(owner: u32, local: i32): void {
  if (owner < OWNERS_MAX) store<u8>(LOCAL_INDEX + owner, <u8>(local + 1));
}

/** The first owner of a bucket's history that is on this blade: its local index, or -1. */
export function firstLocalOwner(bucket: u32): i32 {
  const depth = depthOf(bucket);
  for (let i: u32 = 0; i < HISTORY_DEPTH; i++) {
    if (i >= depth) break;
    const local = localIndexOf(ownerInHistory(bucket, i));
    if (local >= 0) return local;
  }
  return -1;
}

// @ts-ignore: decorator
@inline
export function stateOf(bucket: u32, local: u32): State {
  return changetype<State>(STATES + (bucket * LOCAL_OWNERS_MAX + local) * offsetof<State>());
}

// @ts-ignore: decorator
@inline
export function hasFlag(state: State, flag: u32): bool {
  return (state.flags & flag) != 0;
}

/**
 * What an install does to the flags of a local owner's state of a bucket, by its place in the history before and after
 * (-1: none). A previous owner that stays one keeps what it knows: its set of flows can only have shrunk. One that becomes
 * previous is not complete until it has been seeded.
 */
export function moveState(state: State, before: i32, after: i32): void {
  if (before > 0 && after > 0) state.flags &= ~(<u16>BucketFlag.PINNED);
  else state.flags = 0;
}
