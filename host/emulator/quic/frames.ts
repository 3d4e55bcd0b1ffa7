/** Frames of QUIC version 1 (RFC 9000, 19): those that a connection with one stream needs. */

const TYPES = {
  PADDING: 0x00,
  PING: 0x01,
  ACK: 0x02,
  CRYPTO: 0x06,
  /** With offset and length; the lowest bit says that it is the last one. */
  STREAM: 0x0e,
  NEW_CONNECTION_ID: 0x18,
  PATH_CHALLENGE: 0x1a,
  PATH_RESPONSE: 0x1b,
  CONNECTION_CLOSE: 0x1d,
  HANDSHAKE_DONE: 0x1e,
} as const;
const FIN = 0x01;
/** The client's first bidirectional stream. */
const STREAM_ID = 0;
const TOKEN_BYTES = 16;
const PATH_BYTES = 8;

/** Packet numbers, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export type Frame =
  | { readonly type: "ping" }
  /** Highest range first. */
  | { readonly type: "ack"; readonly ranges: readonly Range[] }
  | { readonly type: "crypto"; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: "stream"; readonly offset: number; readonly data: Uint8Array; readonly fin: boolean }
  | { readonly type: "new-cid"; readonly sequence: number; readonly cid: Uint8Array; readonly token: Uint8Array }
  | { readonly type: "challenge" | "response"; readonly data: Uint8Array }
  | { readonly type: "close" }
  | { readonly type: "done" };

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.type) {
    case "ping":
      return varint(TYPES.PING);
    case "ack":
      return encodeAck(frame.ranges);
    case "crypto":
      return Buffer.concat([varint(TYPES.CRYPTO), varint(frame.offset), varint(frame.data.length), frame.data]);
    case "stream": {
      const head = [TYPES.STREAM | (frame.fin ? FIN : 0), STREAM_ID, frame.offset, frame.data.length].map(varint);
      return Buffer.concat([...head, frame.data]);
    }
    case "new-cid": {
      const head = [TYPES.NEW_CONNECTION_ID, frame.sequence, 0, frame.cid.length].map(varint);
      return Buffer.concat([...head, frame.cid, frame.token]);
    }
    case "challenge":
      return Buffer.concat([varint(TYPES.PATH_CHALLENGE), frame.data]);
    case "response":
      return Buffer.concat([varint(TYPES.PATH_RESPONSE), frame.data]);
    case "close":
      // No error, and no reason.
      return Buffer.concat([TYPES.CONNECTION_CLOSE, 0, 0].map(varint));
    case "done":
      return varint(TYPES.HANDSHAKE_DONE);
  }
}

function encodeAck(ranges: readonly Range[]): Uint8Array {
  const [highest, ...others] = ranges;
  const fields = [TYPES.ACK, highest!.last, 0, others.length, highest!.last - highest!.first];
  let before = highest!;
  for (const range of others) {
    fields.push(before.first - range.last - 2, range.last - range.first);
    before = range;
  }
  return Buffer.concat(fields.map(varint));
}

/** Null: they are no frames of ours. */
export function decodeFrames(bytes: Uint8Array): Frame[] | null {
  const reader = new Reader(bytes);
  const frames: Frame[] = [];
  while (!reader.isAtEnd) {
    const type = reader.varint();
    if (type === TYPES.PADDING) continue;
    const frame = decodeFrame(type, reader);
    if (!frame || reader.isBeyond) return null;
    frames.push(frame);
  }
  return frames;
}

function decodeFrame(type: number, reader: Reader): Frame | null {
  switch (type) {
    case TYPES.PING:
      return { type: "ping" };
    case TYPES.ACK:
      return { type: "ack", ranges: decodeAck(reader) };
    case TYPES.CRYPTO: {
      const offset = reader.varint();
      return { type: "crypto", offset, data: reader.bytes(reader.varint()) };
    }
    case TYPES.STREAM:
    case TYPES.STREAM | FIN: {
      reader.varint();
      const offset = reader.varint();
      return { type: "stream", offset, data: reader.bytes(reader.varint()), fin: (type & FIN) !== 0 };
    }
    case TYPES.NEW_CONNECTION_ID: {
      const sequence = reader.varint();
      reader.varint();
      const cid = reader.bytes(reader.varint());
      return { type: "new-cid", sequence, cid, token: reader.bytes(TOKEN_BYTES) };
    }
    case TYPES.PATH_CHALLENGE:
      return { type: "challenge", data: reader.bytes(PATH_BYTES) };
    case TYPES.PATH_RESPONSE:
      return { type: "response", data: reader.bytes(PATH_BYTES) };
    case TYPES.CONNECTION_CLOSE:
      reader.varint();
      reader.bytes(reader.varint());
      return { type: "close" };
    case TYPES.HANDSHAKE_DONE:
      return { type: "done" };
    default:
      return null;
  }
}

function decodeAck(reader: Reader): Range[] {
  let last = reader.varint();
  reader.varint();
  const others = reader.varint();
  let first = last - reader.varint();
  const ranges = [{ first, last }];
  for (let i = 0; i < others && !reader.isBeyond; i++) {
    last = first - reader.varint() - 2;
    first = last - reader.varint();
    ranges.push({ first, last });
  }
  return ranges;
}

/** RFC 9000, 16, in 1, 2 or 4 bytes. */
function varint(value: number): Uint8Array {
  if (value < 1 << 6) return Uint8Array.of(value);
  const bytes = Buffer.alloc(value < 1 << 14 ? 2 : 4);
  if (bytes.length === 2) bytes.writeUInt16BE(value | 0x4000);
  else bytes.writeUInt32BE((value | 0x8000_0000) >>> 0);
  return bytes;
}

/** Reads fields one after the other; beyond the end, zeros. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** More was read than there is. */
  get isBeyond(): boolean {
    return this.#at > this.#bytes.length;
  }

  varint(): number {
    const first = this.#bytes[this.#at++] ?? 0;
    const length = 1 << (first >> 6);
    let value = first & 0x3f;
    for (let i = 1; i < length; i++) value = value * 256 + (this.#bytes[this.#at++] ?? 0);
    return value;
  }

  bytes(length: number): Uint8Array {
    const bytes = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
