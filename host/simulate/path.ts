/** One direction of a wire: what is sent arrives later, in the order in which it was sent. Faults stand before it. */
import type { VirtualClock } from "../emulator/clock.ts";
import type { Dice } from "./dice.ts";
import type { Take } from "./parcel.ts";

/** `maxUs`: the longest that a frame takes; it takes at least half of that. */
export function path(clock: VirtualClock, maxUs: number, dice: Dice, to: Take): Take {
  const least = maxUs >> 1;
  let last = 0;
  return (parcel) => {
    last = Math.max(last, clock.now + least + dice.upTo(maxUs - least, parcel.id));
    clock.at(last, () => to(parcel));
  };
}
