/** IPv6: header and extension headers, and what is to be known of the packet that an ICMPv6 error quotes. */
import { Drop } from "../abi";
import { FragmentFlag, Packet, PacketKind } from "../packet";
import { vipIndex } from "../identity";
import { isMapped } from "../wire/address";
import { swap16 } from "../wire/ethernet";
import * as ipv6 from "../wire/ipv6";
import * as nd from "../wire/nd";
import * as transport from "../wire/transport";
import { isQuotable, parsePorts, parseTransport } from "./transport";

/** Where a walk over extension headers has ended: what comes next, where it begins, and the fragment header on the way. */
let next: u32 = 0;
let offset: u32 = 0;
let fragmentAt: usize = 0;

/** `at`: where the header begins in the frame; `bytes` are there from then on. Returns a `Drop` reason, or NONE. */
export function parseIpv6(packet: Packet, frame: usize, at: u32, bytes: u32, fromHost: bool): u32 {
  if (bytes < ipv6.HEADER_BYTES) return Drop.BAD_IPV6;
  const header = frame + at;
  const payloadBytes = swap16(load<u16>(header, ipv6.PAYLOAD_LENGTH));
  if (load<u8>(header) >>> 4 != 6 || payloadBytes > bytes - ipv6.HEADER_BYTES) return Drop.BAD_IPV6;
  const client = header + (fromHost ? ipv6.DESTINATION : ipv6.SOURCE);
  const vip = header + (fromHost ? ipv6.SOURCE : ipv6.DESTINATION);
  packet.client = load<u64>(client);
  packet.clientHigh = load<u64>(client, 8);
  packet.vip = <u8>vipIndex(load<u64>(vip), load<u64>(vip, 8));
  // They stand for IPv4, and are not on a wire (RFC 4291, section 2.5.5.2; RFC 6890).
  if (isMapped(packet.client, packet.clientHigh) || isMapped(load<u64>(vip), load<u64>(vip, 8))) return Drop.BAD_IPV6;
  if (!walk(header, payloadBytes)) return Drop.BAD_IPV6;
  packet.protocol = <u8>next;
  packet.carrier = <u8>next;
  packet.transport = <u16>(at + ipv6.HEADER_BYTES + offset);
  packet.transportBytes = <u16>(payloadBytes - offset);
  if (fragmentAt != 0) {
    const field = swap16(load<u16>(fragmentAt, ipv6.FRAGMENT_OFFSET));
    packet.fragmentId = load<u32>(fragmentAt, ipv6.FRAGMENT_ID);
    // An atomic fragment (RFC 6946) is a whole packet.
    if (field & ipv6.FRAGMENT_OFFSET_MASK) {
      packet.fragment = <u8>FragmentFlag.LATER;
      packet.kind = <u8>PacketKind.FRAGMENT;
      return Drop.NONE;
    }
    if (field & ipv6.FRAGMENT_MORE) packet.fragment = <u8>FragmentFlag.FIRST;
  }
  if (next == ipv6.NEXT_ICMPV6) return parseIcmpv6(packet, frame, fromHost);
  return parseTransport(packet, frame, fromHost);
}

/** Walks over the extension headers of `payloadBytes` bytes behind the header. Behind a later fragment's header there are none.
 *  False: one is cut off, or there are too many. */
function walk(header: usize, payloadBytes: u32): bool {
  const from = header + ipv6.HEADER_BYTES;
  next = load<u8>(header, ipv6.NEXT_HEADER);
  offset = 0;
  fragmentAt = 0;
  for (let i: u32 = 0; i < ipv6.EXTENSIONS_MAX; i++) {
    if (!ipv6.isExtension(next)) return true;
    if (payloadBytes - offset < ipv6.EXTENSION_BYTES_MIN) return false;
    const extension = from + offset;
    const bytes = ipv6.extensionBytes(next, extension);
    if (payloadBytes - offset < bytes) return false;
    const isFragment = next == ipv6.NEXT_FRAGMENT;
    next = load<u8>(extension);
    offset += bytes;
    if (!isFragment) continue;
    if (fragmentAt != 0) return false;
    fragmentAt = extension;
    if (swap16(load<u16>(extension, ipv6.FRAGMENT_OFFSET)) & ipv6.FRAGMENT_OFFSET_MASK) return true;
  }
  return !ipv6.isExtension(next);
}

function parseIcmpv6(packet: Packet, frame: usize, fromHost: bool): u32 {
  if (packet.transportBytes < transport.ICMP_HEADER_BYTES) return Drop.BAD_ICMP;
  const message = frame + packet.transport;
  const type = <u32>load<u8>(message, transport.ICMP_TYPE);
  if (nd.isDiscovery(type)) return parseDiscovery(packet, message, type);
  if (!transport.isIcmpv6Error(type)) {
    packet.kind = <u8>PacketKind.ICMP_QUERY;
    return Drop.NONE;
  }
  packet.kind = <u8>PacketKind.ICMP_ERROR;
  if (fromHost) return Drop.NONE;
  return parseQuote(packet, message + transport.ICMP_QUOTE, packet.transportBytes - transport.ICMP_QUOTE);
}

/** The asker is the client; `vip` is the target. A host's own solicitations and advertisements name theirs there, too. */
function parseDiscovery(packet: Packet, message: usize, type: u32): u32 {
  packet.kind = <u8>PacketKind.DISCOVERY;
  if (type != nd.SOLICITATION && type != nd.ADVERTISEMENT) return Drop.NONE;
  if (packet.transportBytes < nd.BYTES_MIN) return Drop.BAD_ICMP;
  packet.vip = <u8>vipIndex(load<u64>(message, nd.TARGET), load<u64>(message, nd.TARGET + 8));
  return Drop.NONE;
}

/** What a host of ours has sent, and a router or the client complains of: the key is taken from it. */
function parseQuote(packet: Packet, quote: usize, bytes: u32): u32 {
  if (bytes < ipv6.HEADER_BYTES + transport.QUOTED_BYTES_MIN || load<u8>(quote) >>> 4 != 6) return Drop.BAD_ICMP;
  packet.client = load<u64>(quote, ipv6.DESTINATION);
  packet.clientHigh = load<u64>(quote, ipv6.DESTINATION + 8);
  if (isMapped(packet.client, packet.clientHigh)) return Drop.BAD_ICMP;
  if (isMapped(load<u64>(quote, ipv6.SOURCE), load<u64>(quote, ipv6.SOURCE + 8))) return Drop.BAD_ICMP;
  packet.vip = <u8>vipIndex(load<u64>(quote, ipv6.SOURCE), load<u64>(quote, ipv6.SOURCE + 8));
  // The quote may be cut off anywhere behind its first bytes.
  const quotedBytes = bytes - ipv6.HEADER_BYTES;
  if (!walk(quote, quotedBytes) || quotedBytes - offset < transport.QUOTED_BYTES_MIN) return Drop.BAD_ICMP;
  if (fragmentAt != 0 && swap16(load<u16>(fragmentAt, ipv6.FRAGMENT_OFFSET)) & ipv6.FRAGMENT_OFFSET_MASK) return Drop.BAD_ICMP;
  packet.protocol = <u8>next;
  if (isQuotable(next)) parsePorts(packet, quote + ipv6.HEADER_BYTES + offset, true);
  return Drop.NONE;
}
