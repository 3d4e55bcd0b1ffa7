/**
 * Neighbour discovery for IPv6, RFC 4861: what it takes to answer a solicitation.
 *
 * ```
 *  ICMPv6       0      1      2          4       8        24                       32
 *               +------+------+----------+-------+--------+------------------------+
 *  136 (135)    | type | code | checksum | flags | target | option: type 2, len 1, MAC |
 *               +------+------+----------+-------+--------+------------------------+
 * ```
 */
import { storeMac, swap16 } from "./ethernet";
import * as ipv6 from "./ipv6";
import { ICMP_TYPE } from "./transport";

export const SOLICITATION: u32 = 135;
export const ADVERTISEMENT: u32 = 136;
export const TARGET: usize = 8;
export const BYTES_MIN: u32 = 24;

const CHECKSUM: usize = 2;
const FLAGS: usize = 4;
const OPTIONS: usize = 24;
const OPTION_BYTES: u32 = 8;
/** Target link-layer address, 8 bytes long, as `load<u16>` reads it. */
const OPTION_TARGET_MAC: u32 = 0x0102;
/** Solicited, override: as `load<u32>` reads them. */
const FLAGS_ANSWER: u32 = 0x00000060;
/** A hop limit that no router has touched: RFC 4861, section 7.1.1. */
export const HOP_LIMIT_LOCAL: u32 = 255;

/** Router and neighbour discovery, redirects: links' own affairs. */
// @ts-ignore: decorator
@inline
export function isDiscovery(type: u32): bool {
  return type >= 133 && type <= 137;
}

/**
 * Turns the solicitation in the IPv6 packet at `packet` (no extension headers; `bytes` of ICMPv6, at least BYTES_MIN) into the
 * advertisement that says `mac` has the target. What is behind it in the frame is padding then.
 */
export function answer(packet: usize, bytes: u32, mac: u64): void {
  const message = packet + ipv6.HEADER_BYTES;
  const askerLow = load<u64>(packet, ipv6.SOURCE);
  const askerHigh = load<u64>(packet, ipv6.SOURCE + 8);
  store<u64>(packet, load<u64>(message, TARGET), ipv6.SOURCE);
  store<u64>(packet, load<u64>(message, TARGET + 8), ipv6.SOURCE + 8);
  store<u64>(packet, askerLow, ipv6.DESTINATION);
  store<u64>(packet, askerHigh, ipv6.DESTINATION + 8);
  store<u8>(packet, <u8>HOP_LIMIT_LOCAL, ipv6.HOP_LIMIT);

  store<u8>(message, <u8>ADVERTISEMENT, ICMP_TYPE);
  store<u16>(message, 0, CHECKSUM);
  store<u32>(message, FLAGS_ANSWER, FLAGS);
  // A unicast solicitation may come without an option: its sender has our address already.
  let length = BYTES_MIN;
  if (bytes >= BYTES_MIN + OPTION_BYTES) {
    length += OPTION_BYTES;
    store<u16>(message, <u16>OPTION_TARGET_MAC, OPTIONS);
    storeMac(message + OPTIONS + 2, mac);
  }
  store<u16>(packet, <u16>swap16(length), ipv6.PAYLOAD_LENGTH);
  store<u16>(message, <u16>checksum(packet, message, length), CHECKSUM);
}

/** The Internet checksum (RFC 1071) of an ICMPv6 message with its pseudo-header (RFC 8200, section 8.1), as it is stored. */
export function checksum(packet: usize, message: usize, length: u32): u32 {
  let sum = swap16(length) + swap16(ipv6.NEXT_ICMPV6);
  for (let at: usize = 0; at < 32; at += 2) sum += load<u16>(packet + at, ipv6.SOURCE);
  for (let at: u32 = 0; at < BYTES_MIN + OPTION_BYTES; at += 2) {
    if (at >= length) break;
    sum += load<u16>(message + at);
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** From `::`: a node that tests whether an address is taken (RFC 4862, section 5.4). It has no bucket. */
// @ts-ignore: decorator
@inline
export function isUnspecified(packet: usize): bool {
  return load<u64>(packet, ipv6.SOURCE) == 0 && load<u64>(packet, ipv6.SOURCE + 8) == 0;
}
