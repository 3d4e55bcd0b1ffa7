/**
 * The flow table: fixed-size, 8-way set-associative, two sets to choose from. Of a current owner it is a cache; of a
 * previous owner's bucket that is complete it is the truth, and its rows are never evicted.
 *
 * ```
 *  tags: 8 x u16 a set, 0 for a free way        entry, 32 bytes
 *  0    2    4         16                       0                16           18        20        24
 *  +----+----+-- ... --+                        +----------------+------------+---------+---------+
 *  | t0 | t1 |         |                        | client         | clientPort | vipPort | touched |
 *  +----+----+-- ... --+                        +--------+-------+-----+------+---+-----+-+-------+
 *                                               | bucket | epoch | vip | protocol | state | owner |
 *                                               +--------+-------+-----+----------+-------+-------+
 *                                               24       26      28    29         30      31      32
 * ```
 *
 * A row whose epoch is not that of its bucket's state was flushed: it is as good as free.
 */
import { Event } from "./abi";
import { State, hasFlag, indexInHistory, stateOf } from "./buckets";
import { count, countMany } from "./counters";
import { isCookieOut, loseCookie } from "./cookies";
import { halfOpenPercent, localOwnerAt, sendsCookies } from "./identity";
import { BucketFlag, FlowState } from "./commands";
import { SET_MASK, SETS, WAYS } from "./sizes";
import { firstWay, nextWay, tagWays } from "./ways";

@unmanaged
export class Flow {
  /** 16 bytes, as in `wire/address.ts`. */
  client: u64;
  clientHigh: u64;
  /** In network order; 0 of a protocol without ports. */
  clientPort: u16;
  vipPort: u16;
  /** ms; wraps, so that an entry left alone for 49 days looks fresh: only its removal waits for that. */
  touched: u32;
  bucket: u16;
  epoch: u16;
  /** Index of the virtual IP: its family is the flow's. */
  vip: u8;
  protocol: u8;
  /** `FlowState`. */
  state: u8;
  /** Index of the local owner. */
  owner: u8;
}

if (offsetof<Flow>() != 32) ERROR("Flow is 32 bytes: two to a cache line");

export const TAGS: usize = memory.data(SETS * WAYS * 2, 64);
export const FLOW_TABLE: usize = memory.data(SETS * WAYS * offsetof<Flow>(), 64);

/** Rows in the table, flushed ones left out. */
let rows: u32 = 0;

export function flows(): u32 {
  return rows;
}

/** A flow's tag, from its hash: never 0. */
// @ts-ignore: decorator
@inline
function tagOf(hash: u32): u32 {
  return (hash >>> 16) | 1;
}

// @ts-ignore: decorator
@inline
function firstSet(hash: u32): u32 {
  return hash & SET_MASK;
}

/** Follows from the first set and the tag, and is never the first (on a table of more than one set). */
// @ts-ignore: decorator
@inline
function secondSet(hash: u32): u32 {
  return (hash ^ ((tagOf(hash) * 0x5bd1e995) | 1)) & SET_MASK;
}

// @ts-ignore: decorator
@inline
export function flowAt(set: u32, way: u32): Flow {
  return changetype<Flow>(FLOW_TABLE + (set * WAYS + way) * offsetof<Flow>());
}

// @ts-ignore: decorator
@inline
function tagAddress(set: u32, way: u32): usize {
  return TAGS + ((set * WAYS + way) << 1);
}

/**
 * The ways whose tags match a hash, one bit each: bits 0-7 of the first set, 8-15 of the second. Reads tags only, so
 * that the misses of a batch overlap.
 */
// @ts-ignore: decorator
@inline
export function candidates(hash: u32): u32 {
  const tag = tagOf(hash);
  return tagWays(tagAddress(firstSet(hash), 0), tag) | (tagWays(tagAddress(secondSet(hash), 0), tag) << 8);
}

/** What identifies a flow, and where it would stand. Fields as in `Flow`. */
@unmanaged
export class FlowKey {
  client: u64;
  clientHigh: u64;
  clientPort: u16;
  vipPort: u16;
  hash: u32;
  bucket: u16;
  vip: u8;
  protocol: u8;
}

