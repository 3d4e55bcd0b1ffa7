/**
 * What clients and servers say to each other. A connection carries exchanges, one after the other. Each begins with a
 * request of the client; then the sender (the client of an upload, the server of a download) sends a payload of
 * pseudo-random bytes and its receipt, and the receiver answers with a receipt of its own: both ends compare the two.
 */
import { createHash, type Hash } from "node:crypto";
import { Random } from "./random.ts";

/** From the client's side. */
export type Direction = "upload" | "download";

export interface Exchange {
  readonly direction: Direction;
  /** Payload bytes. */
  readonly length: number;
  /** Of the payload's bytes. */
  readonly seed: number;
  /** The payload goes out in pieces of this many bytes, ... */
  readonly piece: number;
  /** ... one every this many µs. */
  readonly intervalUs: number;
}

/**
 * ```
 *  0      4           8      12     16     20         24
 *  +------+-----------+------+------+------+----------+
 *  | magic| direction |length| seed | piece|intervalUs|   big-endian
 *  +------+-----------+------+------+------+----------+
 * ```
 */
const REQUEST = { MAGIC: 0, DIRECTION: 4, LENGTH: 8, SEED: 12, PIECE: 16, INTERVAL_US: 20, SIZE: 24 } as const;
export const REQUEST_BYTES = REQUEST.SIZE;
const REQUEST_MAGIC = 0xd0bb5001;
const DIRECTION_CODES: Readonly<Record<Direction, number>> = { upload: 1, download: 2 };

/** Length of the payload and its SHA-256. */
const RECEIPT = { LENGTH: 0, SHA256: 4, SIZE: 36 } as const;
export const RECEIPT_BYTES = RECEIPT.SIZE;

export function encodeRequest(exchange: Exchange): Uint8Array {
  const bytes = Buffer.alloc(REQUEST.SIZE);
  bytes.writeUInt32BE(REQUEST_MAGIC, REQUEST.MAGIC);
  bytes.writeUInt32BE(DIRECTION_CODES[exchange.direction], REQUEST.DIRECTION);
  bytes.writeUInt32BE(exchange.length, REQUEST.LENGTH);
  bytes.writeUInt32BE(exchange.seed, REQUEST.SEED);
  bytes.writeUInt32BE(exchange.piece, REQUEST.PIECE);
  bytes.writeUInt32BE(exchange.intervalUs, REQUEST.INTERVAL_US);
  return bytes;
}

/** Null when the bytes are no request: a stream that has lost or gained bytes ends up here. */
export function decodeRequest(request: Uint8Array): Exchange | null {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  const code = bytes.readUInt32BE(REQUEST.DIRECTION);
  const piece = bytes.readUInt32BE(REQUEST.PIECE);
  if (bytes.readUInt32BE(REQUEST.MAGIC) !== REQUEST_MAGIC || piece === 0) return null;
  if (code !== DIRECTION_CODES.upload && code !== DIRECTION_CODES.download) return null;
  return {
    direction: code === DIRECTION_CODES.upload ? "upload" : "download",
    length: bytes.readUInt32BE(REQUEST.LENGTH),
    seed: bytes.readUInt32BE(REQUEST.SEED),
    piece,
    intervalUs: bytes.readUInt32BE(REQUEST.INTERVAL_US),
  };
}

/** Counts and hashes a payload as it goes by. */
export class Tally {
  readonly #hash: Hash = createHash("sha256");
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** RECEIPT_BYTES. Ends the tally. */
  receipt(): Uint8Array {
    const bytes = Buffer.alloc(RECEIPT.SIZE);
    bytes.writeUInt32BE(this.#length, RECEIPT.LENGTH);
    this.#hash.digest().copy(bytes, RECEIPT.SHA256);
    return bytes;
  }
}

/** The bytes of an exchange's payload, piece by piece. */
export class Payload {
  readonly #random: Random;
  readonly #exchange: Exchange;
  readonly #tally = new Tally();

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#random = new Random(`payload ${exchange.seed}`);
  }

  /** The next piece; null when there is none. */
  next(): Uint8Array | null {
    const { length, piece } = this.#exchange;
    const size = Math.min(piece, length - this.#tally.length);
    if (size === 0) return null;
    const bytes = this.#random.fill(new Uint8Array(size));
    this.#tally.add(bytes);
    return bytes;
  }

  /** Of what `next` has given. */
  receipt(): Uint8Array {
    return this.#tally.receipt();
  }
}

/** Whether two receipts say the same. */
export function agree(mine: Uint8Array, theirs: Uint8Array): boolean {
  return Buffer.compare(mine, theirs) === 0;
}
