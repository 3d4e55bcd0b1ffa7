/** TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443): the few fields that a decision needs. */

/** Source port, destination port: the first 4 bytes of TCP and UDP alike. */
export const PORTS: usize = 0;

export const TCP_OFFSET: usize = 12;
export const TCP_FLAGS: usize = 13;
export const TCP_HEADER_BYTES_MIN: u32 = 20;
export const FIN: u32 = 0x01;
export const SYN: u32 = 0x02;
export const RST: u32 = 0x04;
export const ACK: u32 = 0x10;

export const UDP_LENGTH: usize = 4;
export const UDP_HEADER_BYTES: u32 = 8;

export const ICMP_TYPE: usize = 0;
export const ICMP_HEADER_BYTES: u32 = 8;

/** ICMP types that quote the packet they complain of: unreachable, source quench, redirect, time exceeded, parameter
 *  problem. */
// @ts-ignore: decorator
@inline
export function isIcmpError(type: u32): bool {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/** ICMPv6 types below this quote the packet they complain of. */
const ICMPV6_QUERY_MIN: u32 = 128;

// @ts-ignore: decorator
@inline
export function isIcmpv6Error(type: u32): bool {
  return type < ICMPV6_QUERY_MIN;
}

/** An error quotes the packet behind a header of 8 bytes, and at least 8 bytes of what that carries. */
export const ICMP_QUOTE: u32 = 8;
export const QUOTED_BYTES_MIN: u32 = 8;
