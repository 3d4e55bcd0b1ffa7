/**
 * How one assignment follows another: the planned owners become current, the losing ones previous, and histories
 * shrink when owners have drained. Pure functions; whoever calls them with the same arguments gets the same digest.
 */
import { createHash } from "node:crypto";
import { DobbsError } from "../errors.ts";
import type { AssignedOwner, Assignment, History } from "../model/assignment.ts";
import { HISTORY_DEPTH } from "../model/assignment.ts";
import { assignerOf } from "./assigner.ts";
import type { Drained } from "./messages.ts";
import type { View } from "./view.ts";
import type { LiveByPlace } from "./watch.ts";

/** What an appliance of `buckets` buckets has before its first generation. */
export function emptyAssignment(buckets: number): Assignment {
  return { generation: 0, owners: [], buckets: Array.from({ length: buckets }, () => []) };
}

/**
 * The assignment that follows `last` under `view`, by the view's assigner.
 * Throws E_HISTORY_FULL, unless the view says to force it, and what the assigner throws.
 */
export function succeed(view: View, last: Assignment, generation: number): Assignment {
  const plan = assignerOf(view.assigner)(view, last.generation === 0 ? null : last);
  const owners = ownersAfter(view, last, generation);
  const numbers = new Map(owners.flatMap((owner, number) => (owner ? [[owner.name, number] as const] : [])));
  const buckets = last.buckets.map((history, bucket) => promote(history, numbers.get(plan[bucket]!)!));
  const full = buckets.filter((history) => history.length > HISTORY_DEPTH).length;
  if (full > 0 && !view.force) {
    throw new DobbsError(
      "E_HISTORY_FULL",
      `${full} of the buckets to be moved still have ${HISTORY_DEPTH} owners with live connections`,
      "Wait until the oldest of these have closed, drain the oldest owners with a deadline, or ask with --force to cut them.",
      1,
    );
  }
  return { generation, owners, buckets: buckets.map((history) => history.slice(0, HISTORY_DEPTH)) };
}

/** Where owners are in a history in `before`, and not in `after`. */
export function displaced(before: Assignment, after: Assignment): Drained[] {
  const places = new Map<number, number[]>();
  for (const [bucket, history] of before.buckets.entries()) {
    for (const number of history) {
      if (after.buckets[bucket]!.includes(number)) continue;
      if (!places.has(number)) places.set(number, []);
      places.get(number)!.push(bucket);
    }
  }
  return [...places].map(([number, buckets]) => ({ owner: before.owners[number]!.name, buckets }));
}

/** Blades of the owners that are `displaced`, in order of name. */
export function bladesDisplaced(before: Assignment, after: Assignment): string[] {
  const names = new Set(displaced(before, after).map(({ owner }) => owner));
  const blades = before.owners.flatMap((owner) => (owner !== null && names.has(owner.name) ? [owner.blade] : []));
  return [...new Set(blades)].sort();
}

/** `last` without previous owners that have drained. A current owner is never taken away. `leaving`: a blade that is cut off:
 *  what a connection id names it for is not sent there any more, either. */
export function forget(
  last: Assignment,
  drained: readonly Drained[],
  generation: number,
  leaving: string | null = null,
): Assignment {
  const gone = new Map(drained.map(({ owner, buckets }) => [owner, new Set(buckets)]));
  const isGone = (number: number, bucket: number): boolean => gone.get(last.owners[number]!.name)?.has(bucket) ?? false;
  const buckets = last.buckets.map((history, bucket) =>
    history.filter((number, index) => index === 0 || !isGone(number, bucket)),
  );
  const owners = last.owners.map((owner): AssignedOwner | null =>
    owner !== null && owner.blade === leaving ? { ...owner, away: true } : owner,
  );
  return { generation, owners, buckets };
}

/**
 * `last` without the owners of a blade that has failed, current or not. The assigner says who gets what it was the
 * current owner of; nothing else moves, whatever balance says: nobody has prepared for that. So nobody has looked either whether
 * hosts still have connections that were cut there: where others may have opened them anew, whoever has some `live` gets no bucket, while there
 * are others.
 * Throws what the assigner throws. In `view` the blade is failed.
 */
