/**
 * Redirect tags: the source MAC of a frame that one owner sends to another (design, section 3). A locally administered
 * unicast address, so that any L2 switch carries it.
 *
 * ```
 *  0      1             2        4            6
 *  +------+-------------+--------+------------+
 *  | 0xd2 | 0xb0 | kind | sender | generation |      sender (owner number) and generation (low 16 bits): big-endian
 *  +------+-------------+--------+------------+
 * ```
 */
import { swap16 } from "./wire/ethernet";

/** What a redirected frame asks of the owner that gets it. */
export enum RedirectKind {
  /** Not redirected: steered here by the switch. Never in a tag. */
  DIRECT = 0,
  /** "Is this yours, previous owner 1?" */
  HOP1 = 1,
  HOP2 = 2,
  HOP3 = 3,
  /** "You are the current owner as far as I know." */
  RESTEER = 4,
  /** "No previous owner has it: it is yours." */
  FINAL = 5,
  COPY = 6,
}

const PREFIX: u64 = 0xb0d2;
const PREFIX_MASK: u64 = 0xf8ff;
const KIND_MASK: u64 = 0x0700;

// @ts-ignore: decorator
@inline
export function isTag(mac: u64): bool {
  return (mac & PREFIX_MASK) == PREFIX;
}

// @ts-ignore: decorator
@inline
export function tagKind(mac: u64): u32 {
  return <u32>((mac & KIND_MASK) >>> 8);
}

/** The low 16 bits of the sender's generation. */
// @ts-ignore: decorator
@inline
export function tagGeneration(mac: u64): u32 {
  return swap16(<u32>(mac >>> 32));
}

// @ts-ignore: decorator
@inline
export function isHop(kind: u32): bool {
  return kind == RedirectKind.HOP1 || kind == RedirectKind.HOP2 || kind == RedirectKind.HOP3;
}

/** Whether a tag may carry this kind. */
// @ts-ignore: decorator
@inline
export function isTagKind(kind: u32): bool {
  return kind != RedirectKind.DIRECT && kind <= <u32>RedirectKind.COPY;
}

export function makeTag(kind: u32, sender: u32, generation: u32): u64 {
  return PREFIX | (<u64>kind << 8) | (<u64>swap16(sender) << 16) | (<u64>swap16(generation) << 32);
}

/** How far `tag`'s generation is ahead of `generation`, by serial number arithmetic (RFC 1982). */
// @ts-ignore: decorator
@inline
export function generationAhead(tag: u64, generation: u32): i32 {
  return <i32>(<i16>(tagGeneration(tag) - generation));
}
