/**
 * ARP for IPv4 over Ethernet, RFC 826.
 *
 * ```
 *  0       2       4     5     6           8           14          18          24          28
 *  +-------+-------+-----+-----+-----------+-----------+-----------+-----------+-----------+
 *  | htype | ptype | hln | pln | operation | sender MAC| sender IP | target MAC| target IP |
 *  +-------+-------+-----+-----+-----------+-----------+-----------+-----------+-----------+
 * ```
 */
import { TYPE_IPV4, loadMac, storeMac } from "./ethernet";

export const OPERATION: usize = 6;
export const SENDER_MAC: usize = 8;
export const SENDER_IP: usize = 14;
export const TARGET_MAC: usize = 18;
export const TARGET_IP: usize = 24;
export const BYTES: u32 = 28;

/** Operations as `load<u16>` reads them. */
export const REQUEST: u32 = 0x0100;
export const REPLY: u32 = 0x0200;

/** htype 1, ptype IPv4, hln 6, pln 4, as `load` reads them. */
const HTYPE_ETHERNET: u32 = 0x0100;
const LENGTHS: u32 = 0x0406;

/** Whether `arp` (at least BYTES long) is ARP for IPv4 over Ethernet. */
// @ts-ignore: decorator
@inline
export function isEthernetIpv4(arp: usize): bool {
  return load<u16>(arp) == HTYPE_ETHERNET && load<u16>(arp, 2) == TYPE_IPV4 && load<u16>(arp, 4) == LENGTHS;
}

/** Turns a request into the reply that says `mac` has the address asked for. */
export function answer(arp: usize, mac: u64): void {
  const asked = load<u32>(arp, TARGET_IP);
  store<u16>(arp, REPLY, OPERATION);
  storeMac(arp + TARGET_MAC, loadMac(arp + SENDER_MAC));
  store<u32>(arp, load<u32>(arp, SENDER_IP), TARGET_IP);
  storeMac(arp + SENDER_MAC, mac);
  store<u32>(arp, asked, SENDER_IP);
}
