/** TCP, UDP and what else IP may carry. Returns of parsers: a `Drop` reason, or NONE. */
import { Drop } from "../abi";
import { FragmentFlag, Packet, PacketKind } from "../packet";
import { swap16 } from "../wire/ethernet";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ipv4";
import * as transport from "../wire/transport";

/** `transport`, `transportBytes`, `protocol` and `fragment` of the packet are set. */
export function parseTransport(packet: Packet, frame: usize, fromHost: bool): u32 {
  const segment = frame + packet.transport;
  if (packet.protocol == PROTOCOL_TCP) return parseTcp(packet, segment, fromHost);
  if (packet.protocol == PROTOCOL_UDP) return parseUdp(packet, segment, fromHost);
  packet.kind = <u8>PacketKind.IP_OTHER;
  return Drop.NONE;
}

/** A first fragment that does not hold all of the header is no one's: RFC 1858. */
function parseTcp(packet: Packet, segment: usize, fromHost: bool): u32 {
  const bytes = <u32>packet.transportBytes;
  if (bytes < transport.TCP_HEADER_BYTES_MIN) return Drop.BAD_TCP;
  const headerBytes = (<u32>load<u8>(segment, transport.TCP_OFFSET) >>> 4) << 2;
  if (headerBytes < transport.TCP_HEADER_BYTES_MIN) return Drop.BAD_TCP;
  if (headerBytes > bytes && packet.fragment != FragmentFlag.FIRST) return Drop.BAD_TCP;
  packet.kind = <u8>PacketKind.TCP;
  packet.tcpFlags = load<u8>(segment, transport.TCP_FLAGS);
  parsePorts(packet, segment, fromHost);
  return Drop.NONE;
}

/** The length is that of the whole datagram, of which a first fragment has a part. */
function parseUdp(packet: Packet, segment: usize, fromHost: bool): u32 {
  const bytes = <u32>packet.transportBytes;
  if (bytes < transport.UDP_HEADER_BYTES) return Drop.BAD_UDP;
  const length = swap16(load<u16>(segment, transport.UDP_LENGTH));
  if (length < transport.UDP_HEADER_BYTES) return Drop.BAD_UDP;
  if (length > bytes && packet.fragment != FragmentFlag.FIRST) return Drop.BAD_UDP;
  packet.kind = <u8>PacketKind.UDP;
  parsePorts(packet, segment, fromHost);
  return Drop.NONE;
}

/** Whether the first bytes of what the protocol carries are its ports. */
// @ts-ignore: decorator
@inline
export function isQuotable(protocol: u32): bool {
  return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/** @param fromHost the client's port is the destination's */
export function parsePorts(packet: Packet, segment: usize, fromHost: bool): void {
  const source = load<u16>(segment, transport.PORTS);
  const destination = load<u16>(segment, transport.PORTS + 2);
  packet.clientPort = fromHost ? destination : source;
  packet.vipPort = fromHost ? source : destination;
}
