/**
 * The datagrams of a tunnel: shaped as WireGuard's, with a checksum in the place of the authentication tag.
 *
 * ```
 *  0      1       4       8         12               -8
 *  +------+-------+-------+---------+------- - - -----+----------+
 *  | type |   0   | index | counter |  body           | checksum |   big-endian
 *  +------+-------+-------+---------+------- - - -----+----------+
 *
 *  index     of the receiver's session; in INITIATION the sender's own
 *  counter   of the sender, from 0 on: no two datagrams of a session and direction have the same
 *  checksum  the first 8 bytes of the SHA-256 of all before it
 * ```
 */
import { createHash } from "node:crypto";
import { decodeRequest, encodeRequest, type Exchange, REQUEST_BYTES } from "../exchange.ts";

const HEADER = { TYPE: 0, INDEX: 4, COUNTER: 8, SIZE: 12 } as const;
const CHECKSUM_BYTES = 8;

const TYPES = {
  INITIATION: 1,
  RESPONSE: 2,
  DATA: 4,
  KEEP_ALIVE: 5,
  CHECK: 6,
  CHECKED: 7,
  CLOSE: 8,
  CLOSED: 9,
  UNKNOWN: 10,
} as const;

/** What both sides do at once: which of the session's bursts it is, and how the datagrams of it go out. */
export interface Burst {
  readonly number: number;
  readonly exchange: Exchange;
}

/** Datagrams of one burst that a side has sent, and got from the other. */
export interface Count {
  readonly burst: number;
  readonly sent: number;
  readonly received: number;
}

export type Body =
  /** Opens a session. */
  | { readonly type: "INITIATION" }
  /** `session`: its index at the server. */
  | { readonly type: "RESPONSE"; readonly session: number }
  | { readonly type: "DATA"; readonly burst: Burst; readonly payload: Uint8Array }
  | { readonly type: "KEEP_ALIVE" }
  /** The client has sent all of a burst, and asks what became of it. */
  | ({ readonly type: "CHECK" } & Count)
  /** The same from the server, when it has sent all of it too. */
  | ({ readonly type: "CHECKED" } & Count)
  | { readonly type: "CLOSE" }
  | { readonly type: "CLOSED" }
  /** "I have no session with this index." */
  | { readonly type: "UNKNOWN" };

export type Message = Body & { readonly index: number; readonly counter: number };

/** Bytes around the payload of a DATA message. */
export const DATA_OVERHEAD_BYTES = HEADER.SIZE + 4 + REQUEST_BYTES + CHECKSUM_BYTES;

export function encodeMessage(message: Message): Uint8Array {
  const head = Buffer.alloc(HEADER.SIZE);
  head.writeUInt8(TYPES[message.type], HEADER.TYPE);
  head.writeUInt32BE(message.index, HEADER.INDEX);
  head.writeUInt32BE(message.counter, HEADER.COUNTER);
  const bytes = Buffer.concat([head, encodeBody(message)]);
  return Buffer.concat([bytes, checksum(bytes)]);
}

function encodeBody(body: Body): Uint8Array {
  switch (body.type) {
    case "RESPONSE":
      return words(body.session);
    case "DATA":
      return Buffer.concat([words(body.burst.number), encodeRequest(body.burst.exchange), body.payload]);
    case "CHECK":
    case "CHECKED":
      return words(body.burst, body.sent, body.received);
    default:
      return new Uint8Array(0);
  }
}

/** Null: it is no message, or not as it was sent. */
export function decodeMessage(datagram: Uint8Array): Message | null {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length < HEADER.SIZE + CHECKSUM_BYTES) return null;
  const sealed = bytes.subarray(0, -CHECKSUM_BYTES);
  if (Buffer.compare(checksum(sealed), bytes.subarray(-CHECKSUM_BYTES)) !== 0) return null;
  const body = decodeBody(sealed.readUInt8(HEADER.TYPE), sealed.subarray(HEADER.SIZE));
  return body && { ...body, index: sealed.readUInt32BE(HEADER.INDEX), counter: sealed.readUInt32BE(HEADER.COUNTER) };
}

function decodeBody(type: number, bytes: Buffer): Body | null {
  switch (type) {
    case TYPES.INITIATION:
      return { type: "INITIATION" };
    case TYPES.RESPONSE:
      return { type: "RESPONSE", session: bytes.readUInt32BE(0) };
    case TYPES.DATA: {
      const exchange = decodeRequest(bytes.subarray(4, 4 + REQUEST_BYTES));
      if (!exchange) return null;
      return { type: "DATA", burst: { number: bytes.readUInt32BE(0), exchange }, payload: bytes.subarray(4 + REQUEST_BYTES) };
    }
    case TYPES.KEEP_ALIVE:
      return { type: "KEEP_ALIVE" };
    case TYPES.CHECK:
      return { type: "CHECK", ...decodeCount(bytes) };
    case TYPES.CHECKED:
      return { type: "CHECKED", ...decodeCount(bytes) };
    case TYPES.CLOSE:
      return { type: "CLOSE" };
    case TYPES.CLOSED:
      return { type: "CLOSED" };
    case TYPES.UNKNOWN:
      return { type: "UNKNOWN" };
    default:
      return null;
  }
}

function decodeCount(bytes: Buffer): Count {
  return { burst: bytes.readUInt32BE(0), sent: bytes.readUInt32BE(4), received: bytes.readUInt32BE(8) };
}

function words(...numbers: number[]): Uint8Array {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => bytes.writeUInt32BE(number, i * 4));
  return bytes;
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}
