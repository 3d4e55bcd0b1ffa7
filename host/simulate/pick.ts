/** Choices of a generator. */
import type { Random } from "../emulator/random.ts";

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.between(0, items.length - 1)]!;
}

/** True in `percent` of a hundred times. */
export function chance(random: Random, percent: number): boolean {
  return random.between(1, 100) <= percent;
}

/** One of them, each as often as its number says beside the others'. */
export function pickWeighted<T>(random: Random, items: readonly (readonly [weight: number, item: T])[]): T {
  let left = random.between(1, items.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, item] of items) {
    left -= weight;
    if (left <= 0) return item;
  }
  throw new RangeError("nothing to pick from");
}
