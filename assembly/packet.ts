/** What is known of a frame after the first stage: one `Packet` a slot. */
import { Drop } from "./abi";
import { FlowKey, candidates, sameClient } from "./flows";
import { bucketOf } from "./buckets";
import { hashClient, hashFlow } from "./hash";
import { frameAt, slotAt } from "./ring";
import { FRAME_SLOTS, SLOT_BYTES } from "./sizes";
import * as arp from "./wire/arp";
import * as ethernet from "./wire/ethernet";
import * as ipv4 from "./wire/ipv4";
import * as transport from "./wire/transport";

export enum PacketKind {
  /** Neither ARP nor IP. */
  OTHER = 0,
  ARP = 1,
  IPV6 = 2,
  TCP = 3,
  UDP = 4,
  ICMP_QUERY = 5,
  ICMP_ERROR = 6,
  FRAGMENT = 7,
  /** Any other protocol over IPv4. */
  IPV4_OTHER = 8,
}

/** The flow's key comes first, so that the flow table reads it where it stands. */
@unmanaged
export class Packet extends FlowKey {
  /** Bits of the flow table's ways that may hold the flow. */
  ways: u32;
  /** Where the payload of Ethernet begins, behind VLAN tags. */
  payload: u16;
  /** As loaded. */
  ethertype: u16;
  /** `PacketKind`. */
  kind: u8;
  /** `Drop` reason of a frame that is malformed, or NONE. */
  drop: u8;
  tcpFlags: u8;
  reserved1: u8;
}

if (offsetof<Packet>() != 32) ERROR("Packet is 32 bytes: two to a cache line");

const PACKETS: usize = memory.data(FRAME_SLOTS * offsetof<Packet>(), 64);

// @ts-ignore: decorator
@inline
export function packetAt(slot: u32): Packet {
  return changetype<Packet>(PACKETS + slot * offsetof<Packet>());
}

/** IPv4 of any kind: `client` and `vip` are set. */
// @ts-ignore: decorator
@inline
export function isIpv4(packet: Packet): bool {
  return packet.kind >= <u8>PacketKind.TCP;
}

/**
 * First stage: checks lengths once, classifies, and hashes.
 * @param fromHost the client is the destination, not the source
 */
export function parse(slot: u32, fromHost: bool): void {
  const packet = packetAt(slot);
  packet.client = 0;
  packet.vip = 0;
  packet.clientPort = 0;
  packet.vipPort = 0;
  packet.protocol = 0;
  packet.ways = 0;
  packet.ethertype = 0;
  packet.kind = <u8>PacketKind.OTHER;
  packet.tcpFlags = 0;
  packet.drop = <u8>parseEthernet(packet, frameAt(slot), slotAt(slot).length, fromHost);
  packet.bucket = <u16>bucketOf(hashClient(packet.client));
}

/** Second stage: which ways of the flow table may hold the flow. */
export function match(slot: u32): void {
  const packet = packetAt(slot);
  if (packet.kind != PacketKind.TCP) return;
  hashKey(packet);
  packet.ways = candidates(packet.hash);
}

/** Third stage: of these, the ones whose entries have the flow's client. */
export function verify(slot: u32): void {
  const packet = packetAt(slot);
  if (packet.ways) packet.ways = sameClient(packet.ways, packet);
}

function parseEthernet(packet: Packet, frame: usize, length: u32, fromHost: bool): u32 {
  if (length > SLOT_BYTES) return Drop.OVERSIZE;
  if (length < ethernet.HEADER_BYTES) return Drop.BAD_ETHERNET;
  let at: u32 = <u32>ethernet.ETHERTYPE;
  let ethertype = <u32>load<u16>(frame + at);
  for (let tags: u32 = 0; tags < ethernet.VLAN_TAGS_MAX; tags++) {
    if (!ethernet.isVlan(ethertype)) break;
    at += ethernet.VLAN_BYTES;
    if (length < at + 2) return Drop.BAD_ETHERNET;
    ethertype = load<u16>(frame + at);
  }
  packet.ethertype = <u16>ethertype;
  packet.payload = <u16>(at + 2);
  const bytes = length - at - 2;
  const payload = frame + at + 2;
  if (ethertype == ethernet.TYPE_IPV4) return parseIpv4(packet, payload, bytes, fromHost);
  if (ethertype == ethernet.TYPE_ARP) return parseArp(packet, payload, bytes);
  if (ethertype == ethernet.TYPE_IPV6) packet.kind = <u8>PacketKind.IPV6;
  return Drop.NONE;
}

