/** Ethernet frames with an IPv4 or IPv6 packet in them: written whole, and read with all of it checked. */
import { bytesToIp, ipToBytes, macToBytes } from "../model/address.ts";
import { clientAddress, clientMac } from "../emulator/address-plan.ts";

export type Family = 4 | 6;

const MAC_BYTES = 6;
const ETHERNET_BYTES = 14;
const ETHERTYPE = 12;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const IPV4_ADDRESS_BYTES = 4;
const IPV6_ADDRESS_BYTES = 16;
/** Of the client and host numbers in an IPv6 address, which are those of the IPv4 one. */
const NUMBER_AT = IPV6_ADDRESS_BYTES - IPV4_ADDRESS_BYTES;
const TTL = 64;
const HOP_BY_HOP = 0;
const DESTINATION_OPTIONS = 60;
/** Of a destination options header without options: padded. */
const EXTENSION = Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0);

/** One end of a flow on the wire. */
export interface End {
  readonly mac: Uint8Array;
  readonly family: Family;
  readonly address: Uint8Array;
  /** The address as a number that no other end has. */
  readonly key: number;
  readonly text: string;
}

export function endOf(mac: string, address: string): End {
  const bytes = ipToBytes(address);
  const family = bytes.length === IPV4_ADDRESS_BYTES ? 4 : 6;
  return { mac: macToBytes(mac), family, address: bytes, key: keyOf(bytes, 0, family), text: address };
}

/** `vip`: the virtual IP of that family; the client is in its network. */
export function clientEnd(vip4: string, vip6: string, family: Family, site: number, client: number): End {
  const address = clientAddress(vip4, site, client);
  if (family === 4) return endOf(clientMac(address), address);
  const bytes = ipToBytes(vip6);
  bytes.set(ipToBytes(address), NUMBER_AT);
  return endOf(clientMac(address), bytesToIp(bytes));
}

/** A connection's place in a table: one number for an address and a port. */
export function tupleKey(address: number, port: number): number {
  return address * 0x10000 + port;
}

/** A frame whose packet has room for `bytes` of protocol `protocol`. */
export interface Draft {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where those begin. */
  readonly at: number;
}

/** `number`: goes into the identification (the flow label of IPv6), for whoever reads a capture. `extended`: an IPv6 packet
 *  has an extension header. */
export function draft(from: End, to: End, protocol: number, bytes: number, number: number, extended = false): Draft {
  const header = from.family === 4 ? IPV4_BYTES : IPV6_BYTES + (extended ? EXTENSION.length : 0);
  const frame = new Uint8Array(ETHERNET_BYTES + header + bytes);
  const view = new DataView(frame.buffer);
  frame.set(to.mac, 0);
  frame.set(from.mac, MAC_BYTES);
  if (from.family === 4) writeIpv4(frame, view, from, to, protocol, bytes, number);
  else writeIpv6(frame, view, from, to, protocol, bytes, number, extended);
  return { bytes: frame, view, at: ETHERNET_BYTES + header };
}

/** Ones' complement sum of the pseudo header and of `length` bytes from `at` on; 0xffff when a checksum in them is right. */
export function checksum(view: DataView, at: number, length: number, from: Uint8Array, to: Uint8Array, protocol: number): number {
  let total = protocol + length;
  for (const address of [from, to]) for (let i = 0; i < address.length; i += 2) total += (address[i]! << 8) | address[i + 1]!;
  return sum(view, at, length, total);
}

export interface Packet {
  readonly family: Family;
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly view: DataView;
  /** Where what the protocol carries begins, and ends. */
  readonly at: number;
  readonly end: number;
  readonly sourceAddress: Uint8Array;
  readonly destinationAddress: Uint8Array;
}

/** Null: it is none, or its header was changed. */
export function openPacket(frame: Uint8Array, at = ETHERNET_BYTES): Packet | null {
  if (frame.length < at + IPV4_BYTES) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return frame[at]! >>> 4 === 4 ? openIpv4(frame, view, at) : openIpv6(frame, view, at);
}

