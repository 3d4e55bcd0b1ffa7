/** Carries out the rule at a blade: owner after owner while the next one is on this blade, then out. */
import { Drop, Event, Verdict, WIRE_PORT } from "../abi";
import { count, countRule } from "../counters";
import {
  depthOf,
  firstLocalOwner,
  generation,
  hasFlag,
  indexInHistory,
  localIndexOf,
  macOfOwner,
  ownerInHistory,
  stateOf,
} from "../buckets";
import { Action, actionOf, decide, decideCurrent, decideNamed, detailOf, ruleOf, targetOf } from "../decide";
import { findAmong } from "../flows";
import { isRedirectOff, localOwnerAt, localOwners, macOf } from "../identity";
import { firstToAsk, isExpired, isKnown, rowOf } from "../known";
import { Packet, PacketKind, hasFlow } from "../packet";
import { ownerNamed } from "../quic/named";
import { noteUse } from "../quic/use";
import { BucketFlag } from "../commands";
import { NO_OWNER } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { frameAt, sendAs } from "../ring";
import { LOCAL_OWNERS_MAX } from "../sizes";
import { record, touch } from "../teach";
import { dropped } from "../verdict";
import { SOURCE, loadMac } from "../wire/ethernet";

/** Redirects a frame may take within one blade: resteer, three hops, final. */
const REDIRECTS_MAX: u32 = 5;

/** To the host of a local owner: the destination becomes that owner's MAC. */
export function deliverTo(slot: u32, local: u32): u32 {
  const owner = localOwnerAt(local);
  sendAs(slot, owner.port, macOf(owner), loadMac(frameAt(slot) + SOURCE));
  return Verdict.DELIVER;
}

/**
 * The owner that a frame for the VMAC is for: the first in the bucket's history that is on this blade; if none is, the
 * one that knows the flow; if none does, any.
 */
export function ownerOfDirect(packet: Packet): u32 {
  const local = firstLocalOwner(packet.bucket);
  if (local >= 0) return local;
  if (hasFlow(packet)) {
    const count = localOwners();
    for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
      if (i >= count) break;
      if (findAmong(packet.ways, packet, i) != 0) return i;
    }
  }
  return 0;
}

/**
 * Decides on a packet to a VIP at local owner `local`, and carries it out.
 * @param kind `RedirectKind`, DIRECT for a frame steered here
 * @param ahead generation of the frame minus ours
 */
export function byRule(slot: u32, packet: Packet, local: u32, kind: u32, ahead: i32, now: u32): u32 {
  const bucket = <u32>packet.bucket;
  const depth = depthOf(bucket);
  if (isRedirectOff() && depth > 0) {
    if (hasFlow(packet)) learnDelivered(rowOf(packet, local), packet, local, now, true);
    return deliverTo(slot, local);
  }
  const named = kind == RedirectKind.COPY ? NO_OWNER : ownerNamed(packet, frameAt(slot));
  if (named != NO_OWNER) return toNamed(slot, named, local, kind, now);
  for (let i: u32 = 0; i <= REDIRECTS_MAX; i++) {
    const owner = <u32>localOwnerAt(local).owner;
    const index = indexInHistory(bucket, owner);
    let at: usize = 0;
    let decision: u32;
    if (hasFlow(packet)) {
      const state = stateOf(bucket, local);
      at = rowOf(packet, local);
      const complete = hasFlag(state, BucketFlag.COMPLETE);
      const known = isKnown(at, packet, state, now);
      const first = index == 0 && !known ? firstToAsk(packet, now) : 1;
      decision = decide(kind, ahead, index, depth, first, known, complete);
    } else {
      decision = decideCurrent(kind, ahead, index, depth);
    }
    countRule(ruleOf(decision));
    const action = actionOf(decision);
    if (action == Action.DROP) return dropped(detailOf(decision));
    if (action != Action.REDIRECT) {
      if (hasFlow(packet) && kind != RedirectKind.COPY) {
        learnDelivered(at, packet, local, now, action == Action.RECORD);
      }
      return deliverTo(slot, local);
    }
    kind = detailOf(decision);
    const target = ownerInHistory(bucket, targetOf(decision));
    const next = localIndexOf(target);
    if (next < 0) return redirectTo(slot, target, kind, owner);
    count(Event.REDIRECT_LOCAL);
    local = next;
    ahead = 0;
  }
  return dropped(Drop.BAD_TAG);
}

/** To the owner that the packet's connection id names. */
function toNamed(slot: u32, owner: u32, local: u32, kind: u32, now: u32): u32 {
  const place = localIndexOf(owner);
  const decision = decideNamed(kind, kind == RedirectKind.DIRECT ? place >= 0 : <u32>place == local);
  countRule(ruleOf(decision));
  const action = actionOf(decision);
  if (action == Action.DROP) return dropped(detailOf(decision));
  if (action == Action.REDIRECT) return redirectTo(slot, owner, detailOf(decision), localOwnerAt(local).owner);
  count(Event.CID_DELIVERED);
  noteUse(place, now);
  return deliverTo(slot, place);
}

/** What a delivery teaches: an ICMP error is no packet of the flow. */
function learnDelivered(at: usize, packet: Packet, local: u32, now: u32, records: bool): void {
  if (packet.kind == PacketKind.ICMP_ERROR) return;
  if (at != 0 && !isExpired(at, packet, now)) touch(at, packet, now);
  else if (records) record(at, packet, local, now);
}

function redirectTo(slot: u32, target: u32, kind: u32, sender: u32): u32 {
  sendAs(slot, WIRE_PORT, macOfOwner(target), makeTag(kind, sender, generation()));
  if (kind == RedirectKind.RESTEER) count(Event.REDIRECT_RESTEER);
  else if (kind == RedirectKind.FINAL) count(Event.REDIRECT_FINAL);
  else count(Event.REDIRECT_HOP);
  return Verdict.REDIRECT;
}
