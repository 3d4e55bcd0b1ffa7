/**
 * Chance that depends on what it is asked about, and not on how often it was asked before: whether a frame is lost follows
 * from the seed, the place and the frame. So a plan that is made smaller keeps the luck of what is left of it.
 */

/** FNV-1a, 32 bits. */
export function saltOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Mixes two 32-bit numbers into one (the finalizer of MurmurHash3). */
export function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class Dice {
  readonly #salt: number;

  constructor(seed: number, place: string) {
    this.#salt = mix(seed, saltOf(place));
  }

  /** 0 to 1, without 1; the same for the same `about`, a 32-bit number. */
  roll(about: number): number {
    return mix(this.#salt, about) / 2 ** 32;
  }

  /** A whole number from 0 to `max`. */
  upTo(max: number, about: number): number {
    return Math.floor(this.roll(about) * (max + 1));
  }
}
