/** "Too big": what a router with a smaller MTU says to whoever sent a packet, with the beginning of it (RFC 1191, RFC 8201). */
import { checksum, draft, openPacket, sum, type End } from "./packet.ts";

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_ICMPV6 = 58;

const ETHERNET_BYTES = 14;
const ICMP_BYTES = 8;
/** Of the transport header, as much as RFC 792 promises. */
const QUOTED_BYTES = 8;
const MTU = 1_400;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const TOO_BIG_V6 = 2;

/** What an error is about. */
export interface Quote {
  /** `End.key`. */
  readonly client: number;
  readonly clientPort: number;
  readonly vipPort: number;
}

/** `packet`: a frame that came from `to`. */
export function encodeTooBig(from: End, to: End, packet: Uint8Array, number: number): Uint8Array {
  const opened = openPacket(packet)!;
  const quoted = packet.subarray(ETHERNET_BYTES, opened.at + QUOTED_BYTES);
  const length = ICMP_BYTES + quoted.length;
  const protocol = from.family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
  const { bytes, view, at } = draft(from, to, protocol, length, number);
  view.setUint8(at, from.family === 4 ? UNREACHABLE : TOO_BIG_V6);
  view.setUint8(at + 1, from.family === 4 ? FRAGMENTATION_NEEDED : 0);
  view.setUint16(at + 6, MTU);
  bytes.set(quoted, at + ICMP_BYTES);
  const total = from.family === 4 ? sum(view, at, length, 0) : checksum(view, at, length, from.address, to.address, protocol);
  view.setUint16(at + 2, ~total & 0xffff);
  return bytes;
}

/** Null: it is no such error, or a byte of it was changed. */
export function decodeTooBig(bytes: Uint8Array): Quote | null {
  const packet = openPacket(bytes);
  if (packet === null || (packet.protocol !== PROTOCOL_ICMP && packet.protocol !== PROTOCOL_ICMPV6)) return null;
  const { view, at, end, sourceAddress, destinationAddress, protocol, family } = packet;
  const total = family === 4 ? sum(view, at, end - at, 0) : checksum(view, at, end - at, sourceAddress, destinationAddress, protocol);
  if (total !== 0xffff) return null;
  const inner = openPacket(bytes, at + ICMP_BYTES);
  if (inner === null) return null;
  return { client: inner.destination, clientPort: view.getUint16(inner.at + 2), vipPort: view.getUint16(inner.at) };
}
