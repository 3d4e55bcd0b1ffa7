/**
 * A query and its answer, in one datagram each: a DNS header (RFC 1035, 4.1.1), what is asked for, and in the answer
 * that many bytes made from the seed.
 *
 * ```
 *  0    2       4           12       16     20
 *  +----+-------+-----------+--------+------+-------- - -+
 *  | id | flags |  counts   | length | seed | payload    |   big-endian
 *  +----+-------+-----------+--------+------+-------- - -+
 * ```
 */
import { Random } from "../random.ts";

const HEADER = { ID: 0, FLAGS: 2, QUESTIONS: 4, LENGTH: 12, SEED: 16, SIZE: 20 } as const;
/** The bit of the flags that says "this is an answer". */
const ANSWERS = 0x8000;

export interface Query {
  readonly id: number;
  /** Payload bytes of the answer. */
  readonly length: number;
  readonly seed: number;
}

export function encodeQuery(query: Query): Uint8Array {
  return header(query, 0);
}

export function encodeAnswer(query: Query): Uint8Array {
  return Buffer.concat([header(query, ANSWERS), payload(query)]);
}

/** Null: it is no query. */
export function decodeQuery(datagram: Uint8Array): Query | null {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length !== HEADER.SIZE || bytes.readUInt16BE(HEADER.FLAGS) !== 0) return null;
  return { id: bytes.readUInt16BE(HEADER.ID), length: bytes.readUInt32BE(HEADER.LENGTH), seed: bytes.readUInt32BE(HEADER.SEED) };
}

/** Whether these are the bytes that answer `query`, all of them. */
export function answers(datagram: Uint8Array, query: Query): boolean {
  return Buffer.compare(datagram, encodeAnswer(query)) === 0;
}

function header({ id, length, seed }: Query, flags: number): Buffer {
  const bytes = Buffer.alloc(HEADER.SIZE);
  bytes.writeUInt16BE(id, HEADER.ID);
  bytes.writeUInt16BE(flags, HEADER.FLAGS);
  bytes.writeUInt16BE(1, HEADER.QUESTIONS);
  bytes.writeUInt32BE(length, HEADER.LENGTH);
  bytes.writeUInt32BE(seed, HEADER.SEED);
  return bytes;
}

function payload({ length, seed }: Query): Uint8Array {
  return new Random(`answer ${seed}`).fill(new Uint8Array(length));
}