/** Whether a frame is for this MAC. */
export function isFor(bytes: Uint8Array, mac: Uint8Array): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (bytes[i] !== mac[i]) return false;
  return true;
}

/** RFC 1071: the ones' complement sum, folded. */
export function sum(view: DataView, at: number, length: number, from: number): number {
  let total = from;
  for (let i = 0; i + 1 < length; i += 2) total += view.getUint16(at + i);
  if (length % 2 === 1) total += view.getUint8(at + length - 1) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function writeIpv4(frame: Uint8Array, view: DataView, from: End, to: End, protocol: number, bytes: number, number: number): void {
  const ip = ETHERNET_BYTES;
  view.setUint16(ETHERTYPE, TYPE_IPV4);
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, IPV4_BYTES + bytes);
  view.setUint16(ip + 4, number & 0xffff);
  view.setUint8(ip + 8, TTL);
  view.setUint8(ip + 9, protocol);
  frame.set(from.address, ip + 12);
  frame.set(to.address, ip + 16);
  view.setUint16(ip + 10, ~sum(view, ip, IPV4_BYTES, 0) & 0xffff);
}

function writeIpv6(frame: Uint8Array, view: DataView, from: End, to: End, protocol: number, bytes: number, number: number, extended: boolean): void {
  const ip = ETHERNET_BYTES;
  view.setUint16(ETHERTYPE, TYPE_IPV6);
  view.setUint32(ip, (6 << 28) | (number & 0xfffff));
  view.setUint16(ip + 4, bytes + (extended ? EXTENSION.length : 0));
  view.setUint8(ip + 6, extended ? DESTINATION_OPTIONS : protocol);
  view.setUint8(ip + 7, TTL);
  frame.set(from.address, ip + 8);
  frame.set(to.address, ip + 24);
  if (!extended) return;
  frame.set(EXTENSION, ip + IPV6_BYTES);
  view.setUint8(ip + IPV6_BYTES, protocol);
}

function openIpv4(frame: Uint8Array, view: DataView, ip: number): Packet | null {
  const total = view.getUint16(ip + 2);
  if (frame[ip] !== 0x45 || sum(view, ip, IPV4_BYTES, 0) !== 0xffff) return null;
  return {
    family: 4,
    source: keyOf(frame, ip + 12, 4),
    destination: keyOf(frame, ip + 16, 4),
    protocol: frame[ip + 9]!,
    view,
    at: ip + IPV4_BYTES,
    end: Math.min(frame.length, ip + total),
    sourceAddress: frame.subarray(ip + 12, ip + 16),
    destinationAddress: frame.subarray(ip + 16, ip + 20),
  };
}

function openIpv6(frame: Uint8Array, view: DataView, ip: number): Packet | null {
  if (frame[ip]! >>> 4 !== 6 || frame.length < ip + IPV6_BYTES) return null;
  let protocol = frame[ip + 6]!;
  let at = ip + IPV6_BYTES;
  while ((protocol === HOP_BY_HOP || protocol === DESTINATION_OPTIONS) && at + 2 <= frame.length) {
    protocol = frame[at]!;
    at += (frame[at + 1]! + 1) * 8;
  }
  return {
    family: 6,
    source: keyOf(frame, ip + 8, 6),
    destination: keyOf(frame, ip + 24, 6),
    protocol,
    view,
    at,
    end: Math.min(frame.length, ip + IPV6_BYTES + view.getUint16(ip + 4)),
    sourceAddress: frame.subarray(ip + 8, ip + 24),
    destinationAddress: frame.subarray(ip + 24, ip + 40),
  };
}

/** `End.key` of the address that stands in `bytes`. */
export function keyOf(bytes: Uint8Array, at: number, family: Family): number {
  const from = family === 4 ? at : at + NUMBER_AT;
  const number = ((bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!) >>> 0;
  return family === 4 ? number : number + 2 ** 32;
}
