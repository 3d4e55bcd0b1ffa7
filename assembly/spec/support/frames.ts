/** Builds frames in the ring, byte by byte, in network order. */
import { frameAt, slotAt } from "../../ring";
import { swap16, swap32, storeMac } from "../../wire/ethernet";

export const VIP: u32 = 0x0a000064; // 10.0.0.100
/** 2001:db8::64, in the two halves that `wire/address.ts` holds. */
export const VIP6_LOW: u64 = 0x00000000b80d0120;
export const VIP6_HIGH: u64 = 0x6400000000000000;
export const OTHER_VIP: u32 = 0x0a0000c8; // 10.0.0.200, not ours
export const VMAC: u64 = 0x640000000002; // 02:00:00:00:00:64
export const CLIENT_MAC: u64 = 0x010100000006; // 06:00:00:00:01:01
export const BROADCAST: u64 = 0xffffffffffff;
export const SERVICE: u32 = 80;

export const FIN: u32 = 0x01;
export const SYN: u32 = 0x02;
export const RST: u32 = 0x04;
export const PSH: u32 = 0x08;
export const ACK: u32 = 0x10;

/** MAC of owner `number` in the specs: 02:00:00:00:0n:00. */
export function ownerMac(number: u32): u64 {
  return <u64>0x02 | (<u64>number << 32);
}

/** A client whose bucket, by low bits, is `bucket` (of 16). */
export function client(bucket: u32, n: u32): u32 {
  return 0x0a010000 | (n << 4) | bucket;
}

/** Starts a frame in `slot`: Ethernet header, and says how long it is and where it came in. */
export function ethernet(slot: u32, port: u32, destination: u64, source: u64, type: u32, length: u32): usize {
  const frame = frameAt(slot);
  memory.fill(frame, 0, <usize>length);
  storeMac(frame, destination);
  storeMac(frame + 6, source);
  store<u16>(frame, <u16>swap16(type), 12);
  slotAt(slot).length = <u16>length;
  slotAt(slot).port = <u8>port;
  return frame + 14;
}

export function ipv4(at: usize, source: u32, destination: u32, protocol: u32, payloadBytes: u32): usize {
  store<u8>(at, 0x45);
  store<u16>(at, <u16>swap16(20 + payloadBytes), 2);
  store<u8>(at, 64, 8);
  store<u8>(at, <u8>protocol, 9);
  store<u32>(at, swap32(source), 12);
  store<u32>(at, swap32(destination), 16);
  return at + 20;
}

function segment(at: usize, sourcePort: u32, destinationPort: u32, flags: u32): void {
  store<u16>(at, <u16>swap16(sourcePort));
  store<u16>(at, <u16>swap16(destinationPort), 2);
  store<u8>(at, 0x50, 12);
  store<u8>(at, <u8>flags, 13);
}

/** A TCP segment without payload, from anywhere to anywhere. */
export function tcpBetween(
  slot: u32,
  port: u32,
  destinationMac: u64,
  sourceMac: u64,
  source: u32,
  sourcePort: u32,
  destination: u32,
  destinationPort: u32,
  flags: u32,
): void {
  const ip = ethernet(slot, port, destinationMac, sourceMac, 0x0800, 54);
  segment(ipv4(ip, source, destination, 6, 20), sourcePort, destinationPort, flags);
}

/** A client's segment to the VIP, on the wire. */
export function fromClient(slot: u32, destinationMac: u64, sourceMac: u64, address: u32, port: u32, flags: u32): void {
  tcpBetween(slot, 0, destinationMac, sourceMac, address, port, VIP, SERVICE, flags);
}

/** A host's segment to a client. */
export function fromOwner(slot: u32, number: u32, port: u32, address: u32, clientPort: u32, flags: u32): void {
  tcpBetween(slot, port, CLIENT_MAC, ownerMac(number), VIP, SERVICE, address, clientPort, flags);
}

export function udp(slot: u32, port: u32, destinationMac: u64, sourceMac: u64, source: u32, destination: u32): void {
  udpBetween(slot, port, destinationMac, sourceMac, source, 5000, destination, 53);
}

/** An empty datagram, from anywhere to anywhere. */
export function udpBetween(
  slot: u32,
  port: u32,
  destinationMac: u64,
  sourceMac: u64,
  source: u32,
  sourcePort: u32,
  destination: u32,
  destinationPort: u32,
): void {
  const ip = ethernet(slot, port, destinationMac, sourceMac, 0x0800, 42);
  const at = ipv4(ip, source, destination, 17, 8);
  store<u16>(at, <u16>swap16(sourcePort));
  store<u16>(at, <u16>swap16(destinationPort), 2);
  store<u16>(at, <u16>swap16(8), 4);
}

/** Upper half of the IPv6 address of a client whose bucket, by low bits, is `bucket` (of 16); the lower half is CLIENT6_LOW. */
export function client6(bucket: u32, n: u32): u64 {
  return <u64>swap32((n << 4) | bucket) << 32;
}

/** 2001:db8:0:1:: */
export const CLIENT6_LOW: u64 = 0x01000000b80d0120;

