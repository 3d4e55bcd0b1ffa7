/**
 * Packets shaped as those of QUIC version 1 (RFC 9000, 17): what a network element can see of them is as it is there. In
 * the place of encryption there is a tag that is a hash, so that nobody needs keys and a changed packet is noticed.
 *
 * ```
 *   long    11tt00pp  version(4)  length dcid  length scid  [token length]  length(2)  number(4)  frames  tag(16)
 *   short   01000011  dcid  number(4)  frames  tag(16)
 * ```
 */
import { createHash } from "node:crypto";

const VERSION_1 = 1;
const LONG = 0x80;
const FIXED = 0x40;
const TYPE_SHIFT = 4;
const TYPE_MASK = 0x30;
const TYPES = { initial: 0, handshake: 2 } as const;
/** Packet numbers are written in full. */
const NUMBER_BYTES = 4;
const NUMBER_LENGTH_BITS = NUMBER_BYTES - 1;
/** A variable-length integer of two bytes (RFC 9000, 16). */
const TWO_BYTES = 0x4000;
const TAG_BYTES = 16;
/** RFC 9000, 17.2: no connection ID of version 1 is longer. */
export const CID_BYTES_MAX = 20;
/** Bytes of a UDP payload that every path carries; Initial packets are filled up to it (RFC 9000, 14.1). */
export const DATAGRAM_BYTES = 1_200;
/** Around the frames of a packet, at most. */
export const OVERHEAD_BYTES = 1 + 4 + 2 * (1 + CID_BYTES_MAX) + 1 + 2 + NUMBER_BYTES + TAG_BYTES;
/** RFC 9000, 10.3: what is shorter could be told from a packet. */
const RESET_BYTES_MIN = 21;
const RESET_BYTES = 43;

export type Form = "initial" | "handshake" | "short";

export interface Packet {
  readonly form: Form;
  readonly dcid: Uint8Array;
  /** Empty in a short header. */
  readonly scid: Uint8Array;
  readonly number: number;
  readonly frames: Uint8Array;
}

export function encodePacket(packet: Packet): Uint8Array {
  const { form, dcid, scid, number, frames } = packet;
  const numbered = Buffer.alloc(NUMBER_BYTES);
  numbered.writeUInt32BE(number);
  if (form === "short") return sealed(Buffer.concat([Uint8Array.of(FIXED | NUMBER_LENGTH_BITS), dcid, numbered, frames]));
  const version = Buffer.alloc(4);
  version.writeUInt32BE(VERSION_1);
  const first = LONG | FIXED | (TYPES[form] << TYPE_SHIFT) | NUMBER_LENGTH_BITS;
  const token = form === "initial" ? [0] : [];
  const length = Buffer.alloc(2);
  length.writeUInt16BE(TWO_BYTES | (NUMBER_BYTES + frames.length + TAG_BYTES));
  return sealed(Buffer.concat([
    [first], version, [dcid.length], dcid, [scid.length], scid, token, length, numbered, frames,
  ].map((part) => Uint8Array.from(part))));
}

/** `cidBytes`: length of the connection IDs that the receiver has given out. Null: it is no packet, or was changed. */
export function decodePacket(datagram: Uint8Array, cidBytes: number): Packet | null {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length < TAG_BYTES + 1 || (bytes[0]! & FIXED) === 0) return null;
  const head = bytes.subarray(0, -TAG_BYTES);
  if (Buffer.compare(tag(head), bytes.subarray(-TAG_BYTES)) !== 0) return null;
  if (!isLong(head)) {
    const at = 1 + cidBytes;
    if (head.length < at + NUMBER_BYTES) return null;
    const [dcid, scid] = [head.subarray(1, at), head.subarray(0, 0)];
    return { form: "short", dcid, scid, number: head.readUInt32BE(at), frames: head.subarray(at + NUMBER_BYTES) };
  }
  const form = formOf(head[0]!);
  const dcid = cidAt(head, 5);
  const scid = dcid && cidAt(head, 6 + dcid.length);
  if (!form || !scid) return null;
  const at = 7 + dcid.length + scid.length + (form === "initial" ? 1 : 0) + 2;
  if (head.length < at + NUMBER_BYTES) return null;
  return { form, dcid, scid, number: head.readUInt32BE(at), frames: head.subarray(at + NUMBER_BYTES) };
}

export function isLong(datagram: Uint8Array): boolean {
  return (datagram[0]! & LONG) !== 0;
}

/** The destination that a packet names, whoever it is for; null: it names none. */
export function destinationCid(datagram: Uint8Array, cidBytes: number): Uint8Array | null {
  if (datagram.length < 1 + cidBytes) return null;
  if (!isLong(datagram)) return datagram.subarray(1, 1 + cidBytes);
  return cidAt(datagram, 5);
}

/** "I have no connection with this ID": looks as a short packet, and ends with the ID's token (RFC 9000, 10.3). Null: it
 *  would not be shorter than what it answers, and two such hosts would never stop. */
export function encodeReset(cid: Uint8Array, filler: Uint8Array, answered: number): Uint8Array | null {
  const length = Math.min(RESET_BYTES, answered - 1);
  if (length < RESET_BYTES_MIN) return null;
  const bytes = Buffer.alloc(length);
  bytes.set(filler.subarray(0, length - TAG_BYTES));
  bytes[0] = FIXED | (bytes[0]! & (FIXED - 1));
  bytes.set(resetToken(cid), length - TAG_BYTES);
  return bytes;
}

/** Whether what is no packet is a reset of the connection with one of these IDs. */
export function isReset(datagram: Uint8Array, cids: readonly Uint8Array[]): boolean {
  if (datagram.length < RESET_BYTES_MIN || isLong(datagram)) return false;
  const end = datagram.subarray(-TAG_BYTES);
  return cids.some((cid) => Buffer.compare(resetToken(cid), end) === 0);
}

/** All servers of the appliance have the same key for it, so that a client understands any of them. */
export function resetToken(cid: Uint8Array): Uint8Array {
  return createHash("sha256").update("stateless reset").update(cid).digest().subarray(0, TAG_BYTES);
}

function formOf(first: number): Form | null {
  const type = (first & TYPE_MASK) >> TYPE_SHIFT;
  if (type === TYPES.initial) return "initial";
  return type === TYPES.handshake ? "handshake" : null;
}

/** The connection ID whose length is at `place`. */
function cidAt(bytes: Uint8Array, place: number): Uint8Array | null {
  const length = bytes[place];
  if (length === undefined || length > CID_BYTES_MAX || bytes.length < place + 1 + length) return null;
  return bytes.subarray(place + 1, place + 1 + length);
}

function sealed(head: Uint8Array): Uint8Array {
  return Buffer.concat([head, tag(head)]);
}

function tag(head: Uint8Array): Buffer {
  return createHash("sha256").update(head).digest().subarray(0, TAG_BYTES);
}
