/**
 * Assigners: who is to own each bucket. An assigner is a pure function of the shared view and the last assignment, so
 * that every traffic manager comes to the same result; digests of it are compared before a switch is touched.
 */
import { DobbsError } from "../errors.ts";
import { HISTORY_DEPTH, type Assignment } from "../model/assignment.ts";
import type { Member, View } from "./view.ts";

/**
 * Returns the owner's name of each bucket, in order. It depends on nothing but its arguments, and not on the order of
 * the members. `last` has as many buckets as the view; null: there was none.
 */
export type Assigner = (view: View, last: Assignment | null) => string[];

/** Weights are not always whole, and neither are shares of them: nearer than this to a whole number is whole. */
const SHARE_EPSILON = 1e-9;

/**
 * Round robin at first, minimal movement after. Every active member gets the whole part of its weighted share of the
 * buckets or one more, and no more buckets move than that needs. Draining members keep none; silent ones get none, while
 * there are others.
 */
export const balanced: Assigner = (view, last) => {
  if (view.moves.length > 0) return moved(view, last);
  const members = eligible(view);
  const current = currentOwners(view, last);
  const held = new Map(members.map((member) => [member.name, 0]));
  for (const name of current) if (held.has(name)) held.set(name, held.get(name)! + 1);
  const quotas = quotasWithout(view.silent ?? [], members, view.buckets, held);

  const plan = current.map((name) => (held.has(name) ? name : ""));
  for (const bucket of surplus(plan, held, quotas, last)) plan[bucket] = "";
  const dealt = new Map(members.map(({ name }) => [name, Math.min(held.get(name)!, quotas.get(name)!)]));
  const free = [...plan.keys()].filter((bucket) => plan[bucket] === "");
  // While there is a choice, a history that is full gets no one new.
  const isFull = (bucket: number): boolean => last?.buckets[bucket]!.length === HISTORY_DEPTH;
  for (const bucket of [...free.filter(isFull), ...free.filter((bucket) => !isFull(bucket))]) {
    const previous = isFull(bucket) ? previousOf(members, last!, bucket, quotas, dealt) : [];
    plan[bucket] = deal(previous.length > 0 ? previous : members, quotas, dealt);
  }
  return plan;
};

/** What the operators say, and what load has made of it. */
export function effectiveWeight({ weight, factor = 1 }: Member): number {
  return weight * factor;
}

const ASSIGNERS: ReadonlyMap<string, Assigner> = new Map([["balanced", balanced]]);
export const DEFAULT_ASSIGNER = "balanced";

/** Throws E_ASSIGNER_UNKNOWN. */
export function assignerOf(name: string): Assigner {
  const assigner = ASSIGNERS.get(name);
  if (assigner) return assigner;
  const names = [...ASSIGNERS.keys()].join(", ");
  throw new DobbsError("E_ASSIGNER_UNKNOWN", `there is no assigner "${name}"`, `Use one of: ${names}.`);
}

/** Only the moves that the view orders. */
function moved(view: View, last: Assignment | null): string[] {
  const plan = currentOwners(view, last);
  for (const { bucket, to } of view.moves) {
    if (!Number.isInteger(bucket) || bucket < 0 || bucket >= view.buckets) {
      throw new DobbsError(
        "E_BUCKET_UNKNOWN",
        `there is no bucket ${bucket}`,
        `Name one from 0 to ${view.buckets - 1}.`,
      );
    }
    if (!view.members.some((member) => member.name === to && member.status === "active")) {
      throw new DobbsError(
        "E_OWNER_NOT_ACTIVE",
        `"${to}" is no active owner`,
        "Move buckets to a blade or VM that is active.",
      );
    }
    if (view.members.some((member) => member.name === to && view.silent?.includes(member.blade))) {
      const mend = "Look after its traffic manager and the way to it, or move buckets to another one.";
      throw new DobbsError("E_OWNER_SILENT", `"${to}" cannot be heard`, mend, 1);
    }
    plan[bucket] = to;
  }
  return plan;
}