/** Address of the entry of a local owner's flow among the candidate ways, or 0. */
export function findAmong(ways: u32, key: FlowKey, owner: u32): usize {
  const epoch = stateOf(key.bucket, owner).epoch;
  for (let i: u32 = 0; i < 2 * WAYS; i++) {
    if (ways == 0) break;
    const way = firstWay(ways);
    ways = nextWay(ways);
    const flow = flowAt(way < WAYS ? firstSet(key.hash) : secondSet(key.hash), way & (WAYS - 1));
    if (
      flow.client == key.client &&
      flow.clientHigh == key.clientHigh &&
      flow.vip == key.vip &&
      flow.clientPort == key.clientPort &&
      flow.vipPort == key.vipPort &&
      flow.protocol == key.protocol &&
      flow.owner == owner &&
      flow.epoch == epoch
    ) {
      return changetype<usize>(flow);
    }
  }
  return 0;
}

/** Of the candidate ways, those whose entries are of the key's client: one cache line each, so that a batch's misses overlap. */
export function sameClient(ways: u32, key: FlowKey): u32 {
  let same = ways;
  for (let i: u32 = 0; i < 2 * WAYS; i++) {
    if (ways == 0) break;
    const way = firstWay(ways);
    ways = nextWay(ways);
    const flow = flowAt(way < WAYS ? firstSet(key.hash) : secondSet(key.hash), way & (WAYS - 1));
    if ((flow.client ^ key.client) | (flow.clientHigh ^ key.clientHigh)) same &= ~(<u32>1 << way);
  }
  return same;
}

/** Address of the entry of a local owner's flow, or 0. */
export function find(key: FlowKey, owner: u32): usize {
  return findAmong(candidates(key.hash), key, owner);
}

// @ts-ignore: decorator
@inline
function isFlushed(flow: Flow): bool {
  return stateOf(flow.bucket, flow.owner).epoch != flow.epoch;
}

/** Provisional or half-open: what a SYN flood is made of. */
// @ts-ignore: decorator
@inline
export function isOpening(state: u32): bool {
  return state == FlowState.PROVISIONAL || state == FlowState.HALF_OPEN;
}

/** Only rows of buckets that are not a previous owner's may go, none that a move in preparation has pinned, and none that may stand for
 *  a SYN cookie. */
function isEvictable(flow: Flow, now: u32): bool {
  if (flow.state == FlowState.HALF_OPEN && sendsCookies() && isCookieOut(flow.touched, now)) return false;
  if (indexInHistory(flow.bucket, localOwnerAt(flow.owner).owner) > 0) return false;
  return !hasFlag(stateOf(flow.bucket, flow.owner), BucketFlag.PINNED);
}

/** Eviction order, lowest first. */
enum Rank {
  FLUSHED = 0,
  PROVISIONAL = 1,
  HALF_OPEN = 2,
  CLOSING = 3,
  ESTABLISHED = 4,
}

function rank(flow: Flow): u32 {
  if (isFlushed(flow)) return Rank.FLUSHED;
  if (flow.state == FlowState.PROVISIONAL) return Rank.PROVISIONAL;
  if (flow.state == FlowState.HALF_OPEN) return Rank.HALF_OPEN;
  if (flow.state == FlowState.CLOSING) return Rank.CLOSING;
  return Rank.ESTABLISHED;
}

/** No way in a set may be had. */
const NO_WAY: u32 = WAYS;

/**
 * The way of a set to take for a new row: a free one, else the one to evict whose rank is lowest and at most `rankMax`
 * (the longest untouched of these), else NO_WAY.
 */
function wayToTake(set: u32, rankMax: u32, now: u32): u32 {
  const free = tagWays(tagAddress(set, 0), 0);
  if (free) return firstWay(free);
  return wayToEvict(set, rankMax, now);
}

function wayToEvict(set: u32, rankMax: u32, now: u32): u32 {
  let best = NO_WAY;
  let bestRank = rankMax + 1;
  let bestAge: u32 = 0;
  for (let way: u32 = 0; way < WAYS; way++) {
    if (load<u16>(tagAddress(set, way)) == 0) continue;
    const flow = flowAt(set, way);
    const flowRank = rank(flow);
    const age = now - flow.touched;
    if (flowRank > bestRank || (flowRank == bestRank && (best == NO_WAY || age <= bestAge))) continue;
    if (flowRank > rankMax || (flowRank != Rank.FLUSHED && !isEvictable(flow, now))) continue;
    best = way;
    bestRank = flowRank;
    bestAge = age;
  }
  return best;
}

function openingIn(set: u32): u32 {
  let opening: u32 = 0;
  for (let way: u32 = 0; way < WAYS; way++) {
    if (load<u16>(tagAddress(set, way)) == 0) continue;
    const flow = flowAt(set, way);
    if (isOpening(flow.state) && !isFlushed(flow)) opening++;
  }
  return opening;
}

