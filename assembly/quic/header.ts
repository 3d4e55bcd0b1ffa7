/**
 * QUIC packet headers: what holds in all versions (RFC 8999), and of versions 1 (RFC 9000) and 2 (RFC 9369) the packet
 * type.
 *
 * ```
 *  long    0       1         5             6                      short   0       1
 *          +-+-----+---------+-------------+----------------+---          +-+-----+----------------+---
 *          |1|     | version | id's length | destination id |             |0|     | destination id |
 *          +-+-----+---------+-------------+----------------+---          +-+-----+----------------+---
 * ```
 *
 * A short header does not say how long its connection id is: whoever issued it knows.
 */
import { swap32 } from "../wire/ethernet";

const LONG: u32 = 0x80;
/** Packet type, in the long headers of versions 1 and 2. */
const TYPE: u32 = 0x30;
const VERSION: usize = 1;
const LONG_ID_LENGTH: usize = 5;
const LONG_ID: u32 = 6;
const SHORT_ID: u32 = 1;

const VERSION_NEGOTIATION: u32 = 0;
const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6b3343cf;
const V1_INITIAL: u32 = 0x00;
const V1_ZERO_RTT: u32 = 0x10;
const V2_INITIAL: u32 = 0x10;
const V2_ZERO_RTT: u32 = 0x20;

/** The longest connection id of versions 1 and 2, and of QUIC-LB. */
export const ID_BYTES_MAX: u32 = 20;

/**
 * Where the destination connection id of a datagram's first packet is, if the server may have chosen it: `offset | bytes <<
 * 16`, else 0. Of a short header, `bytes` is what there is of the packet, up to the longest id.
 *
 * The client chooses that of its first Initial and 0-RTT packets, at random: by chance it may look like one of ours. Later
 * Initial packets have the server's, but cannot be told from these; both kinds are left to the rule for flows.
 */
export function destinationId(datagram: usize, bytes: u32): u32 {
  if (bytes <= SHORT_ID) return 0;
  const first = <u32>load<u8>(datagram);
  if (!(first & LONG)) {
    const rest = bytes - SHORT_ID;
    return SHORT_ID | ((rest < ID_BYTES_MAX ? rest : ID_BYTES_MAX) << 16);
  }
  if (bytes <= LONG_ID) return 0;
  const length = <u32>load<u8>(datagram, LONG_ID_LENGTH);
  if (length == 0 || length > ID_BYTES_MAX || length > bytes - LONG_ID) return 0;
  const version = swap32(load<u32>(datagram, VERSION));
  const type = first & TYPE;
  if (version == VERSION_NEGOTIATION) return 0;
  if (version == VERSION_1 && (type == V1_INITIAL || type == V1_ZERO_RTT)) return 0;
  if (version == VERSION_2 && (type == V2_INITIAL || type == V2_ZERO_RTT)) return 0;
  return LONG_ID | (length << 16);
}

/** Bytes from the start of the datagram to the connection id that `destinationId` found. */
// @ts-ignore: decorator
@inline
export function idOffset(found: u32): u32 {
  return found & 0xffff;
}

// @ts-ignore: decorator
@inline
export function idBytes(found: u32): u32 {
  return found >>> 16;
}
