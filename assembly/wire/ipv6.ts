/**
 * IPv6, RFC 8200.
 *
 * ```
 *  0                       4         6             7           8        24            40
 *  +-----------------------+---------+-------------+-----------+--------+-------------+---------
 *  | ver | class | label   | payload | next header | hop limit | source | destination | next header's
 *  +-----------------------+---------+-------------+-----------+--------+-------------+---------
 * ```
 *
 * Extension headers begin with `next header`, `length` (in units of 8 bytes, the first 8 not counted; an
 * authentication header's in units of 4, less 2); a fragment header is 8 bytes:
 *
 * ```
 *  0             1          2                           4                8
 *  +-------------+----------+---------------------------+----------------+
 *  | next header | reserved | offset:13 | 0:2 | more:1  | identification |
 *  +-------------+----------+---------------------------+----------------+
 * ```
 */

export const PAYLOAD_LENGTH: usize = 4;
export const NEXT_HEADER: usize = 6;
export const HOP_LIMIT: usize = 7;
export const SOURCE: usize = 8;
export const DESTINATION: usize = 24;
export const HEADER_BYTES: u32 = 40;

export const NEXT_HOP_BY_HOP: u32 = 0;
export const NEXT_ROUTING: u32 = 43;
export const NEXT_FRAGMENT: u32 = 44;
export const NEXT_AUTHENTICATION: u32 = 51;
export const NEXT_ICMPV6: u32 = 58;
export const NEXT_DESTINATION: u32 = 60;

/** Extension headers that are walked: RFC 8200 has seven places for them. */
export const EXTENSIONS_MAX: u32 = 8;
export const EXTENSION_BYTES_MIN: u32 = 8;

export const FRAGMENT_OFFSET: usize = 2;
export const FRAGMENT_ID: usize = 4;
/** The offset of a fragment header, and its "more fragments" flag, in host order. */
export const FRAGMENT_OFFSET_MASK: u32 = 0xfff8;
export const FRAGMENT_MORE: u32 = 1;

// @ts-ignore: decorator
@inline
export function isExtension(next: u32): bool {
  return (
    next == NEXT_HOP_BY_HOP ||
    next == NEXT_ROUTING ||
    next == NEXT_FRAGMENT ||
    next == NEXT_AUTHENTICATION ||
    next == NEXT_DESTINATION
  );
}

/** Bytes of the extension header of type `next` at `at`, of which at least `EXTENSION_BYTES_MIN` are there. */
// @ts-ignore: decorator
@inline
export function extensionBytes(next: u32, at: usize): u32 {
  if (next == NEXT_FRAGMENT) return EXTENSION_BYTES_MIN;
  const length = <u32>load<u8>(at, 1);
  return next == NEXT_AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3;
}
