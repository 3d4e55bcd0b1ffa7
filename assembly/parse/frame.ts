/** The first stage, from Ethernet on: every length is checked here, once. */
import { Drop } from "../abi";
import { vipIndex } from "../identity";
import { Packet, PacketKind } from "../packet";
import { SLOT_BYTES } from "../sizes";
import { mappedHigh } from "../wire/address";
import * as arp from "../wire/arp";
import * as ethernet from "../wire/ethernet";
import { parseIpv4 } from "./ipv4";
import { parseIpv6 } from "./ipv6";

/** Returns the `Drop` reason of a malformed frame, or NONE. */
export function parseFrame(packet: Packet, frame: usize, length: u32, fromHost: bool): u32 {
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
  at += 2;
  packet.ethertype = <u16>ethertype;
  packet.payload = <u16>at;
  if (ethertype == ethernet.TYPE_IPV4) return parseIpv4(packet, frame, at, length - at, fromHost);
  if (ethertype == ethernet.TYPE_IPV6) return parseIpv6(packet, frame, at, length - at, fromHost);
  if (ethertype == ethernet.TYPE_ARP) return parseArp(packet, frame + at, length - at);
  return Drop.NONE;
}

/** The asker is the client. */
function parseArp(packet: Packet, message: usize, bytes: u32): u32 {
  if (bytes < arp.BYTES || !arp.isEthernetIpv4(message)) return Drop.BAD_ARP;
  packet.kind = <u8>PacketKind.ARP;
  packet.clientHigh = mappedHigh(load<u32>(message, arp.SENDER_IP));
  packet.vip = <u8>vipIndex(0, mappedHigh(load<u32>(message, arp.TARGET_IP)));
  return Drop.NONE;
}
