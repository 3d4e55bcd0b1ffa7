/**
 * Which buckets to move because some blades have more to do than others. A pure function of the shared view and of what
 * the blades have said of themselves.
 *
 * What keeps it from doing harm:
 * - It begins at one difference of loads, and ends at half of that: what wavers in between moves nothing (hysteresis).
 * - Buckets on their way are those whose history has a previous owner: their connections, and the load of these, are not
 *   where they will be. There are never more of them by load than `share` of all; one of them is never moved.
 * - A bucket is moved only where that brings its two blades nearer to each other.
 */
import type { LoadBalance } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { effectiveWeight } from "./assigner.ts";
import type { LoadRequest } from "./requests.ts";
import { SHARE_MAX, type Member, type View } from "./view.ts";

export interface LoadPicture {
  readonly view: View;
  readonly assignment: Assignment;
  /** Runnable processes a CPU, by blade. Blades that are not here neither give nor get. */
  readonly loads: ReadonlyMap<string, number>;
  /** Live connections of an owner in a bucket. */
  readonly live: (owner: string, bucket: number) => number;
}

export interface LoadPlan extends Omit<LoadRequest, "kind"> {
  /** Whether there is, or was, something to even out: to be handed in the next time. */
  readonly isUneven: boolean;
}

/** A blade, as the plan goes on. */
interface Side {
  readonly blade: string;
  readonly owners: readonly Member[];
  /** Buckets that it is the current owner of, by owner. */
  readonly counts: Map<string, number>;
  /** Buckets that it may give, those that make most of its load first. */
  readonly offers: { readonly bucket: number; readonly owner: string; readonly load: number }[];
  /** As it would be after what is planned. */
  load: number;
}

const NOTHING = { moves: [], factors: {} } as const;

/** `wasUneven`: of the plan before. */
export function planByLoad(picture: LoadPicture, policy: LoadBalance, wasUneven: boolean): LoadPlan {
  const { view, assignment } = picture;
  const sides = sidesOf(picture);
  if (sides.length < 2) return { ...NOTHING, isUneven: false };
  const until = policy.gap / 2;
  if (gapOf(sides) <= (wasUneven ? until : policy.gap)) return { ...NOTHING, isUneven: false };
  const onTheirWay = assignment.buckets.filter((history) => history.length > 1).length;
  const room = Math.floor(policy.share * view.buckets) - onTheirWay;
  const moves: { bucket: number; to: string }[] = [];
  while (moves.length < room && gapOf(sides) > until) {
    const move = nextMove(busiest(sides), idlest(sides));
    if (move === null) break;
    moves.push(move);
  }
  return { isUneven: true, moves, factors: moves.length === 0 ? {} : factorsOf(sides) };
}

/** Takes the largest piece of load from one blade to another that does not make the second the busier one. */
function nextMove(from: Side, to: Side): { bucket: number; to: string } | null {
  const most = (from.load - to.load) / 2;
  const at = from.offers.findIndex(({ load }) => load <= most);
  if (at < 0 || bucketsOf(from) <= 1) return null;
  const [{ bucket, owner, load }] = from.offers.splice(at, 1) as [Side["offers"][number]];
  // With equal weights the one that has the fewest.
  const fill = (member: Member): number => to.counts.get(member.name)! / effectiveWeight(member);
  const getter = to.owners.reduce((least, member) => (fill(member) < fill(least) ? member : least)).name;
  from.counts.set(owner, from.counts.get(owner)! - 1);
  to.counts.set(getter, to.counts.get(getter)! + 1);
  from.load -= load;
  to.load += load;
  return { bucket, to: getter };
}

/** Blades whose load is known, and that may own buckets; by name. */
function sidesOf({ view, assignment, loads, live }: LoadPicture): Side[] {
  const sides = new Map<string, Side>();
  for (const [blade, load] of [...loads].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const owners = view.members
      .filter((member) => member.blade === blade && member.status === "active" && effectiveWeight(member) > 0)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const counts = new Map(owners.map(({ name }) => [name, 0]));
    if (owners.length > 0) sides.set(blade, { blade, owners, counts, offers: [], load });
  }
  // A bucket without connections is worth something too: it may get some.
  const worth = new Map<string, number>();
  for (const [bucket, history] of assignment.buckets.entries()) {
    for (const [index, number] of history.entries()) {
      const { name, blade } = assignment.owners[number]!;
      worth.set(blade, (worth.get(blade) ?? 0) + live(name, bucket) + (index === 0 ? 1 : 0));
    }
  }
  for (const [bucket, [current, ...previous]] of assignment.buckets.entries()) {
    if (current === undefined) continue;
    const { name, blade } = assignment.owners[current]!;
    const side = sides.get(blade);
    if (!side?.counts.has(name)) continue;
    side.counts.set(name, side.counts.get(name)! + 1);
    if (previous.length > 0) continue;
    side.offers.push({ bucket, owner: name, load: (side.load * (live(name, bucket) + 1)) / worth.get(blade)! });
  }
  for (const { offers } of sides.values()) offers.sort((a, b) => b.load - a.load || a.bucket - b.bucket);
  return [...sides.values()];
}

/** What the weights have to be multiplied by so that balance gives each blade what it has now, up to what a factor can be: the operators'
 *  word stays the last one about a blade whose weight is next to nothing. */
function factorsOf(sides: readonly Side[]): Record<string, number> {
  const weightOf = ({ owners }: Side): number => owners.reduce((sum, { weight }) => sum + weight, 0);
  const buckets = sides.reduce((sum, side) => sum + bucketsOf(side), 0);
  const weights = sides.reduce((sum, side) => sum + weightOf(side), 0);
  // A factor of 0 would take the blade out for good.
  const factorOf = (side: Side): number => (Math.max(1, bucketsOf(side)) * weights) / (buckets * weightOf(side));
  return Object.fromEntries(sides.map((side) => [side.blade, Math.min(SHARE_MAX, factorOf(side))]));
}

function bucketsOf({ counts }: Side): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function busiest(sides: readonly Side[]): Side {
  return sides.reduce((most, side) => (side.load > most.load ? side : most));
}

function idlest(sides: readonly Side[]): Side {
  return sides.reduce((least, side) => (side.load < least.load ? side : least));
}

function gapOf(sides: readonly Side[]): number {
  return busiest(sides).load - idlest(sides).load;
}
