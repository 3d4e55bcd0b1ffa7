/**
 * What was decided for the first fragments of packets: their later fragments, which say nothing of ports, go the same way. A
 * decision is remembered for each kind of tag that a fragment came with, so that a later fragment takes the steps of its
 * first one, one after the other, and never goes in a circle.
 *
 * ```
 *  0     24     28            34       40        41     42     43     48
 *  +-----+------+-------------+--------+---------+------+------+------+
 *  | key | seen | destination | source | verdict | drop | port |   0  |
 *  +-----+------+-------------+--------+---------+------+------+------+
 * ```
 */
import { Verdict } from "./abi";
import { FragmentKey, isFragmentOf, setFragmentKey } from "./fragment-key";
import { hashFlow } from "./hash";
import { Packet } from "./packet";
import { FRAGMENTS_MAX } from "./sizes";

@unmanaged
export class Fragment extends FragmentKey {
  /** ms, when the first fragment came. */
  seen: u32;
  /** What its frame left with: a MAC, and the MAC or redirect tag that was put in the source's place. */
  destination: u32;
  destinationHigh: u16;
  source: u16;
  sourceHigh: u32;
  /** `Verdict`, and `Drop` reason. */
  verdict: u8;
  drop: u8;
  port: u8;
  reserved0: u8;
  reserved1: u32;
}

if (offsetof<Fragment>() != 48) ERROR("Fragment is 48 bytes");

const WAYS: u32 = 4;
const SET_MASK: u32 = FRAGMENTS_MAX / WAYS - 1;

export const FRAGMENT_TABLE: usize = memory.data(FRAGMENTS_MAX * offsetof<Fragment>(), 16);

/** Linux' ipfrag_time: for no longer does a host wait for the fragments that are missing. */
export const FRAGMENT_MS_MAX: u32 = 30000;

// @ts-ignore: decorator
@inline
function fragmentAt(index: u32): Fragment {
  return changetype<Fragment>(FRAGMENT_TABLE + index * offsetof<Fragment>());
}

function firstPlace(packet: Packet, kind: u32): u32 {
  const rest = (kind << 16) | (<u32>packet.fragmentProtocol << 8) | packet.vip;
  return (<u32>hashFlow(packet.client, packet.clientHigh, packet.fragmentId, rest) & SET_MASK) * WAYS;
}

/** `FragmentKey.place` of an entry that is in use. */
const LIVE: u32 = 1;

// @ts-ignore: decorator
@inline
function isOf(fragment: Fragment, packet: Packet, kind: u32): bool {
  return fragment.place == LIVE && isFragmentOf(fragment, packet, kind);
}

/** What was decided for the first fragment of the packet's, which came with `kind`; 0: nothing is known. */
export function findFragment(packet: Packet, kind: u32, now: u32): usize {
  const first = firstPlace(packet, kind);
  for (let way: u32 = 0; way < WAYS; way++) {
    const fragment = fragmentAt(first + way);
    if (isOf(fragment, packet, kind) && now - fragment.seen < FRAGMENT_MS_MAX) return changetype<usize>(fragment);
  }
  return 0;
}

/** A place to remember what is decided for a first fragment: that of an earlier packet with the same identification, a free one, or
 *  the oldest. Everything but the decision (`verdict`, `drop`, `port`, addresses) is set. */
export function placeFragment(packet: Packet, kind: u32, now: u32): Fragment {
  const first = firstPlace(packet, kind);
  let best = fragmentAt(first);
  for (let way: u32 = 0; way < WAYS; way++) {
    const fragment = fragmentAt(first + way);
    if (isOf(fragment, packet, kind)) {
      best = fragment;
      break;
    }
    if (best.place == LIVE && (fragment.place != LIVE || now - fragment.seen > now - best.seen)) best = fragment;
  }
  setFragmentKey(best, packet, kind);
  best.place = <u8>LIVE;
  best.seen = now;
  best.verdict = <u8>Verdict.DROP;
  best.drop = 0;
  return best;
}

/** Forgets all decisions: they name virtual IPs, ports and owners that are not what they were. */
export function clearFragments(): void {
  for (let i: u32 = 0; i < FRAGMENTS_MAX; i++) fragmentAt(i).place = 0;
}
