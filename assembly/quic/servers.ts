/**
 * Server ids, and whose they are. Sorted, so that one is found in as many steps as their number has bits.
 *
 * ```
 *  ServerId     0     6       8        9           24
 *  (24 bytes)   +-----+-------+--------+-----------+
 *               | mac | owner | config | server id |
 *               +-----+-------+--------+-----------+
 *                             |<- key, two u64  -->|
 * ```
 */
import { generation, macOfOwner, owners } from "../buckets";
import { NO_OWNER, ServerId } from "../records";
import { OWNERS_MAX, SERVER_IDS_MAX } from "../sizes";
import { FOUND } from "./server-id";

export const SERVER_IDS: usize = memory.data(SERVER_IDS_MAX * offsetof<ServerId>(), 16);

/** By record: the generation under which its owner was last looked for in vain. Packets go on to name an owner that is away. */
const MISSED: usize = memory.data(SERVER_IDS_MAX * 4, 16);

/** Halvings of SERVER_IDS_MAX records until none is left. */
const STEPS_MAX: u32 = 32 - clz<u32>(SERVER_IDS_MAX);

let count: u32 = 0;

// @ts-ignore: decorator
@inline
function serverIdAt(index: u32): ServerId {
  return changetype<ServerId>(SERVER_IDS + index * offsetof<ServerId>());
}

/** Takes `serverIds` records into use, copied by the caller, in ascending order of their keys. */
export function setServerIds(serverIds: u32): void {
  count = serverIds;
  memory.fill(MISSED, 0, SERVER_IDS_MAX * 4);
}

/** The number of the owner in the assignment in force, or NO_OWNER. Looked for when a packet asks: an install need not wait for
 *  all of them. Most owners keep the number that they had the last time. */
function numberOf(index: u32): u32 {
  const serverId = serverIdAt(index);
  const mac = <u64>serverId.mac | (<u64>serverId.macHigh << 32);
  const last = <u32>serverId.owner;
  if (last < owners() && macOfOwner(last) == mac) return last;
  if (load<u32>(MISSED + (index << 2)) == generation()) return NO_OWNER;
  const owner = ownerByMac(mac);
  if (owner != NO_OWNER) serverId.owner = <u16>owner;
  else store<u32>(MISSED + (index << 2), generation());
  return owner;
}

/** An owner's number in the assignment in force, or NO_OWNER. */
function ownerByMac(mac: u64): u32 {
  for (let owner: u32 = 0; owner < OWNERS_MAX; owner++) {
    if (owner >= owners()) break;
    if (macOfOwner(owner) == mac) return owner;
  }
  return NO_OWNER;
}

/** Whether server id `a` comes before `b`: by config and the first 7 bytes, then by the others, as little-endian numbers. */
export function isBefore(a: ServerId, b: ServerId): bool {
  return a.key < b.key || (a.key == b.key && a.keyHigh < b.keyHigh);
}

/** Number of the owner that has the server id in FOUND, or NO_OWNER: there is none, or it is in no assignment. */
export function ownerOfServerId(): u32 {
  const key = load<u64>(FOUND);
  const keyHigh = load<u64>(FOUND, 8);
  let from: u32 = 0;
  let to = count;
  for (let step: u32 = 0; step < STEPS_MAX; step++) {
    if (from >= to) break;
    const middle = (from + to) >>> 1;
    const serverId = serverIdAt(middle);
    if (serverId.key == key && serverId.keyHigh == keyHigh) return numberOf(middle);
    if (serverId.key < key || (serverId.key == key && serverId.keyHigh < keyHigh)) from = middle + 1;
    else to = middle;
  }
  return NO_OWNER;
}
