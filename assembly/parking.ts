/**
 * Later fragments that came before their first one wait here: in FRAME and SLOT records behind those of the ring, so that they
 * leave like any other frame.
 */
import { Event } from "./abi";
import { count } from "./counters";
import { FragmentKey, isFragmentOf, setFragmentKey } from "./fragment-key";
import { Packet } from "./packet";
import { frameAt, slotAt } from "./ring";
import { FRAME_SLOTS, PARKED_MAX } from "./sizes";

/** `FragmentKey.place`: a `Place`. */
@unmanaged
export class Parked extends FragmentKey {
  /** ms, when it came. */
  since: u32;
  reserved: u32;
}

enum Place {
  FREE = 0,
  WAITING = 1,
  /** It leaves with this batch: its bytes must stay until the next one. */
  LEAVING = 2,
}

const PARKED: usize = memory.data(PARKED_MAX * offsetof<Parked>(), 16);

/** Longer than frames of one packet are ever out of order on a network that works. */
const PARKED_MS_MAX: u32 = 1000;

let leaving: u32 = 0;

// @ts-ignore: decorator
@inline
function parkedAt(index: u32): Parked {
  return changetype<Parked>(PARKED + index * offsetof<Parked>());
}

/** At the beginning of a batch: what has left has left. */
export function clearLeaving(): void {
  if (leaving == 0) return;
  leaving = 0;
  for (let i: u32 = 0; i < PARKED_MAX; i++) {
    if (parkedAt(i).place == Place.LEAVING) parkedAt(i).place = <u8>Place.FREE;
  }
}

/** Copies the frame of `slot` to a free place. False: there is none. */
export function park(slot: u32, packet: Packet, kind: u32, now: u32): bool {
  for (let i: u32 = 0; i < PARKED_MAX; i++) {
    const parked = parkedAt(i);
    if (parked.place == Place.WAITING && now - parked.since >= PARKED_MS_MAX) {
      parked.place = <u8>Place.FREE;
      count(Event.FRAGMENT_EXPIRED);
    }
    if (parked.place != Place.FREE) continue;
    setFragmentKey(parked, packet, kind);
    parked.since = now;
    parked.place = <u8>Place.WAITING;
    const behind = FRAME_SLOTS + i;
    slotAt(behind).length = slotAt(slot).length;
    memory.copy(frameAt(behind), frameAt(slot), slotAt(slot).length);
    return true;
  }
  return false;
}

/** The next slot, from `slot` on, where a later fragment of the first fragment's packet waits, which came with the same `kind`; 0:
 *  none. It waits no more then. `slot`: 0 at first, then one more than the last answer. */
export function release(slot: u32, packet: Packet, kind: u32, now: u32): u32 {
  for (let i: u32 = slot > FRAME_SLOTS ? slot - FRAME_SLOTS : 0; i < PARKED_MAX; i++) {
    const parked = parkedAt(i);
    if (parked.place != Place.WAITING) continue;
    if (!isFragmentOf(parked, packet, kind) || now - parked.since >= PARKED_MS_MAX) continue;
    parked.place = <u8>Place.LEAVING;
    leaving++;
    return FRAME_SLOTS + i;
  }
  return 0;
}

/** Forgets all that wait: what is decided for their first ones would be decided for other owners, or ports. */
export function clearParked(): void {
  for (let i: u32 = 0; i < PARKED_MAX; i++) {
    if (parkedAt(i).place == Place.WAITING) parkedAt(i).place = <u8>Place.FREE;
  }
}
