/** Packet numbers that have arrived: what is acknowledged, and what a copy is. */
import type { Range } from "./frames.ts";

/** Older ranges are forgotten: what is in them was acknowledged often enough. */
const RANGES_MAX = 32;

export class ReceivedNumbers {
  /** Highest first, never touching. */
  #ranges: Range[] = [];

  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  /** -1: none. */
  get largest(): number {
    return this.#ranges[0]?.last ?? -1;
  }

  /** Returns whether it was not there yet. What is older than all that is remembered counts as a copy. */
  add(number: number): boolean {
    const lowest = this.#ranges.at(-1);
    if (this.#ranges.length === RANGES_MAX && number < lowest!.first) return false;
    if (this.#ranges.some(({ first, last }) => number >= first && number <= last)) return false;
    const ranges = [...this.#ranges, { first: number, last: number }].sort((a, b) => b.first - a.first);
    const merged: Range[] = [];
    for (const range of ranges) {
      const above = merged.at(-1);
      if (above && above.first === range.last + 1) merged[merged.length - 1] = { first: range.first, last: above.last };
      else merged.push(range);
    }
    this.#ranges = merged.slice(0, RANGES_MAX);
    return true;
  }
}
