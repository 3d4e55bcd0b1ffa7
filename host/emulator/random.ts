/**
 * Random numbers of a run: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state, seeded from a text. Each user
 * has a generator of its own (`fork`), so that what one draws changes nothing for the others.
 */
import { createHash } from "node:crypto";

/** Rounds that mix the seed before the first number is drawn, as its author advises. */
const WARM_UP_ROUNDS = 12;

export class Random {
  readonly #label: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(label: string) {
    this.#label = label;
    const digest = createHash("sha256").update(label).digest();
    this.#a = digest.readInt32LE(0);
    this.#b = digest.readInt32LE(4);
    this.#c = digest.readInt32LE(8);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.u32();
  }

  /** A generator of its own for `part`; this one is left as it is. */
  fork(part: string): Random {
    return new Random(`${this.#label}/${part}`);
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor((this.u32() / 2 ** 32) * (max - min + 1));
  }

  /** Fills `bytes`; filling in pieces gives the same bytes when each piece but the last is a multiple of 4 long. */
  fill(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole; at += 4) view.setUint32(at, this.u32(), true);
    if (whole < bytes.length) {
      const last = this.u32();
      for (let at = whole; at < bytes.length; at++) bytes[at] = last >>> (8 * (at - whole));
    }
    return bytes;
  }
}
