/** Handover lists (docs/protocol.md): who lacks which. Pure functions. */
import type { BucketState } from "../management/commands.ts";
import type { Assignment, Owner } from "../model/assignment.ts";
import type { Lacking, Sessions } from "./messages.ts";

/** Buckets that are asked for at a time, of one owner: the rest is asked for when these are there. */
export const LACKING_MAX = 4_096;

/** The owner at `place` of a bucket's history. */
export function ownerAt(assignment: Assignment, bucket: number, place: number): Owner | null {
  const number = assignment.buckets[bucket]?.[place];
  return number === undefined ? null : assignment.owners[number]!;
}

/** Lists that current owner `name` has not got, of owners on other blades. Its own blade's flow tables need none. */
export function listsLacking(assignment: Assignment, states: readonly BucketState[], name: string): Lacking[] {
  const lacking = new Map<string, number[]>();
  for (const { bucket, index, lists } of states) {
    const history = assignment.buckets[bucket];
    if (index !== 0 || !history || history.length <= 1) continue;
    const { blade } = ownerAt(assignment, bucket, 0)!;
    for (let place = 1; place < history.length; place++) {
      const owner = ownerAt(assignment, bucket, place)!;
      if (lists.includes(place) || owner.blade === blade || owner.name === name) continue;
      const buckets = lacking.get(owner.name) ?? [];
      if (buckets.length < LACKING_MAX) buckets.push(bucket);
      lacking.set(owner.name, buckets);
    }
  }
  return [...lacking].map(([owner, buckets]) => ({ owner, buckets }));
}

/** Buckets of which `blade` asks for the list of `owner`, and is the one to get it. */
export function bucketsAsked(assignment: Assignment, owner: string, blade: string, sessions: Sessions): number[] {
  if (sessions.generation !== assignment.generation) return [];
  return sessions.lacking
    .filter((lacking) => lacking.owner === owner)
    .flatMap(({ buckets }) => buckets)
    .filter((bucket) => ownerAt(assignment, bucket, 0)?.blade === blade);
}
