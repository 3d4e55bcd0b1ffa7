/** UDP datagrams of the simulated services: what kind, which one, and of which session. */
import { checksum, draft, openPacket, type End, type Family } from "./packet.ts";

export const PROTOCOL_UDP = 17;
const UDP_BYTES = 8;
/** ```
 *  0      1        5         9
 *  +------+--------+---------+
 *  | kind | number | session |
 *  +------+--------+---------+
 *  ``` */
const NUMBER = UDP_BYTES + 1;
const SESSION = NUMBER + 4;
const LENGTH = SESSION + 4;

export const DATAGRAM_KINDS = ["question", "open", "data", "reply", "unknown"] as const;
/** `open`, `data`: of a client that has, or wants, a session. `reply`: of the host that has it. `unknown`: of one that has
 *  none. */
export type DatagramKind = (typeof DATAGRAM_KINDS)[number];

export interface DatagramFields {
  readonly kind: DatagramKind;
  readonly number: number;
  /** 0: none. */
  readonly session: number;
}

export interface Datagram extends DatagramFields {
  readonly family: Family;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** `id`: as `number` of `draft`. */
export function encodeDatagram(from: End, fromPort: number, to: End, toPort: number, { kind, number, session }: DatagramFields, id: number): Uint8Array {
  const { bytes, view, at } = draft(from, to, PROTOCOL_UDP, LENGTH, id);
  view.setUint16(at, fromPort);
  view.setUint16(at + 2, toPort);
  view.setUint16(at + 4, LENGTH);
  view.setUint8(at + UDP_BYTES, DATAGRAM_KINDS.indexOf(kind));
  view.setUint32(at + NUMBER, number);
  view.setUint32(at + SESSION, session);
  view.setUint16(at + 6, ~checksum(view, at, LENGTH, from.address, to.address, PROTOCOL_UDP) & 0xffff);
  return bytes;
}

/** Null: it is none, or a byte of it was changed. */
export function decodeDatagram(bytes: Uint8Array): Datagram | null {
  const packet = openPacket(bytes);
  if (packet === null || packet.protocol !== PROTOCOL_UDP) return null;
  const { family, source, destination, view, at, end, sourceAddress, destinationAddress } = packet;
  if (end - at !== LENGTH || checksum(view, at, LENGTH, sourceAddress, destinationAddress, PROTOCOL_UDP) !== 0xffff) return null;
  const kind = DATAGRAM_KINDS[view.getUint8(at + UDP_BYTES)];
  if (kind === undefined) return null;
  const ends = { family, source, destination, sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
  return { ...ends, kind, number: view.getUint32(at + NUMBER), session: view.getUint32(at + SESSION) };
}
