/** What can go wrong on a wire, each a wrapper around what takes the frames. */
import { Dice } from "./dice.ts";
import type { Parcel, Take } from "./parcel.ts";
import type { FaultPlan, LinkFault } from "./plan.ts";
import type { FaultWorld } from "./strikes.ts";

const LINK_FAULTS = new Set<FaultPlan["kind"]>(["loss", "duplicate", "delay", "partition"]);

export function isLinkFault(fault: FaultPlan): fault is LinkFault {
  return LINK_FAULTS.has(fault.kind);
}

/** Whether a fault is one of a wire of this name. */
export function isOn({ link }: LinkFault, name: string): boolean {
  return link.endsWith("/") ? name.startsWith(link) : name === link;
}

/** `take` behind all the faults of a wire of this name. `way`: tells its two directions apart. */
export function faulty(faults: readonly FaultPlan[], name: string, way: string, world: FaultWorld, take: Take): Take {
  return faults.reduce((next, fault, index) => {
    if (!isLinkFault(fault) || !isOn(fault, name)) return next;
    return wrap(fault, world, new Dice(world.seed, `${name} ${way} ${fault.kind} ${index}`), next);
  }, take);
}

function wrap(fault: LinkFault, { clock, strikes }: FaultWorld, dice: Dice, next: Take): Take {
  const isHit = ({ id }: Parcel): boolean => {
    const hits = clock.now >= fault.fromUs && clock.now < fault.toUs && (fault.kind === "partition" || dice.roll(id) < fault.share);
    if (hits) strikes.note(fault);
    return hits;
  };
  switch (fault.kind) {
    case "partition":
    case "loss":
      return (parcel) => {
        if (!isHit(parcel)) next(parcel);
      };
    case "duplicate":
      return (parcel) => {
        next(parcel);
        if (isHit(parcel)) clock.after(dice.upTo(fault.us, parcel.id + 1), () => next(parcel));
      };
    case "delay":
      return (parcel) => {
        if (!isHit(parcel)) return next(parcel);
        clock.after(dice.upTo(fault.us, parcel.id + 1), () => next(parcel));
      };
  }
}
