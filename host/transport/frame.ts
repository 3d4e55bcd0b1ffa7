/**
 * Frames on a stream (a Unix socket, or TLS): bounded, versioned, sequenced, checked. All integers little-endian.
 *
 * ```
 *  0       2         3      4          8          12       16
 *  +-------+---------+------+----------+----------+--------+-----------
 *  | magic | version | kind | sequence |  length  | CRC-32 | payload...
 *  +-------+---------+------+----------+----------+--------+-----------
 * ```
 *
 * The CRC-32 (IEEE) is that of the first 12 bytes and the payload. Sequences are counted per direction: 1 for the first
 * frame of a connection.
 */
import { crc32 } from "node:zlib";
import type { DobbsError } from "../errors.ts";
import { linkError } from "./link-error.ts";

export const FRAME_MAGIC = 0xd0bb;
export const FRAME_VERSION = 1;
export const FRAME_HEADER_BYTES = 16;

const VERSION_AT = 2;
const KIND_AT = 3;
const SEQUENCE_AT = 4;
const LENGTH_AT = 8;
const CHECKSUM_AT = 12;

/** Kinds of the shim's link, and of the link between managers; ERROR is on both. */
export const FRAME_KIND = { MESSAGE: 1, IMAGE: 2, STATUS: 3, FLASH: 4, ERROR: 5, PEER: 16 } as const;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What one end takes. */
export interface FrameLimits {
  readonly kinds: readonly number[];
  /** Bytes of a payload. */
  readonly maxPayload: number;
}

export function encodeFrame(kind: number, sequence: number, payload: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  frame.writeUInt16LE(FRAME_MAGIC, 0);
  frame.writeUInt8(FRAME_VERSION, VERSION_AT);
  frame.writeUInt8(kind, KIND_AT);
  frame.writeUInt32LE(sequence, SEQUENCE_AT);
  frame.writeUInt32LE(payload.length, LENGTH_AT);
  frame.writeUInt32LE(crc32(payload, crc32(frame.subarray(0, CHECKSUM_AT))), CHECKSUM_AT);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** A frame is first given room for so much; more only as its bytes come, so that a header alone takes no memory. */
const ROOM_FIRST = 64 * 1024;

/** Puts frames together from a stream's chunks, in whatever pieces they come. After a refusal it gives nothing more. */
export class FrameReader {
  readonly #kinds: ReadonlySet<number>;
  readonly #maxPayload: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  /** Bytes of the frame that has begun: header, then payload. */
  #have = 0;
  #length = 0;
  #payload = Buffer.alloc(0);
  #sequence = 0;
  #refusal: DobbsError | null = null;

  constructor({ kinds, maxPayload }: FrameLimits) {
    this.#kinds = new Set(kinds);
    this.#maxPayload = maxPayload;
  }

  /** Whether a frame has begun and not ended. */
  get begun(): boolean {
    return this.#have > 0;
  }

  /** Frames that were given. */
  get count(): number {
    return this.#sequence;
  }

  /** Gives the frames that `chunk` completes, in order, until `onFrame` says false. Returns the first refusal. */
  feed(chunk: Uint8Array, onFrame: (frame: Frame) => boolean): DobbsError | null {
    let at = 0;
    while (at < chunk.length && !this.#refusal) {
      at += this.#have < FRAME_HEADER_BYTES ? this.#takeHeader(chunk, at) : this.#takePayload(chunk, at);
      if (this.#refusal || this.#have < FRAME_HEADER_BYTES + this.#length) continue;
      const frame = this.#finish();
      if (frame && !onFrame(frame)) break;
    }
    return this.#refusal;
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#have, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    if (this.#have === FRAME_HEADER_BYTES) this.#checkHeader();
    return taken;
  }

  #checkHeader(): void {
    const magic = this.#header.readUInt16LE(0);
    if (magic !== FRAME_MAGIC) return this.#refuse(linkError("E_LINK_MAGIC", "this is no frame: it does not begin as one"));
    const version = this.#header[VERSION_AT];
    if (version !== FRAME_VERSION) {
      return this.#refuse(linkError("E_LINK_VERSION", `the frame is of version ${version}, this end speaks ${FRAME_VERSION}`));
    }
    this.#length = this.#header.readUInt32LE(LENGTH_AT);
    if (this.#length > this.#maxPayload) {
      const what = `the frame has ${this.#length} bytes of payload, and ${this.#maxPayload} are taken`;
      return this.#refuse(linkError("E_LINK_LENGTH", what));
    }
    this.#payload = Buffer.allocUnsafeSlow(Math.min(this.#length, ROOM_FIRST));
  }

  #takePayload(chunk: Uint8Array, at: number): number {
    const from = this.#have - FRAME_HEADER_BYTES;
    const taken = Math.min(this.#length - from, chunk.length - at);
    if (from + taken > this.#payload.length) {
      const wider = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(2 * this.#payload.length, from + taken)));
      this.#payload.copy(wider, 0, 0, from);
      this.#payload = wider;
    }
    this.#payload.set(chunk.subarray(at, at + taken), from);
    this.#have += taken;
    return taken;
  }

  #finish(): Frame | null {
    const payload = this.#payload;
    const kind = this.#header[KIND_AT]!;
    const sequence = this.#header.readUInt32LE(SEQUENCE_AT);
    const checksum = crc32(payload, crc32(this.#header.subarray(0, CHECKSUM_AT)));
    this.#have = 0;
    this.#payload = Buffer.alloc(0);
    const refuse = (error: DobbsError): null => (this.#refuse(error), null);
    if (checksum !== this.#header.readUInt32LE(CHECKSUM_AT)) {
      return refuse(linkError("E_LINK_CHECKSUM", "the frame's checksum is wrong"));
    }
    if (sequence !== (this.#sequence + 1) >>> 0) {
      return refuse(linkError("E_LINK_SEQUENCE", `the frame has number ${sequence}, and ${(this.#sequence + 1) >>> 0} is due`));
    }
    if (!this.#kinds.has(kind)) return refuse(linkError("E_LINK_KIND", `frames of kind ${kind} are not taken here`));
    this.#sequence = sequence;
    return { kind, payload };
  }

  #refuse(error: DobbsError): void {
    this.#refusal = error;
  }
}
