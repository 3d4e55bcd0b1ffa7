/** SHA-256 over every frame on every wire: two runs with the same digest were the same, byte for byte. */
import { createHash, type Hash } from "node:crypto";
import type { Side, Wire } from "./fabric.ts";

/**
 * What stands before each frame's bytes; little-endian.
 *
 * ```
 *  0        8      10     11      12     16
 *  +--------+------+------+-------+------+
 *  | timeUs | wire | side |   0   |length|
 *  +--------+------+------+-------+------+
 * ```
 */
const HEADER = { TIME_US: 0, WIRE: 8, SIDE: 10, LENGTH: 12, SIZE: 16 } as const;
/** Frames are gathered up to this many bytes: hashing each by itself costs more than the hash. */
const GATHER_BYTES = 1 << 16;

export class FrameDigest {
  readonly #hash: Hash = createHash("sha256");
  readonly #gathered = Buffer.alloc(GATHER_BYTES);
  #used = 0;
  /** Frames taken in so far: one that crosses three wires counts three times. */
  frames = 0;

  add(timeUs: number, wire: Wire, from: Side, frame: Uint8Array): void {
    this.frames++;
    if (this.#used + HEADER.SIZE + frame.length > GATHER_BYTES) this.#flush();
    const at = this.#used;
    const bytes = this.#gathered;
    bytes.fill(0, at, at + HEADER.SIZE);
    bytes.writeBigUInt64LE(BigInt(timeUs), at + HEADER.TIME_US);
    bytes.writeUInt16LE(wire.number, at + HEADER.WIRE);
    bytes.writeUInt8(from, at + HEADER.SIDE);
    bytes.writeUInt32LE(frame.length, at + HEADER.LENGTH);
    bytes.set(frame, at + HEADER.SIZE);
    this.#used = at + HEADER.SIZE + frame.length;
  }

  /** In hex. Ends the digest: nothing can be added after. */
  finish(): string {
    this.#flush();
    return this.#hash.digest("hex");
  }

  #flush(): void {
    this.#hash.update(this.#gathered.subarray(0, this.#used));
    this.#used = 0;
  }
}
