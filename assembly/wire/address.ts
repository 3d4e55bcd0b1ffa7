/**
 * IP addresses of both families as 16 bytes: an IPv4 address stands as `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2). They are
 * held as two u64, first byte lowest, so that they are loaded without swapping.
 *
 * ```
 *  low: bytes 0-7    high: bytes 8-15 = 00 00 ff ff a b c d for IPv4
 * ```
 */

const MAPPED_HIGH: u64 = 0x00000000ffff0000;

/** The upper 8 bytes of an IPv4 address (network order); the lower ones are 0. */
// @ts-ignore: decorator
@inline
export function mappedHigh(address: u32): u64 {
  return MAPPED_HIGH | (<u64>address << 32);
}

/** Whether (`low`, `high`) is an IPv4 address. */
// @ts-ignore: decorator
@inline
export function isMapped(low: u64, high: u64): bool {
  return low == 0 && <u32>high == <u32>MAPPED_HIGH;
}

/** The last 4 bytes: all of an IPv4 address. */
// @ts-ignore: decorator
@inline
export function lastWord(high: u64): u32 {
  return <u32>(high >>> 32);
}
