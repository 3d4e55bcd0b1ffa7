/**
 * The view that all managers share: who is in the appliance, with what weight and status. Together with the last
 * assignment it is all that an assigner looks at.
 */
import type { Blade } from "../model/appliance.ts";
import { ownersOfBlade } from "../model/appliance.ts";

/** `draining`: keeps its live connections and gets no new ones. `offline`: is in no history any more. `failed`: so too, by
 *  force, and its switch port is shut until it is added again. */
export type MemberStatus = "active" | "draining" | "offline" | "failed";

/** Of weights, and of what they are multiplied by. */
export const SHARE_MAX = 1e6;

/** An owner of buckets in the view: a blade, or a VM on one. */
export interface Member {
  /** As `Owner.name`. */
  readonly name: string;
  readonly mac: string;
  readonly blade: string;
  /** The switch's port of that blade. */
  readonly port: number;
  /** Share of the buckets, relative to the other active members, as operators say. 0: none. */
  readonly weight: number;
  /** What its blade's load has made of that: the weight is multiplied by it. At most SHARE_MAX. Absent: 1. */
  readonly factor?: number;
  readonly status: MemberStatus;
}

/** An order to give one bucket to one member, whatever balance says. */
export interface Move {
  readonly bucket: number;
  readonly to: string;
}

export interface View {
  /** A power of two from 1 to 65,536. */
  readonly buckets: number;
  /** In any order. */
  readonly members: readonly Member[];
  /** Name of the assigner, see `assigner.ts`. */
  readonly assigner: string;
  /** Not empty: these moves and no others. */
  readonly moves: readonly Move[];
  /** Histories that would be too long lose their oldest owners, whatever live connections these have. Absent: no. */
  readonly force?: true;
  /** Active blades that cannot be heard: they get nothing more, for they would not know of it. Absent: none. */
  readonly silent?: readonly string[];
}

/** `view` without the orders of one reconfiguration. */
export function settled({ force: _force, silent: _silent, ...view }: View): View {
  return { ...view, moves: [] };
}

/** The members that a blade brings, all active. */
export function membersOf(blade: Blade): Member[] {
  return ownersOfBlade(blade).map(({ owner, weight }) => ({ ...owner, weight, status: "active" }));
}

/** The blades of which a member has one of `statuses`, by name. */
export function bladesOf(view: View, ...statuses: MemberStatus[]): string[] {
  const blades = view.members.filter((member) => statuses.includes(member.status)).map((member) => member.blade);
  return [...new Set(blades)].sort();
}
