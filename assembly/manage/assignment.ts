/** Table ASSIGNMENT: checks the staged table, puts it in force, and moves the buckets' states. */
import { Status } from "../messages";
import {
  BUCKETS,
  OWNERS,
  buckets,
  generation,
  indexInHistory,
  moveState,
  setAssignment,
  stateOf,
} from "../buckets";
import { flush } from "../flows";
import { giveUpList, listOf, placeLists } from "../handover";
import { localOwnerAt, localOwners } from "../identity";
import { Assignment, Bucket, HISTORY_DEPTH, NO_OWNER, Owner } from "../records";
import { BUCKETS_MAX, LOCAL_OWNERS_MAX, OWNERS_MAX, PORTS_MAX } from "../sizes";
import { refuse } from "./envelope";
import { isStationMac } from "./mac";
import { STAGE, staged } from "./stage";

const HEADER: u32 = <u32>offsetof<Assignment>();

/** Returns whether it is in force now. */
export function commitAssignment(): bool {
  if (!checkAssignment()) return false;
  const assignment = changetype<Assignment>(STAGE);
  const bucketsAt = HEADER + assignment.owners * <u32>offsetof<Owner>();
  moveStates(STAGE + bucketsAt, assignment.buckets);
  moveLists(STAGE + bucketsAt, assignment.buckets, assignment.generation == generation() + 1);
  memory.copy(OWNERS, STAGE + HEADER, assignment.owners * <u32>offsetof<Owner>());
  memory.copy(BUCKETS, STAGE + bucketsAt, assignment.buckets * <u32>offsetof<Bucket>());
  setAssignment(assignment.generation, assignment.buckets, assignment.owners);
  return true;
}

function refused(status: u32, detail: u32): bool {
  refuse(status, detail);
  return false;
}

function checkAssignment(): bool {
  if (staged() < HEADER) return refused(Status.BAD_TABLE, HEADER);
  const assignment = changetype<Assignment>(STAGE);
  const count = assignment.buckets;
  if (count == 0 || count > BUCKETS_MAX || count & (count - 1)) return refused(Status.BAD_BUCKET_COUNT, BUCKETS_MAX);
  if (assignment.owners > OWNERS_MAX) return refused(Status.TOO_MANY_RECORDS, OWNERS_MAX);
  const bucketsAt = HEADER + assignment.owners * <u32>offsetof<Owner>();
  const bytes = bucketsAt + count * <u32>offsetof<Bucket>();
  if (staged() != bytes) return refused(Status.BAD_TABLE, bytes);
  if (assignment.reserved0 | assignment.reserved1) return refused(Status.BAD_RECORD, 0);
  if (assignment.generation <= generation()) return refused(Status.STALE_GENERATION, generation());
  if (generation() != 0 && count != buckets()) return refused(Status.NOT_IN_SERVICE, generation());
  for (let i: u32 = 0; i < OWNERS_MAX; i++) {
    if (i >= assignment.owners) break;
    if (!isOwner(STAGE + HEADER, i)) return refused(Status.BAD_RECORD, i);
  }
  for (let i: u32 = 0; i < BUCKETS_MAX; i++) {
    if (i >= count) break;
    if (!isHistory(STAGE + bucketsAt + i * <u32>offsetof<Bucket>(), assignment.owners)) return refused(Status.BAD_RECORD, i);
  }
  return true;
}

/** A MAC of zeros is a number that is free. */
function isOwner(owners: usize, index: u32): bool {
  const owner = changetype<Owner>(owners + index * offsetof<Owner>());
  const mac = <u64>owner.mac | (<u64>owner.macHigh << 32);
  return mac == 0 || (isStationMac(mac) && owner.port < PORTS_MAX);
}

/** Known owners, each once, and none behind a NO_OWNER. */
function isHistory(at: usize, owners: u32): bool {
  let ended = false;
  for (let i: u32 = 0; i < HISTORY_DEPTH; i++) {
    const owner = historyEntry(at, i);
    if (owner == NO_OWNER) {
      ended = true;
      continue;
    }
    if (ended || owner >= owners) return false;
    const record = changetype<Owner>(STAGE + HEADER + owner * <u32>offsetof<Owner>());
    if ((record.mac | record.macHigh) == 0) return false;
    for (let j: u32 = 0; j < HISTORY_DEPTH; j++) {
      if (j >= i) break;
      if (historyEntry(at, j) == owner) return false;
    }
  }
  return true;
}

/** Entry `index` of the history at `at`. */
function historyEntry(at: usize, index: u32): u32 {
  const history = changetype<Bucket>(at);
  if (index == 0) return history.p0;
  if (index == 1) return history.p1;
  if (index == 2) return history.p2;
  return history.p3;
}

function placeIn(at: usize, owner: u32): i32 {
  for (let i: u32 = 0; i < HISTORY_DEPTH; i++) {
    if (historyEntry(at, i) == owner) return i;
  }
  return -1;
}

function moveStates(histories: usize, count: u32): void {
  const locals = localOwners();
  for (let bucket: u32 = 0; bucket < BUCKETS_MAX; bucket++) {
    if (bucket >= count) break;
    const after = histories + bucket * offsetof<Bucket>();
    for (let local: u32 = 0; local < LOCAL_OWNERS_MAX; local++) {
      if (local >= locals) break;
      const owner = <u32>localOwnerAt(local).owner;
      if (owner == NO_OWNER) continue;
      const before = indexInHistory(bucket, owner);
      const state = stateOf(bucket, local);
      const place = placeIn(after, owner);
      // Out of the history it is not asked: its flows may be opened anew elsewhere. One that leaves has none left, or is cut off.
      if (before < 0 != place < 0) flush(state);
      moveState(state, before, place);
    }
  }
}

/**
 * What an install does to handover lists. One is kept whose owner was and stays a previous one, for its set of flows can only have
 * shrunk, while the current owner stays, too. `follows`: the generation comes right after the one in force; if not, who was what in
 * between is not known, and none is kept.
 */
function moveLists(histories: usize, count: u32, follows: bool): void {
  giveUpList();
  for (let bucket: u32 = 0; bucket < BUCKETS_MAX; bucket++) {
    if (bucket >= count) break;
    const after = histories + bucket * offsetof<Bucket>();
    if (follows && indexInHistory(bucket, historyEntry(after, 0)) == 0) {
      placeLists(bucket, listAfter(bucket, after, 1), listAfter(bucket, after, 2), listAfter(bucket, after, 3));
    } else placeLists(bucket, 0, 0, 0);
  }
}

/** List of the owner that is to be at `place`, or 0. */
function listAfter(bucket: u32, after: usize, place: u32): u32 {
  const before = indexInHistory(bucket, historyEntry(after, place));
  return before > 0 ? listOf(bucket, before) : 0;
}
