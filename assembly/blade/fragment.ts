/** Fragments at a blade: the first one is decided like any packet, the later ones go its way. */
import { Drop, Event, Rule, Verdict, WIRE_PORT } from "../abi";
import { depthOf, generation, indexInHistory, localIndexOf, macOfOwner, ownerInHistory } from "../buckets";
import { count, countRule } from "../counters";
import { Action, actionOf, decideFragment, detailOf, ruleOf } from "../decide";
import { Fragment, findFragment, placeFragment } from "../fragments";
import { isRedirectOff, localOwnerAt } from "../identity";
import { Packet, PacketKind } from "../packet";
import { park, release } from "../parking";
import { HISTORY_DEPTH } from "../records";
import { RedirectKind, makeTag } from "../redirect";
import { countEgress, egressAt, sendAs } from "../ring";
import { PARKED_MAX } from "../sizes";
import { dropped } from "../verdict";
import { byRule, deliverTo } from "./deliver";

/** Copies that leave a blade in a second: a flood of fragments must not become one of three times the size. */
const COPIES_MAX: u32 = 256;
const COPIES_MS: u32 = 1000;

let copies: u32 = 0;
let copiesSince: u32 = 0;

/** Decides on a packet to a VIP, whole or in fragments, at local owner `local`. Parameters as in `byRule`. */
export function decideWhole(slot: u32, packet: Packet, local: u32, kind: u32, ahead: i32, now: u32): u32 {
  // An error's key is that of the packet it quotes: its own fragments are nobody's.
  if (packet.fragment == 0 || packet.kind == PacketKind.ICMP_ERROR) return byRule(slot, packet, local, kind, ahead, now);
  if (packet.kind == PacketKind.FRAGMENT) return later(slot, packet, local, kind, ahead, now);
  const verdict = byRule(slot, packet, local, kind, ahead, now);
  remember(slot, packet, kind, verdict, now);
  return verdict;
}

/** Remembers what was decided for a first fragment, and does it to those that have waited for it. */
function remember(slot: u32, packet: Packet, kind: u32, verdict: u32, now: u32): void {
  const fragment = placeFragment(packet, kind, now);
  fragment.verdict = <u8>verdict;
  fragment.drop = <u8>(verdict >>> 8);
  if (fragment.verdict != Verdict.DROP) {
    const egress = egressAt(countEgress() - 1);
    fragment.port = egress.port;
    fragment.destination = egress.destination;
    fragment.destinationHigh = egress.destinationHigh;
    fragment.source = egress.source;
    fragment.sourceHigh = egress.sourceHigh;
  }
  let parked: u32 = 0;
  for (let i: u32 = 0; i < PARKED_MAX; i++) {
    parked = release(parked, packet, kind, now);
    if (parked == 0) break;
    repeat(parked++, fragment);
    count(Event.FRAGMENT_RELEASED);
  }
}

/** Does to the frame of `slot` what was done to the first fragment. */
function repeat(slot: u32, fragment: Fragment): u32 {
  if (fragment.verdict == Verdict.DROP) return dropped(fragment.drop);
  const destination = <u64>fragment.destination | (<u64>fragment.destinationHigh << 32);
  sendAs(slot, fragment.port, destination, <u64>fragment.source | (<u64>fragment.sourceHigh << 16));
  return fragment.verdict;
}

function later(slot: u32, packet: Packet, local: u32, kind: u32, ahead: i32, now: u32): u32 {
  const at = findFragment(packet, kind, now);
  if (at != 0) {
    countRule(Rule.FRAGMENT_REPEATS);
    return repeat(slot, changetype<Fragment>(at));
  }
  const depth = depthOf(packet.bucket);
  if (isRedirectOff() && depth > 0) return deliverTo(slot, local);
  const index = indexInHistory(packet.bucket, localOwnerAt(local).owner);
  const decision = decideFragment(kind, ahead, index, depth);
  const action = actionOf(decision);
  if (action == Action.PARK) return wait(slot, packet, local, kind, index, now);
  countRule(ruleOf(decision));
  return action == Action.DROP ? dropped(detailOf(decision)) : deliverTo(slot, local);
}

/** The first fragment has not come yet. Where there is no room to wait for it, the current owner lets all that may have the flow
 *  have the fragment: a host that gets no first one forgets it. */
function wait(slot: u32, packet: Packet, local: u32, kind: u32, index: i32, now: u32): u32 {
  if (park(slot, packet, kind, now)) {
    countRule(Rule.FRAGMENT_WAITS);
    count(Event.FRAGMENT_PARKED);
    return Verdict.PARK;
  }
  if (index == 0 && mayCopy(now)) {
    countRule(Rule.FRAGMENT_COPIES);
    return copyToAll(slot, packet, local);
  }
  countRule(Rule.FRAGMENT_UNKNOWN);
  return dropped(Drop.FRAGMENT_UNKNOWN);
}

function mayCopy(now: u32): bool {
  if (now - copiesSince >= COPIES_MS) {
    copiesSince = now;
    copies = 0;
  }
  return copies++ < COPIES_MAX;
}

function copyToAll(slot: u32, packet: Packet, local: u32): u32 {
  const depth = depthOf(packet.bucket);
  const tag = makeTag(RedirectKind.COPY, localOwnerAt(local).owner, generation());
  for (let i: u32 = 1; i < HISTORY_DEPTH; i++) {
    if (i >= depth) break;
    const owner = ownerInHistory(packet.bucket, i);
    const here = localIndexOf(owner);
    if (here >= 0) deliverTo(slot, here);
    else sendAs(slot, WIRE_PORT, macOfOwner(owner), tag);
    count(Event.FRAGMENT_COPIED);
  }
  return deliverTo(slot, local);
}
