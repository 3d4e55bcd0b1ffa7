/** Builds frames in the ring, byte by byte, in network order. */
import { frameAt, slotAt } from "../../ring";
import { swap16, swap32, storeMac } from "../../wire/ethernet";

export const VIP: u32 = 0x0a000064; // 10.0.0.100
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
  const ip = ethernet(slot, port, destinationMac, sourceMac, 0x0800, 42);
  const at = ipv4(ip, source, destination, 17, 8);
  store<u16>(at, <u16>swap16(5000));
  store<u16>(at, <u16>swap16(53), 2);
  store<u16>(at, <u16>swap16(8), 4);
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
