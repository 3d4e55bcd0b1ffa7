/** TCP segments: written with their checksum, and read with it checked. */
import { checksum, draft, openPacket, type End, type Family } from "./packet.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

export const PROTOCOL_TCP = 6;
const TCP_BYTES = 20;
const CHECKSUM = 16;

/** What a segment says, addresses and ports left out. */
export interface TcpFields {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly payload: Uint8Array;
}

export interface Segment extends TcpFields {
  readonly family: Family;
  /** `End.key`. */
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export const NO_PAYLOAD = new Uint8Array(0);

/** `number`, `extended`: as for `draft`. */
export function encodeSegment(
  from: End,
  fromPort: number,
  to: End,
  toPort: number,
  { flags, seq, ack, window, payload }: TcpFields,
  number: number,
  extended = false,
): Uint8Array {
  const { bytes, view, at } = draft(from, to, PROTOCOL_TCP, TCP_BYTES + payload.length, number, extended);
  view.setUint16(at, fromPort);
  view.setUint16(at + 2, toPort);
  view.setUint32(at + 4, seq);
  view.setUint32(at + 8, ack);
  view.setUint8(at + 12, (TCP_BYTES / 4) << 4);
  view.setUint8(at + 13, flags);
  view.setUint16(at + 14, window);
  bytes.set(payload, at + TCP_BYTES);
  view.setUint16(at + CHECKSUM, ~checksum(view, at, TCP_BYTES + payload.length, from.address, to.address, PROTOCOL_TCP) & 0xffff);
  return bytes;
}

/** Null: it is none, or a byte of it was changed. */
export function decodeSegment(bytes: Uint8Array): Segment | null {
  const packet = openPacket(bytes);
  if (packet === null || packet.protocol !== PROTOCOL_TCP) return null;
  const { family, source, destination, view, at, end, sourceAddress, destinationAddress } = packet;
  if (end < at + TCP_BYTES || checksum(view, at, end - at, sourceAddress, destinationAddress, PROTOCOL_TCP) !== 0xffff) return null;
  return {
    family,
    source,
    destination,
    sourcePort: view.getUint16(at),
    destinationPort: view.getUint16(at + 2),
    seq: view.getUint32(at + 4),
    ack: view.getUint32(at + 8),
    flags: view.getUint8(at + 13),
    window: view.getUint16(at + 14),
    payload: bytes.subarray(at + TCP_BYTES, end),
  };
}

/** `SYN+ACK`. */
export function flagsText(flags: number): string {
  const names: [number, string][] = [[SYN, "SYN"], [FIN, "FIN"], [RST, "RST"], [ACK, "ACK"]];
  return names.filter(([bit]) => flags & bit).map(([, name]) => name).join("+") || "no flags";
}