/** An IPv6 header; returns where its payload begins. */
export function ipv6(
  at: usize,
  sourceLow: u64,
  sourceHigh: u64,
  destinationLow: u64,
  destinationHigh: u64,
  next: u32,
  payloadBytes: u32,
): usize {
  store<u8>(at, 0x60);
  store<u16>(at, <u16>swap16(payloadBytes), 4);
  store<u8>(at, <u8>next, 6);
  store<u8>(at, 255, 7);
  store<u64>(at, sourceLow, 8);
  store<u64>(at, sourceHigh, 16);
  store<u64>(at, destinationLow, 24);
  store<u64>(at, destinationHigh, 32);
  return at + 40;
}

/** A TCP segment of an IPv6 client to the VIP, behind `extensionBytes` bytes that begin with the header of type `next`; returns where
 *  they begin. */
export function fromClient6(
  slot: u32,
  destinationMac: u64,
  sourceMac: u64,
  clientHigh: u64,
  port: u32,
  flags: u32,
  next: u32,
  extensionBytes: u32,
): usize {
  const ip = ethernet(slot, 0, destinationMac, sourceMac, 0x86dd, 74 + extensionBytes);
  const at = ipv6(ip, CLIENT6_LOW, clientHigh, VIP6_LOW, VIP6_HIGH, next, 20 + extensionBytes);
  segment(at + extensionBytes, port, SERVICE, flags);
  return at;
}

/** A host's TCP segment to an IPv6 client. */
export function fromOwner6(slot: u32, number: u32, clientHigh: u64, clientPort: u32, flags: u32): void {
  const ip = ethernet(slot, number, CLIENT_MAC, ownerMac(number), 0x86dd, 74);
  segment(ipv6(ip, VIP6_LOW, VIP6_HIGH, CLIENT6_LOW, clientHigh, 6, 20), SERVICE, clientPort, flags);
}

/** An ICMP error from a router at `router` that quotes `quotedBytes` bytes of a packet of protocol `protocol` from the VIP (or
 *  `from`) to a client, the ports among them. */
export function icmpError(
  slot: u32,
  destinationMac: u64,
  router: u32,
  type: u32,
  from: u32,
  address: u32,
  port: u32,
  protocol: u32,
  quotedBytes: u32,
): usize {
  const ip = ethernet(slot, 0, destinationMac, CLIENT_MAC, 0x0800, 42 + quotedBytes);
  const message = ipv4(ip, router, VIP, 1, 8 + quotedBytes);
  store<u8>(message, <u8>type);
  const quote = message + 8;
  const segment = ipv4(quote, from, address, protocol, 1400);
  store<u16>(segment, <u16>swap16(SERVICE));
  store<u16>(segment, <u16>swap16(port), 2);
  return quote;
}

/** The same over IPv6. */
export function icmpv6Error(slot: u32, destinationMac: u64, type: u32, clientHigh: u64, port: u32, quotedBytes: u32): usize {
  const ip = ethernet(slot, 0, destinationMac, CLIENT_MAC, 0x86dd, 62 + quotedBytes);
  const message = ipv6(ip, 0x2222222222220120, 1, VIP6_LOW, VIP6_HIGH, 58, 8 + quotedBytes);
  store<u8>(message, <u8>type);
  const quote = message + 8;
  const segment = ipv6(quote, VIP6_LOW, VIP6_HIGH, CLIENT6_LOW, clientHigh, 6, 1400);
  store<u16>(segment, <u16>swap16(SERVICE));
  store<u16>(segment, <u16>swap16(port), 2);
  return quote;
}

/** A neighbour solicitation or advertisement (`type`) for (`low`, `high`), with the option that says who asks. */
export function discovery(
  slot: u32,
  port: u32,
  destinationMac: u64,
  sourceMac: u64,
  type: u32,
  sourceLow: u64,
  sourceHigh: u64,
  low: u64,
  high: u64,
): usize {
  const ip = ethernet(slot, port, destinationMac, sourceMac, 0x86dd, 86);
  const message = ipv6(ip, sourceLow, sourceHigh, 0x00000000000002ff, (high & 0xffffff0000000000) | 0xff01000000, 58, 32);
  store<u8>(message, <u8>type);
  store<u64>(message, low, 8);
  store<u64>(message, high, 16);
  store<u16>(message, 0x0101, 24);
  storeMac(message + 26, sourceMac);
  return ip;
}

export function icmp(slot: u32, destinationMac: u64, source: u32, type: u32): void {
  const ip = ethernet(slot, 0, destinationMac, CLIENT_MAC, 0x0800, 42);
  store<u8>(ipv4(ip, source, VIP, 1, 8), <u8>type);
}

export function arp(slot: u32, port: u32, destinationMac: u64, operation: u32, asker: u32, asked: u32, from: u64): void {
  const at = ethernet(slot, port, destinationMac, from, 0x0806, 42);
  store<u16>(at, <u16>swap16(1));
  store<u16>(at, <u16>swap16(0x0800), 2);
  store<u8>(at, 6, 4);
  store<u8>(at, 4, 5);
  store<u16>(at, <u16>swap16(operation), 6);
  storeMac(at + 8, from);
  store<u32>(at, swap32(asker), 14);
  store<u32>(at, swap32(asked), 24);
}
