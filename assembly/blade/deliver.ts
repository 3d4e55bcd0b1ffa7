/** Carries out the rule at a blade: owner after owner while the next one is on this blade, then out. */
import { Drop, Event, Verdict } from "../abi";
import { count } from "../counters";
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
import { Action, actionOf, decide, decideCurrent, detailOf, targetOf } from "../decide";
import { find, findAmong } from "../flows";
import { isRedirectOff, localOwnerAt, localOwners, macOf } from "../identity";
import { Packet, PacketKind } from "../packet";
import { BucketFlag } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { frameAt, sendAs } from "../ring";
import { LOCAL_OWNERS_MAX } from "../sizes";
import { record, touch } from "../teach";
import { dropped } from "../verdict";
import { SOURCE, loadMac } from "../wire/ethernet";
import { SYN } from "../wire/transport";
import { WIRE_PORT } from "../abi";

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
  if (packet.kind == PacketKind.TCP) {
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
  const isTcp = packet.kind == PacketKind.TCP;
  if (isRedirectOff() && depth > 0) {
    if (isTcp) recordOrTouch(packet, local, now);
    return deliverTo(slot, local);
  }
  for (let i: u32 = 0; i <= REDIRECTS_MAX; i++) {
    const owner = <u32>localOwnerAt(local).owner;
    const index = indexInHistory(bucket, owner);
    const state = stateOf(bucket, local);
    let at: usize = 0;
    let decision: u32;
    if (isTcp) {
      at = findAmong(packet.ways, packet, local);
      if (at == 0) at = find(packet, local);
      const sealed = hasFlag(state, BucketFlag.SEALED) && (packet.tcpFlags & SYN) != 0;
      decision = decide(kind, ahead, index, depth, at != 0 && !sealed, hasFlag(state, BucketFlag.COMPLETE));
    } else {
      decision = decideCurrent(kind, ahead, index, depth);
    }
    const action = actionOf(decision);
    if (action == Action.DROP) return dropped(detailOf(decision));
    if (action != Action.REDIRECT) {
      if (isTcp && kind != RedirectKind.COPY) {
        if (at != 0) touch(at, packet.tcpFlags, now);
        else if (action == Action.RECORD) record(packet, local, now);
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

function recordOrTouch(packet: Packet, local: u32, now: u32): void {
  const at = find(packet, local);
  if (at != 0) touch(at, packet.tcpFlags, now);
  else record(packet, local, now);
}

function redirectTo(slot: u32, target: u32, kind: u32, sender: u32): u32 {
  sendAs(slot, WIRE_PORT, macOfOwner(target), makeTag(kind, sender, generation()));
  if (kind == RedirectKind.RESTEER) count(Event.REDIRECT_RESTEER);
  else if (kind == RedirectKind.FINAL) count(Event.REDIRECT_FINAL);
  else count(Event.REDIRECT_HOP);
  return Verdict.REDIRECT;
}