/** The asker is the client. */
function parseArp(packet: Packet, payload: usize, bytes: u32): u32 {
  if (bytes < arp.BYTES || !arp.isEthernetIpv4(payload)) return Drop.BAD_ARP;
  packet.kind = <u8>PacketKind.ARP;
  packet.client = load<u32>(payload, arp.SENDER_IP);
  packet.vip = load<u32>(payload, arp.TARGET_IP);
  return Drop.NONE;
}

function parseIpv4(packet: Packet, payload: usize, bytes: u32, fromHost: bool): u32 {
  if (bytes < ipv4.HEADER_BYTES_MIN) return Drop.BAD_IPV4;
  const first = <u32>load<u8>(payload);
  const headerBytes = (first & 0xf) << 2;
  const totalBytes = ethernet.swap16(load<u16>(payload, ipv4.TOTAL_LENGTH));
  if (first >>> 4 != 4 || headerBytes < ipv4.HEADER_BYTES_MIN || totalBytes < headerBytes || totalBytes > bytes) {
    return Drop.BAD_IPV4;
  }
  const source = load<u32>(payload, ipv4.SOURCE);
  const destination = load<u32>(payload, ipv4.DESTINATION);
  packet.client = fromHost ? destination : source;
  packet.vip = fromHost ? source : destination;
  packet.protocol = load<u8>(payload, ipv4.PROTOCOL);
  if (load<u16>(payload, ipv4.FRAGMENT) & ipv4.FRAGMENT_MASK) {
    packet.kind = <u8>PacketKind.FRAGMENT;
    return Drop.NONE;
  }
  const segment = payload + headerBytes;
  const segmentBytes = totalBytes - headerBytes;
  if (packet.protocol == ipv4.PROTOCOL_TCP) return parseTcp(packet, segment, segmentBytes, fromHost);
  if (packet.protocol == ipv4.PROTOCOL_UDP) return parseUdp(packet, segment, segmentBytes);
  if (packet.protocol == ipv4.PROTOCOL_ICMP) return parseIcmp(packet, segment, segmentBytes);
  packet.kind = <u8>PacketKind.IPV4_OTHER;
  return Drop.NONE;
}

function parseTcp(packet: Packet, segment: usize, bytes: u32, fromHost: bool): u32 {
  if (bytes < transport.TCP_HEADER_BYTES_MIN) return Drop.BAD_TCP;
  const headerBytes = (<u32>load<u8>(segment, transport.TCP_OFFSET) >>> 4) << 2;
  if (headerBytes < transport.TCP_HEADER_BYTES_MIN || headerBytes > bytes) return Drop.BAD_TCP;
  packet.kind = <u8>PacketKind.TCP;
  packet.tcpFlags = load<u8>(segment, transport.TCP_FLAGS);
  const sourcePort = load<u16>(segment, transport.PORTS);
  const destinationPort = load<u16>(segment, transport.PORTS + 2);
  packet.clientPort = fromHost ? destinationPort : sourcePort;
  packet.vipPort = fromHost ? sourcePort : destinationPort;
  return Drop.NONE;
}

function parseUdp(packet: Packet, segment: usize, bytes: u32): u32 {
  if (bytes < transport.UDP_HEADER_BYTES) return Drop.BAD_UDP;
  const length = ethernet.swap16(load<u16>(segment, transport.UDP_LENGTH));
  if (length < transport.UDP_HEADER_BYTES || length > bytes) return Drop.BAD_UDP;
  packet.kind = <u8>PacketKind.UDP;
  return Drop.NONE;
}

function parseIcmp(packet: Packet, segment: usize, bytes: u32): u32 {
  if (bytes < transport.ICMP_HEADER_BYTES) return Drop.BAD_ICMP;
  const type = <u32>load<u8>(segment, transport.ICMP_TYPE);
  packet.kind = <u8>(transport.isIcmpError(type) ? PacketKind.ICMP_ERROR : PacketKind.ICMP_QUERY);
  return Drop.NONE;
}

/** Sets a key's hash from its addresses, ports and protocol. */
// @ts-ignore: decorator
@inline
export function hashKey(key: FlowKey): void {
  key.hash = hashFlow(key.client, key.vip, <u32>key.clientPort | (<u32>key.vipPort << 16), key.protocol);
}
