import type { Random } from "../../host/emulator/random.ts";

/** The same items in a random order. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/**
 * A random order of `items` that `accepts` takes and that is not the one they have; undefined when none turned up.
 */
export function reordered<T>(items: readonly T[], random: Random, accepts: (order: readonly T[]) => boolean): T[] | undefined {
  const tries = items.length < 2 ? 0 : 1000;
  for (let i = 0; i < tries; i++) {
    const order = shuffled(items, random);
    if (order.some((item, at) => item !== items[at]) && accepts(order)) return order;
  }
  return undefined;
}

/** Cuts `items` where `continues` says that one does not go on with the one before it. */
export function runsOf<T>(items: readonly T[], continues: (before: T, item: T) => boolean): T[][] {
  const runs: T[][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run && continues(run.at(-1)!, item)) run.push(item);
    else runs.push([item]);
  }
  return runs;
}

/** `p1` goes on with `p2`: rows of an array, or steps, that are counted and not only named. */
export function isNext(before: string, name: string): boolean {
  const [, stem, number] = /^(.*?)(\d+)$/.exec(before) ?? [];
  return stem !== undefined && name === `${stem}${Number(number) + 1}`;
}
