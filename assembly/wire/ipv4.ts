/**
 * IPv4, RFC 791.
 *
 * ```
 *  0         1     2              4    6                8     9          10         12       16            20
 *  +---------+-----+--------------+----+----------------+-----+----------+----------+--------+-------------+---------
 *  |ver | ihl| tos | total length | id | flags | offset | ttl | protocol | checksum | source | destination | options
 *  +---------+-----+--------------+----+----------------+-----+----------+----------+--------+-------------+---------
 * ```
 */

export const TOTAL_LENGTH: usize = 2;
export const ID: usize = 4;
export const FRAGMENT: usize = 6;
export const PROTOCOL: usize = 9;
export const SOURCE: usize = 12;
export const DESTINATION: usize = 16;
export const HEADER_BYTES_MIN: u32 = 20;

/** "More fragments" and the fragment offset, as `load<u16>` reads them. */
export const FRAGMENT_MASK: u32 = 0xff3f;
export const FRAGMENT_OFFSET_MASK: u32 = 0xff1f;

export const PROTOCOL_ICMP: u32 = 1;
export const PROTOCOL_TCP: u32 = 6;
export const PROTOCOL_UDP: u32 = 17;