/** The fuller of two sets has less room for what comes. */
function roomierSet(hash: u32): u32 {
  const first = firstSet(hash);
  const second = secondSet(hash);
  const freeFirst = popcnt(tagWays(tagAddress(first, 0), 0));
  const freeSecond = popcnt(tagWays(tagAddress(second, 0), 0));
  return freeSecond > freeFirst ? second : first;
}

/** A SYN flood stays within its share: past it, a new half-open flow takes the place of another one. */
function placeOpening(hash: u32, now: u32): usize {
  const set = roomierSet(hash);
  const full = openingIn(set) * 100 >= WAYS * halfOpenPercent();
  const way = full ? wayToEvict(set, Rank.HALF_OPEN, now) : wayToTake(set, Rank.CLOSING, now);
  return way == NO_WAY ? 0 : takeWay(set, way, hash, now);
}

function placeEstablished(hash: u32, now: u32): usize {
  const roomier = roomierSet(hash);
  let set = roomier;
  let way = wayToTake(set, Rank.CLOSING, now);
  if (way == NO_WAY) {
    set = roomier == firstSet(hash) ? secondSet(hash) : firstSet(hash);
    way = wayToTake(set, Rank.CLOSING, now);
  }
  if (way == NO_WAY) way = wayToTake(set, Rank.ESTABLISHED, now);
  if (way == NO_WAY) {
    set = roomier;
    way = wayToTake(set, Rank.ESTABLISHED, now);
  }
  return way == NO_WAY ? 0 : takeWay(set, way, hash, now);
}

/** Empties a way and tags it for `hash`. */
function takeWay(set: u32, way: u32, hash: u32, now: u32): usize {
  const flow = flowAt(set, way);
  if (isRow(set, way)) {
    // The host may send cookies, and nobody have said so yet.
    if (flow.state == FlowState.HALF_OPEN && isCookieOut(flow.touched, now)) loseCookie(stateOf(flow.bucket, flow.owner), now);
    forget(flow);
    count(Event.FLOW_EVICTED);
  }
  store<u16>(tagAddress(set, way), <u16>tagOf(hash));
  return changetype<usize>(flow);
}

function forget(flow: Flow): void {
  stateOf(flow.bucket, flow.owner).rows--;
  rows--;
}

/** Adds a row for a flow that has none; returns its address, or 0 when there is no room (counted as FLOW_OVERFLOW). */
export function insert(key: FlowKey, owner: u32, flowState: u32, now: u32): usize {
  const at = isOpening(flowState) ? placeOpening(key.hash, now) : placeEstablished(key.hash, now);
  if (at == 0) {
    count(Event.FLOW_OVERFLOW);
    return 0;
  }
  const flow = changetype<Flow>(at);
  const state = stateOf(key.bucket, owner);
  flow.client = key.client;
  flow.clientHigh = key.clientHigh;
  flow.vip = key.vip;
  flow.clientPort = key.clientPort;
  flow.vipPort = key.vipPort;
  flow.touched = now;
  flow.bucket = key.bucket;
  flow.epoch = state.epoch;
  flow.protocol = key.protocol;
  flow.state = <u8>flowState;
  flow.owner = <u8>owner;
  state.rows++;
  rows++;
  count(Event.FLOW_INSERTED);
  return at;
}

/** Removes a row that `find` or a scan returned. */
export function remove(at: usize): void {
  const index = <u32>((at - FLOW_TABLE) / offsetof<Flow>());
  store<u16>(TAGS + (index << 1), 0);
  forget(changetype<Flow>(at));
  count(Event.FLOW_REMOVED);
}

/** Whether a way has a row that was not flushed. A flushed one is freed in passing. */
export function isRow(set: u32, way: u32): bool {
  const tag = tagAddress(set, way);
  if (load<u16>(tag) == 0) return false;
  if (!isFlushed(flowAt(set, way))) return true;
  store<u16>(tag, 0);
  return false;
}

/** Flushes all rows of a local owner in a bucket at once. */
export function flush(state: State): void {
  countMany(Event.FLOW_REMOVED, state.rows);
  rows -= state.rows;
  state.rows = 0;
  state.epoch++;
}

/** Sets that are swept at a time: 32,768 times see the whole table, before an epoch of 16 bits comes round again. */
const SETS_PER_SWEEP: u32 = SETS > 0x8000 ? SETS >>> 15 : 1;
let sweptSet: u32 = 0;

/** Frees flushed rows of the next few sets. To be called as often as any one state is flushed. */
export function sweep(): void {
  for (let i: u32 = 0; i < SETS_PER_SWEEP; i++) {
    for (let way: u32 = 0; way < WAYS; way++) isRow(sweptSet, way);
    sweptSet = (sweptSet + 1) & SET_MASK;
  }
}
