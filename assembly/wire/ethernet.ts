/**
 * Ethernet II, IEEE 802.3 clause 3; VLAN tags, IEEE 802.1Q clause 9.
 *
 * ```
 *  0             6        12          14
 *  +-------------+--------+-----------+---------
 *  | destination | source | ethertype | payload      (a VLAN tag is 4 bytes between source and ethertype)
 *  +-------------+--------+-----------+---------
 * ```
 *
 * MACs are held as u64, first byte lowest, so that they are loaded without swapping; so are ethertypes and addresses.
 */

export const DESTINATION: usize = 0;
export const SOURCE: usize = 6;
export const ETHERTYPE: usize = 12;
export const HEADER_BYTES: u32 = 14;
export const VLAN_BYTES: u32 = 4;
/** 802.1Q inside 802.1ad: the most tags that are looked through. */
export const VLAN_TAGS_MAX: u32 = 2;

/** Ethertypes as `load<u16>` reads them. */
export const TYPE_IPV4: u32 = 0x0008;
export const TYPE_ARP: u32 = 0x0608;
export const TYPE_IPV6: u32 = 0xdd86;
export const TYPE_8021Q: u32 = 0x0081;
export const TYPE_8021AD: u32 = 0xa888;

/** Swaps the bytes of a 16-bit field: host order to network order and back. */
// @ts-ignore: decorator
@inline
export function swap16(value: u32): u32 {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Swaps the bytes of a 32-bit field. */
// @ts-ignore: decorator
@inline
export function swap32(value: u32): u32 {
  return (rotl(value, 8) & 0x00ff00ff) | (rotl(value, 24) & 0xff00ff00);
}

// @ts-ignore: decorator
@inline
export function loadMac(at: usize): u64 {
  return <u64>load<u32>(at) | (<u64>load<u16>(at, 4) << 32);
}

// @ts-ignore: decorator
@inline
export function storeMac(at: usize, mac: u64): void {
  store<u32>(at, <u32>mac);
  store<u16>(at, <u16>(mac >>> 32), 4);
}

/** Multicast or broadcast. */
// @ts-ignore: decorator
@inline
export function isGroup(mac: u64): bool {
  return (mac & 1) != 0;
}

// @ts-ignore: decorator
@inline
export function isVlan(ethertype: u32): bool {
  return ethertype == TYPE_8021Q || ethertype == TYPE_8021AD;
}
