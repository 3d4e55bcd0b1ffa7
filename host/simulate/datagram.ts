/** UDP datagrams of a question and its answer: a number that says which. */
import { checksum, draft, openPacket, type End, type Family } from "./packet.ts";

export const PROTOCOL_UDP = 17;
const UDP_BYTES = 8;
const NUMBER_BYTES = 4;
const LENGTH = UDP_BYTES + NUMBER_BYTES;

export interface Datagram {
  readonly family: Family;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly number: number;
}

export function encodeDatagram(from: End, fromPort: number, to: End, toPort: number, number: number, id: number): Uint8Array {
  const { bytes, view, at } = draft(from, to, PROTOCOL_UDP, LENGTH, id);
  view.setUint16(at, fromPort);
  view.setUint16(at + 2, toPort);
  view.setUint16(at + 4, LENGTH);
  view.setUint32(at + UDP_BYTES, number);
  view.setUint16(at + 6, ~checksum(view, at, LENGTH, from.address, to.address, PROTOCOL_UDP) & 0xffff);
  return bytes;
}

/** Null: it is none, or a byte of it was changed. */
export function decodeDatagram(bytes: Uint8Array): Datagram | null {
  const packet = openPacket(bytes);
  if (packet === null || packet.protocol !== PROTOCOL_UDP) return null;
  const { family, source, destination, view, at, end, sourceAddress, destinationAddress } = packet;
  if (end - at !== LENGTH || checksum(view, at, LENGTH, sourceAddress, destinationAddress, PROTOCOL_UDP) !== 0xffff) return null;
  return { family, source, destination, sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2), number: view.getUint32(at + UDP_BYTES) };
}