export function expel(view: View, last: Assignment, blade: string, generation: number, live: LiveByPlace = new Map()): Assignment {
  const isGone = (number: number | undefined): boolean => number !== undefined && last.owners[number]!.blade === blade;
  const orphans = last.buckets.map(([current]) => isGone(current));
  const unowned = last.buckets.map((history, bucket) => (orphans[bucket] ? [] : history));
  const plan = assignerOf(view.assigner)({ ...view, moves: [] }, { ...last, buckets: unowned });
  const heard = new Set(view.members.filter(({ status, blade }) => status === "active" && !view.silent?.includes(blade)).map(({ name }) => name));
  const heirs = [...new Set(plan)].filter((name) => heard.has(name)).sort();
  const owners = ownersAfter(view, last, generation);
  const buckets = last.buckets.map((history, bucket) => {
    const rest = history.filter((number) => !isGone(number));
    if (!orphans[bucket]) return rest;
    const isClean = (name: string): boolean => rest.some((number) => owners[number]!.name === name) || !live.get(name)?.get(bucket);
    const planned = plan[bucket]!;
    const heir = rest.length === 0 || isClean(planned) ? planned : (heirs.find(isClean) ?? planned);
    return promote(rest, owners.findIndex((owner) => owner?.name === heir));
  });
  return { generation, owners, buckets };
}

/** Where `owner` is a previous owner. */
export function previousBuckets(assignment: Assignment, owner: string): number[] {
  return bucketsWhere(assignment, (history, number) => history.indexOf(number) > 0, owner);
}

/** Buckets of which `owner` is the current owner in `before` and not in `after`. */
export function bucketsLost(before: Assignment, after: Assignment, owner: string): number[] {
  const kept = new Set(bucketsWhere(after, ([current], number) => current === number, owner));
  return bucketsWhere(before, ([current], number) => current === number, owner).filter((bucket) => !kept.has(bucket));
}

/** Buckets that others have in `before`, and of which `owner` is in the history in `after` only. */
export function bucketsEntered(before: Assignment, after: Assignment, owner: string): number[] {
  const known = new Set(bucketsWhere(before, (history, number) => history.includes(number), owner));
  const isOwned = (bucket: number): boolean => before.buckets[bucket]!.length > 0;
  return bucketsWhere(after, (history, number) => history.includes(number), owner).filter((bucket) => isOwned(bucket) && !known.has(bucket));
}

/** Buckets by current owner's name, in order of name. */
export function bucketCounts(assignment: Assignment): Record<string, number> {
  const counts = new Map<string, number>();
  for (const [current] of assignment.buckets) {
    if (current === undefined) continue;
    const { name } = assignment.owners[current]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** SHA-256, in hex, of the assignment in a canonical form. */
export function digest({ generation, owners, buckets }: Assignment): string {
  const canonical = [
    generation,
    owners.map((owner) => owner && [owner.name, owner.mac, owner.blade, owner.port, owner.since, owner.away ?? false]),
    buckets,
  ];
  return createHash("sha256").update(JSON.stringify(canonical)).digest("hex");
}

/**
 * An owner keeps its number while a history or a member, be it offline, names it: nodes that still have an older
 * generation must not take one owner for another. New owners fill the holes, in order of name.
 */
function ownersAfter(view: View, last: Assignment, generation: number): (AssignedOwner | null)[] {
  const byName = new Map<string, AssignedOwner>(
    view.members.map(({ name, mac, blade, port, status }) => {
      const isAway = status === "offline" || status === "failed";
      return [name, { name, mac, blade, port, since: generation, ...(isAway && { away: true }) }];
    }),
  );
  const active = new Set(view.members.flatMap(({ name, status }) => (status === "active" ? [name] : [])));
  const used = new Set(last.buckets.flat());
  const owners = last.owners.map((owner, number): AssignedOwner | null => {
    if (owner === null) return null;
    const member = byName.get(owner.name);
    byName.delete(owner.name);
    if (!member) return used.has(number) ? owner : null;
    // One that was cut at its deadline is away before its members are offline.
    const isBack = owner.away && active.has(owner.name);
    if (isBack) return member;
    return owner.away ? { ...member, since: owner.since, away: true } : { ...member, since: owner.since };
  });
  for (const name of [...byName.keys()].sort()) {
    const hole = owners.indexOf(null);
    owners[hole < 0 ? owners.length : hole] = byName.get(name)!;
  }
  return owners;
}

/** The planned owner first, then the others in their order: each once. */
function promote(history: History, owner: number): History {
  return history[0] === owner ? history : [owner, ...history.filter((number) => number !== owner)];
}

function bucketsWhere(
  assignment: Assignment,
  holds: (history: History, number: number) => boolean,
  owner: string,
): number[] {
  const number = assignment.owners.findIndex((entry) => entry?.name === owner);
  if (number < 0) return [];
  return [...assignment.buckets.keys()].filter((bucket) => holds(assignment.buckets[bucket]!, number));
}