/** Active members of some weight, by name. */
function eligible(view: View): Member[] {
  const members = view.members.filter((member) => member.status === "active" && effectiveWeight(member) > 0);
  if (members.length === 0) {
    throw new DobbsError(
      "E_NO_ACTIVE_MEMBER",
      "no active member is left to own the buckets",
      "Add a blade, or give one a weight, before the last one is drained.",
      1,
    );
  }
  return members.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function currentOwners(view: View, last: Assignment | null): string[] {
  if (last === null) return Array<string>(view.buckets).fill("");
  return last.buckets.map(([current]) => (current === undefined ? "" : last.owners[current]!.name));
}

/** As `quotasOf`, but that members of silent blades keep what they have at most, and the others get the rest. */
function quotasWithout(
  silent: readonly string[],
  members: readonly Member[],
  buckets: number,
  held: ReadonlyMap<string, number>,
): Map<string, number> {
  const quotas = quotasOf(members, buckets, held);
  const heard = members.filter(({ blade }) => !silent.includes(blade));
  if (heard.length === members.length || heard.length === 0) return quotas;
  const others = members.filter((member) => !heard.includes(member));
  const kept = new Map(others.map(({ name }) => [name, Math.min(quotas.get(name)!, held.get(name)!)]));
  const rest = buckets - [...kept.values()].reduce((sum, count) => sum + count, 0);
  return new Map([...quotasOf(heard, rest, held), ...kept]);
}

/** Buckets that each member is to have: the whole part of its share, and one more for those that hold more already. */
function quotasOf(members: readonly Member[], buckets: number, held: ReadonlyMap<string, number>): Map<string, number> {
  const weights = members.reduce((sum, member) => sum + effectiveWeight(member), 0);
  const shares = members.map((member) => {
    const { name } = member;
    const share = (buckets * effectiveWeight(member)) / weights;
    const whole = Math.floor(share + SHARE_EPSILON);
    return { name, whole, rest: share - whole, over: held.get(name)! > whole };
  });
  const quotas = new Map(shares.map(({ name, whole }) => [name, whole]));
  const left = buckets - shares.reduce((sum, { whole }) => sum + whole, 0);
  shares.sort((a, b) => Number(b.over) - Number(a.over) || b.rest - a.rest || (a.name < b.name ? -1 : 1));
  for (const { name, whole } of shares.filter(({ rest }) => rest > SHARE_EPSILON).slice(0, left))
    quotas.set(name, whole + 1);
  return quotas;
}

/** Buckets that members have beyond their quota: those with the shortest histories go first. */
function surplus(
  plan: readonly string[],
  held: ReadonlyMap<string, number>,
  quotas: ReadonlyMap<string, number>,
  last: Assignment | null,
): number[] {
  const over = new Map([...held].map(([name, count]) => [name, count - quotas.get(name)!]));
  const depth = (bucket: number): number => last!.buckets[bucket]!.length;
  const candidates = [...plan.keys()].filter((bucket) => (over.get(plan[bucket]!) ?? 0) > 0);
  candidates.sort((a, b) => depth(a) - depth(b) || a - b);
  return candidates.filter((bucket) => {
    const left = over.get(plan[bucket]!)!;
    over.set(plan[bucket]!, left - 1);
    return left > 0;
  });
}

/** Members that are previous owners of a bucket, and are to have more buckets. */
function previousOf(
  members: readonly Member[],
  { owners, buckets }: Assignment,
  bucket: number,
  quotas: ReadonlyMap<string, number>,
  dealt: ReadonlyMap<string, number>,
): Member[] {
  const previous = new Set(buckets[bucket]!.slice(1).map((number) => owners[number]!.name));
  return members.filter(({ name }) => previous.has(name) && dealt.get(name)! < quotas.get(name)!);
}

/** The member that is furthest behind its quota gets the next bucket; with equal quotas that is round robin. */
function deal(members: readonly Member[], quotas: ReadonlyMap<string, number>, dealt: Map<string, number>): string {
  const progress = ({ name }: Member): number => (quotas.get(name)! === 0 ? 1 : dealt.get(name)! / quotas.get(name)!);
  const next = members.reduce((behind, member) => (progress(member) < progress(behind) ? member : behind));
  dealt.set(next.name, dealt.get(next.name)! + 1);
  return next.name;
}
