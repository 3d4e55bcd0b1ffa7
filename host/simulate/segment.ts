/** TCP segments in Ethernet frames: written whole, with their checksums, and read with all of it checked. */
import { ipToBytes, macToBytes } from "../model/address.ts";
import { clientAddress, clientMac } from "../emulator/address-plan.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

const MAC_BYTES = 6;
const ETHERNET_BYTES = 14;
const ETHERTYPE = 12;
const IPV4_BYTES = 20;
const TCP_BYTES = 20;
const TYPE_IPV4 = 0x0800;
const PROTOCOL_TCP = 6;
const TTL = 64;

/** One end of a flow on the wire. */
export interface End {
  readonly mac: Uint8Array;
  /** 4 bytes. */
  readonly address: Uint8Array;
  /** The address as a number that no other end has. */
  readonly key: number;
  readonly text: string;
}

/** What a segment says, addresses and ports left out. */
export interface TcpFields {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly payload: Uint8Array;
}

export interface Segment extends TcpFields {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export const NO_PAYLOAD = new Uint8Array(0);

export function endOf(mac: string, address: string): End {
  const bytes = ipToBytes(address);
  return { mac: macToBytes(mac), address: bytes, key: keyOf(bytes, 0), text: address };
}

export function clientEnd(vip: string, site: number, client: number): End {
  const address = clientAddress(vip, site, client);
  return endOf(clientMac(address), address);
}

/** A connection's place in a table: one number for an address and a port. */
export function tupleKey(address: number, port: number): number {
  return address * 0x10000 + port;
}

/** `number`: goes into the IPv4 identification, for whoever reads a capture. */
export function encodeSegment(
  from: End,
  fromPort: number,
  to: End,
  toPort: number,
  { flags, seq, ack, window, payload }: TcpFields,
  number: number,
): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(to.mac, 0);
  bytes.set(from.mac, MAC_BYTES);
  view.setUint16(ETHERTYPE, TYPE_IPV4);
  const ip = ETHERNET_BYTES;
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, IPV4_BYTES + TCP_BYTES + payload.length);
  view.setUint16(ip + 4, number & 0xffff);
  view.setUint8(ip + 8, TTL);
  view.setUint8(ip + 9, PROTOCOL_TCP);
  bytes.set(from.address, ip + 12);
  bytes.set(to.address, ip + 16);
  view.setUint16(ip + 10, ~sum(view, ip, IPV4_BYTES, 0) & 0xffff);
  const tcp = ip + IPV4_BYTES;
  view.setUint16(tcp, fromPort);
  view.setUint16(tcp + 2, toPort);
  view.setUint32(tcp + 4, seq);
  view.setUint32(tcp + 8, ack);
  view.setUint8(tcp + 12, (TCP_BYTES / 4) << 4);
  view.setUint8(tcp + 13, flags);
  view.setUint16(tcp + 14, window);
  bytes.set(payload, tcp + TCP_BYTES);
  view.setUint16(tcp + 16, ~tcpSum(view, ip, TCP_BYTES + payload.length) & 0xffff);
  return bytes;
}

/** Null: it is none, or a byte of it was changed. */
export function decodeSegment(bytes: Uint8Array): Segment | null {
  const ip = ETHERNET_BYTES;
  const tcp = ip + IPV4_BYTES;
  if (bytes.length < tcp + TCP_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(ETHERTYPE) !== TYPE_IPV4 || view.getUint8(ip + 9) !== PROTOCOL_TCP) return null;
  const total = view.getUint16(ip + 2);
  if (view.getUint8(ip) !== 0x45 || total > bytes.length - ip || sum(view, ip, IPV4_BYTES, 0) !== 0xffff) return null;
  if (tcpSum(view, ip, total - IPV4_BYTES) !== 0xffff) return null;
  return {
    source: keyOf(bytes, ip + 12),
    destination: keyOf(bytes, ip + 16),
    sourcePort: view.getUint16(tcp),
    destinationPort: view.getUint16(tcp + 2),
    seq: view.getUint32(tcp + 4),
    ack: view.getUint32(tcp + 8),
    flags: view.getUint8(tcp + 13),
    window: view.getUint16(tcp + 14),
    payload: bytes.subarray(tcp + TCP_BYTES, ip + total),
  };
}

/** `[SYN,ACK]`. */
export function flagsText(flags: number): string {
  const names: [number, string][] = [[SYN, "SYN"], [FIN, "FIN"], [RST, "RST"], [ACK, "ACK"]];
  return names.filter(([bit]) => flags & bit).map(([, name]) => name).join("+") || "no flags";
}

/** Whether a frame is for this MAC. */
export function isFor(bytes: Uint8Array, mac: Uint8Array): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (bytes[i] !== mac[i]) return false;
  return true;
}

function keyOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Of the pseudo header and the segment. */
function tcpSum(view: DataView, ip: number, length: number): number {
  return sum(view, ip + IPV4_BYTES, length, sum(view, ip + 12, 8, PROTOCOL_TCP + length));
}

/** RFC 1071: the ones' complement sum, folded. */
function sum(view: DataView, at: number, length: number, from: number): number {
  let total = from;
  for (let i = 0; i + 1 < length; i += 2) total += view.getUint16(at + i);
  if (length % 2 === 1) total += view.getUint8(at + length - 1) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}
