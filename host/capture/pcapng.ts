/**
 * What pcapng's reader and writer share: block types, option codes and the offsets of fields in a block.
 *
 * ```
 * block   | type | length | body, a multiple of 4 bytes ... | length |
 *         0      4        8
 * option  | code | length | value, padded to a multiple of 4 |           (code 0 ends the list)
 *         0      2        4
 * ```
 */

export const BLOCK = { type: 0, length: 4, body: 8, TRAILER_SIZE: 4, SIZE_MIN: 12 } as const;

export const BLOCK_TYPE = {
  INTERFACE: 1,
  /** Obsolete, and still found. */
  PACKET: 2,
  SIMPLE_PACKET: 3,
  ENHANCED_PACKET: 6,
  /** The same in either byte order. */
  SECTION: 0x0a0d0d0a,
} as const;

/** Tells the byte order of a section. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const VERSION_MAJOR = 1;
export const VERSION_MINOR = 0;

/** | byte-order magic | major | minor | section length (-1: unknown) | options | */
export const SECTION = { magic: 8, major: 12, minor: 14, sectionLength: 16, options: 24 } as const;
/** | link type | 0 | snap length | options | */
export const INTERFACE = { linkType: 8, snapLength: 12, options: 16 } as const;
/** | interface | time, upper half | lower half | captured | wire | bytes | options | */
export const ENHANCED_PACKET = { interface: 8, timeHigh: 12, timeLow: 16, captured: 20, wire: 24, bytes: 28 } as const;
/** | interface u16 | drops u16 | and on as in an enhanced packet block */
export const PACKET = { ...ENHANCED_PACKET } as const;
/** | wire | bytes | */
export const SIMPLE_PACKET = { wire: 8, bytes: 12 } as const;

export const OPTION = { END: 0, COMMENT: 1, IF_NAME: 2, IF_TSRESOL: 9, IF_TSOFFSET: 14, SHB_USERAPPL: 4 } as const;
export const OPTION_HEADER_SIZE = 4;

/** `length` and what pads it to a multiple of 4. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
