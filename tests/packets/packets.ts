/** Packets for tests, built from named fields; checksums are right where a real stack would look at them. */
import { ipToBytes, macToBytes } from "../../host/model/address.ts";
import { concat } from "../../host/management/records.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, vlan: 0x8100, qinq: 0x88a8 } as const;

export interface Link {
  readonly destination: string;
  readonly source: string;
  /** VLAN tags, outermost first: ethertype and tag control information. */
  readonly tags?: readonly (readonly [type: number, tci: number])[];
}

export function ethernet({ destination, source, tags = [] }: Link, type: number, payload: Uint8Array): Uint8Array {
  const words = [...tags.flat(), type];
  return concat([macToBytes(destination), macToBytes(source), Uint8Array.from(words.flatMap(be16)), payload]);
}

export interface Ip {
  readonly source: string;
  readonly destination: string;
  /** Bytes of options, a multiple of 4. */
  readonly options?: Uint8Array;
  /** Flags and fragment offset, as in the header. */
  readonly fragment?: number;
}

export function ipv4({ source, destination, options = new Uint8Array(), fragment = 0 }: Ip, protocol: number, payload: Uint8Array): Uint8Array {
  const headerBytes = 20 + options.length;
  const header = concat([
    Uint8Array.from([0x40 | (headerBytes / 4), 0, ...be16(headerBytes + payload.length), 0, 1, ...be16(fragment), 64, protocol, 0, 0]),
    ipToBytes(source),
    ipToBytes(destination),
    options,
  ]);
  header.set(be16(checksum(header)), 10);
  return concat([header, payload]);
}

export interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** RFC 8200. `next` names what `payload` begins with. */
export function ipv6({ source, destination }: Ip, next: number, payload: Uint8Array, hopLimit = 64): Uint8Array {
  const header = Uint8Array.from([0x60, 0, 0, 0, ...be16(payload.length), next, hopLimit]);
  return concat([header, ipToBytes(source), ipToBytes(destination), payload]);
}

/** A packet of the family that the addresses are of. */
function ip(addresses: Ip, protocol: number, payload: Uint8Array): Uint8Array {
  return addresses.source.includes(":") ? ipv6(addresses, protocol, payload) : ipv4(addresses, protocol, payload);
}

export function tcp(addresses: Ip, { sourcePort, destinationPort }: Ports, flags: number, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const header = Uint8Array.from([
    ...be16(sourcePort), ...be16(destinationPort), 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, ...be16(0xffff), 0, 0, 0, 0,
  ]);
  const segment = concat([header, payload]);
  segment.set(be16(pseudoChecksum(addresses, 6, segment)), 16);
  return ip(addresses, 6, segment);
}

export function udp(addresses: Ip, { sourcePort, destinationPort }: Ports, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const segment = concat([
    Uint8Array.from([...be16(sourcePort), ...be16(destinationPort), ...be16(8 + payload.length), 0, 0]),
    payload,
  ]);
  segment.set(be16(pseudoChecksum(addresses, 17, segment)), 6);
  return ip(addresses, 17, segment);
}

/** ICMP or ICMPv6, by the family of the addresses; `payload` is what follows the first 4 bytes. */
export function icmp(addresses: Ip, type: number, code: number, payload: Uint8Array = new Uint8Array(4), hopLimit = 64): Uint8Array {
  const message = concat([Uint8Array.from([type, code, 0, 0]), payload]);
  if (addresses.source.includes(":")) {
    message.set(be16(pseudoChecksum(addresses, 58, message)), 2);
    return ipv6(addresses, 58, message, hopLimit);
  }
  message.set(be16(checksum(message)), 2);
  return ipv4(addresses, 1, message);
}

export interface Arp {
  readonly operation: 1 | 2;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac?: string;
  readonly targetIp: string;
}

export function arp({ operation, senderMac, senderIp, targetMac = "00:00:00:00:00:00", targetIp }: Arp): Uint8Array {
  return concat([
    Uint8Array.from([0, 1, 8, 0, 6, 4, 0, operation]),
    macToBytes(senderMac),
    ipToBytes(senderIp),
    macToBytes(targetMac),
    ipToBytes(targetIp),
  ]);
}

function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

/** RFC 1071. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function pseudoChecksum({ source, destination }: Ip, protocol: number, segment: Uint8Array): number {
  const pseudo = Uint8Array.from([...ipToBytes(source), ...ipToBytes(destination), 0, protocol, ...be16(segment.length)]);
  return checksum(pseudo, segment);
}
