/** What is known of a frame after the first stage: one `Packet` a slot. */
import { FlowKey } from "./flows";
import { hashFlow } from "./hash";
import { NO_VIP } from "./identity";
import { ServiceClass } from "./records";
import { FRAME_SLOTS } from "./sizes";

export enum PacketKind {
  /** Neither ARP nor IP. */
  OTHER = 0,
  ARP = 1,
  /** Router or neighbour discovery of IPv6. */
  DISCOVERY = 2,
  TCP = 3,
  UDP = 4,
  ICMP_QUERY = 5,
  /** The key is that of the packet it quotes. */
  ICMP_ERROR = 6,
  /** Any other protocol over IP. */
  IP_OTHER = 7,
  /** A fragment that is not the first of its packet: there is nothing to tell its flow by. */
  FRAGMENT = 8,
}

export enum FragmentFlag {
  /** The first fragment of more. */
  FIRST = 1,
  /** Any other. */
  LATER = 2,
}

/** The flow's key comes first, so that the flow table reads it where it stands. */
@unmanaged
export class Packet extends FlowKey {
  /** Bits of the flow table's ways that may hold the flow. */
  ways: u32;
  /** Identification of a fragmented packet, as loaded. */
  fragmentId: u32;
  /** Offset in the frame of what Ethernet carries, behind VLAN tags. */
  payload: u16;
  /** Offset in the frame of what IP carries, behind extension headers. */
  transport: u16;
  /** Bytes of that. */
  transportBytes: u16;
  /** As loaded. */
  ethertype: u16;
  /** `PacketKind`. */
  kind: u8;
  /** `Drop` reason of a frame that is malformed, or NONE. */
  drop: u8;
  tcpFlags: u8;
  /** `FragmentFlag`s. */
  fragment: u8;
  /** Index of the service, or NO_SERVICE. */
  service: u8;
  /** `ServiceClass` of its flow; NONE: it has no flow, and is the current owner's. */
  serviceClass: u8;
  /** IP protocol number of the packet itself, where `protocol` is that of a quoted one. */
  carrier: u8;
  /** Of a fragmented packet of IPv4: its protocol; 0 of IPv6. */
  fragmentProtocol: u8;
  reserved1: u64;
}

if (offsetof<Packet>() != 64) ERROR("Packet is 64 bytes: a cache line");

const PACKETS: usize = memory.data(FRAME_SLOTS * offsetof<Packet>(), 64);

// @ts-ignore: decorator
@inline
export function packetAt(slot: u32): Packet {
  return changetype<Packet>(PACKETS + slot * offsetof<Packet>());
}

/** To (or, from a host, by) one of our virtual IPs: `client` and `vip` are set. */
// @ts-ignore: decorator
@inline
export function isForVip(packet: Packet): bool {
  return packet.kind >= <u8>PacketKind.TCP && packet.vip != NO_VIP;
}

/** Whether the packet is of a flow that one host has, and the others have not. */
// @ts-ignore: decorator
@inline
export function hasFlow(packet: Packet): bool {
  return packet.serviceClass != ServiceClass.NONE;
}

// @ts-ignore: decorator
@inline
function hashOf(key: FlowKey): u64 {
  const ports = <u32>key.clientPort | (<u32>key.vipPort << 16);
  return hashFlow(key.client, key.clientHigh, ports, (<u32>key.protocol << 8) | key.vip);
}

/** Sets a key's hash from its addresses, ports and protocol. */
// @ts-ignore: decorator
@inline
export function hashKey(key: FlowKey): void {
  key.hash = <u32>hashOf(key);
}

/** What a handover list keeps of a flow. */
export function fingerprintOf(key: FlowKey): u32 {
  return <u32>(hashOf(key) >>> 32);
}
