/** IPv4: the header, and what is to be known of the packet that an ICMP error quotes. */
import { Drop } from "../abi";
import { FragmentFlag, Packet, PacketKind } from "../packet";
import { vipIndex } from "../identity";
import { mappedHigh } from "../wire/address";
import { swap16 } from "../wire/ethernet";
import * as ipv4 from "../wire/ipv4";
import * as transport from "../wire/transport";
import { isQuotable, parsePorts, parseTransport } from "./transport";

/** `at`: where the header begins in the frame; `bytes` are there from then on. Returns a `Drop` reason, or NONE. */
export function parseIpv4(packet: Packet, frame: usize, at: u32, bytes: u32, fromHost: bool): u32 {
  if (bytes < ipv4.HEADER_BYTES_MIN) return Drop.BAD_IPV4;
  const header = frame + at;
  const headerBytes = headerBytesOf(header);
  const totalBytes = swap16(load<u16>(header, ipv4.TOTAL_LENGTH));
  if (headerBytes == 0 || totalBytes < headerBytes || totalBytes > bytes) return Drop.BAD_IPV4;
  const source = mappedHigh(load<u32>(header, ipv4.SOURCE));
  const destination = mappedHigh(load<u32>(header, ipv4.DESTINATION));
  packet.clientHigh = fromHost ? destination : source;
  packet.vip = <u8>vipIndex(0, fromHost ? source : destination);
  packet.protocol = load<u8>(header, ipv4.PROTOCOL);
  packet.carrier = packet.protocol;
  packet.transport = <u16>(at + headerBytes);
  packet.transportBytes = <u16>(totalBytes - headerBytes);
  const fragment = <u32>load<u16>(header, ipv4.FRAGMENT) & ipv4.FRAGMENT_MASK;
  if (fragment) {
    packet.fragmentId = load<u16>(header, ipv4.ID);
    packet.fragmentProtocol = packet.protocol;
    packet.fragment = <u8>(fragment & ipv4.FRAGMENT_OFFSET_MASK ? FragmentFlag.LATER : FragmentFlag.FIRST);
    if (packet.fragment == FragmentFlag.LATER) {
      packet.kind = <u8>PacketKind.FRAGMENT;
      return Drop.NONE;
    }
  }
  if (packet.protocol == ipv4.PROTOCOL_ICMP) return parseIcmp(packet, frame, fromHost);
  return parseTransport(packet, frame, fromHost);
}

/** Bytes of the header, of which HEADER_BYTES_MIN are there; 0: it is none of IPv4. */
function headerBytesOf(header: usize): u32 {
  const first = <u32>load<u8>(header);
  const headerBytes = (first & 0xf) << 2;
  return first >>> 4 == 4 && headerBytes >= ipv4.HEADER_BYTES_MIN ? headerBytes : 0;
}

function parseIcmp(packet: Packet, frame: usize, fromHost: bool): u32 {
  if (packet.transportBytes < transport.ICMP_HEADER_BYTES) return Drop.BAD_ICMP;
  const message = frame + packet.transport;
  if (!transport.isIcmpError(load<u8>(message, transport.ICMP_TYPE))) {
    packet.kind = <u8>PacketKind.ICMP_QUERY;
    return Drop.NONE;
  }
  packet.kind = <u8>PacketKind.ICMP_ERROR;
  if (fromHost) return Drop.NONE;
  return parseQuote(packet, message + transport.ICMP_QUOTE, packet.transportBytes - transport.ICMP_QUOTE);
}

/** What a host of ours has sent, and a router or the client complains of: the key is taken from it. */
function parseQuote(packet: Packet, quote: usize, bytes: u32): u32 {
  if (bytes < ipv4.HEADER_BYTES_MIN) return Drop.BAD_ICMP;
  const headerBytes = headerBytesOf(quote);
  if (headerBytes == 0 || bytes < headerBytes + transport.QUOTED_BYTES_MIN) return Drop.BAD_ICMP;
  if (load<u16>(quote, ipv4.FRAGMENT) & ipv4.FRAGMENT_OFFSET_MASK) return Drop.BAD_ICMP;
  packet.clientHigh = mappedHigh(load<u32>(quote, ipv4.DESTINATION));
  packet.vip = <u8>vipIndex(0, mappedHigh(load<u32>(quote, ipv4.SOURCE)));
  packet.protocol = load<u8>(quote, ipv4.PROTOCOL);
  if (isQuotable(packet.protocol)) parsePorts(packet, quote + headerBytes, true);
  return Drop.NONE;
}
