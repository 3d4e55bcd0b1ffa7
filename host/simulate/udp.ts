/** UDP: written whole, and read with all of it checked. */
import { checksum, draft, openPacket, type End, type Family } from "./packet.ts";

export const PROTOCOL_UDP = 17;
const UDP_BYTES = 8;
const CHECKSUM = 6;

export interface UdpPacket {
  readonly family: Family;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** `id`: as `number` of `draft`. */
export function encodeUdp(from: End, fromPort: number, to: End, toPort: number, payload: Uint8Array, id: number): Uint8Array {
  const length = UDP_BYTES + payload.length;
  const { bytes, view, at } = draft(from, to, PROTOCOL_UDP, length, id);
  view.setUint16(at, fromPort);
  view.setUint16(at + 2, toPort);
  view.setUint16(at + 4, length);
  bytes.set(payload, at + UDP_BYTES);
  view.setUint16(at + CHECKSUM, ~checksum(view, at, length, from.address, to.address, PROTOCOL_UDP) & 0xffff);
  return bytes;
}

/** Null: it is none, or a byte of it was changed. */
export function decodeUdp(bytes: Uint8Array): UdpPacket | null {
  const packet = openPacket(bytes);
  if (packet === null || packet.protocol !== PROTOCOL_UDP) return null;
  const { family, source, destination, view, at, end, sourceAddress, destinationAddress } = packet;
  const length = end - at;
  if (length < UDP_BYTES || view.getUint16(at + 4) !== length) return null;
  if (checksum(view, at, length, sourceAddress, destinationAddress, PROTOCOL_UDP) !== 0xffff) return null;
  const ends = { family, source, destination, sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
  return { ...ends, payload: bytes.subarray(at + UDP_BYTES, end) };
}
