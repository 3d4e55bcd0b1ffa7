/** What can go wrong on a wire, each a wrapper around what takes the frames. */
import type { VirtualClock } from "../emulator/clock.ts";
import { Dice } from "./dice.ts";
import type { Take } from "./parcel.ts";
import type { FaultPlan, LinkFault } from "./plan.ts";

const LINK_FAULTS = new Set<FaultPlan["kind"]>(["loss", "duplicate", "delay", "partition"]);

export function isLinkFault(fault: FaultPlan): fault is LinkFault {
  return LINK_FAULTS.has(fault.kind);
}

/** Whether a fault is one of a wire of this name. */
export function isOn({ link }: LinkFault, name: string): boolean {
  return link.endsWith("/") ? name.startsWith(link) : name === link;
}

/** `take` behind all the faults of a wire of this name. `way`: tells its two directions apart. */
export function faulty(faults: readonly FaultPlan[], name: string, way: string, clock: VirtualClock, seed: number, take: Take): Take {
  return faults.reduce((next, fault, index) => {
    if (!isLinkFault(fault) || !isOn(fault, name)) return next;
    return wrap(fault, clock, new Dice(seed, `${name} ${way} ${fault.kind} ${index}`), next);
  }, take);
}

function wrap(fault: LinkFault, clock: VirtualClock, dice: Dice, next: Take): Take {
  const isNow = (): boolean => clock.now >= fault.fromUs && clock.now < fault.toUs;
  switch (fault.kind) {
    case "partition":
      return (parcel) => {
        if (!isNow()) next(parcel);
      };
    case "loss":
      return (parcel) => {
        if (!isNow() || dice.roll(parcel.id) >= fault.share) next(parcel);
      };
    case "duplicate":
      return (parcel) => {
        next(parcel);
        if (isNow() && dice.roll(parcel.id) < fault.share) clock.after(dice.upTo(fault.us, parcel.id + 1), () => next(parcel));
      };
    case "delay":
      return (parcel) => {
        if (!isNow() || dice.roll(parcel.id) >= fault.share) return next(parcel);
        clock.after(dice.upTo(fault.us, parcel.id + 1), () => next(parcel));
      };
  }
}
