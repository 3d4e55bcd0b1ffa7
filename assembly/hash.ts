/**
 * Hashes: of the client's address to a bucket (the same on every node of an appliance), and of a flow to its place in
 * the flow table (each node's own business).
 */
import { HashMode } from "./records";
import { isMapped, lastWord } from "./wire/address";
import { swap32 } from "./wire/ethernet";

/** An IPv6 address is the longest input. */
const TOEPLITZ_BYTES: u32 = 16;
/** Toeplitz is linear: the hash of an address is the XOR of a table entry per byte. */
const TOEPLITZ_TABLE: usize = memory.data(TOEPLITZ_BYTES * 256 * 4, 16);
/** The 16 bytes of the seed, repeated: as many bits are needed as the input has, and 32. */
const TOEPLITZ_SEED: usize = memory.data(32, 16);

/** Multipliers of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
const MULTIPLY_A: u64 = 0xbf58476d1ce4e5b9;
const MULTIPLY_B: u64 = 0x94d049bb133111eb;
/** 2^64 divided by the golden ratio, odd. */
const MULTIPLY_C: u64 = 0x9e3779b97f4a7c15;

let hashMode: u32 = 0;
let key0: u64 = 0;
let key1: u64 = 0;

/** Takes a hash mode and its 16-byte secret into use. */
export function setHash(mode: u32, seed: u64, seedHigh: u64): void {
  hashMode = mode;
  key0 = seed;
  key1 = seedHigh;
  if (mode == HashMode.TOEPLITZ) {
    store<u64>(TOEPLITZ_SEED, seed);
    store<u64>(TOEPLITZ_SEED, seedHigh, 8);
    store<u64>(TOEPLITZ_SEED, seed, 16);
    store<u64>(TOEPLITZ_SEED, seedHigh, 24);
    fillToeplitzTable(TOEPLITZ_SEED);
  }
}

/** Whether (`mode`, `seed`) is what is in use. */
export function isHash(mode: u32, seed: u64, seedHigh: u64): bool {
  return hashMode == mode && key0 == seed && key1 == seedHigh;
}

/**
 * Toeplitz hash of `length` bytes at `data` by the key at `key`, which holds at least `length + 4` bytes.
 * Microsoft, "RSS hashing functions": for each bit of the input that is set, XOR the 32 key bits that start there.
 */
export function toeplitz(key: usize, data: usize, length: u32): u32 {
  let window = swap32(load<u32>(key));
  let hash: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const byte = <u32>load<u8>(data + i);
    const next = <u32>load<u8>(key + i, 4);
    for (let bit: u32 = 0; bit < 8; bit++) {
      if (byte & (0x80 >>> bit)) hash ^= window;
      window = (window << 1) | ((next >>> (7 - bit)) & 1);
    }
  }
  return hash;
}

/** The entry of a byte is that of the byte without its lowest bit, and that bit's 32 key bits. */
function fillToeplitzTable(key: usize): void {
  for (let position: u32 = 0; position < TOEPLITZ_BYTES; position++) {
    const bits = bswap<u64>(load<u64>(key + position));
    const table = TOEPLITZ_TABLE + (position << 10);
    store<u32>(table, 0);
    for (let byte: u32 = 1; byte < 256; byte++) {
      const window = <u32>(bits >>> (32 - (7 - ctz(byte))));
      store<u32>(table + byte * 4, load<u32>(table + (byte & (byte - 1)) * 4) ^ window);
    }
  }
}

/** The table's entries for the four bytes of `word`, which begin at `position` of the input. */
// @ts-ignore: decorator
@inline
function toeplitzOfWord(word: u32, position: u32): u32 {
  const table = TOEPLITZ_TABLE + (position << 10);
  return (
    load<u32>(table + (word & 0xff) * 4) ^
    load<u32>(table + ((word >>> 8) & 0xff) * 4, 0x400) ^
    load<u32>(table + ((word >>> 16) & 0xff) * 4, 0x800) ^
    load<u32>(table + (word >>> 24) * 4, 0xc00)
  );
}

// @ts-ignore: decorator
@inline
function finish(value: u64): u64 {
  value = (value ^ (value >>> 30)) * MULTIPLY_A;
  value = (value ^ (value >>> 27)) * MULTIPLY_B;
  return value ^ (value >>> 31);
}

/**
 * Hash of a client's address; a bucket is its low bits. LOW_BITS of an IPv6 address are its last 32 bits, and TOEPLITZ takes the 4
 * or 16 bytes that the family has.
 */
export function hashClient(low: u64, high: u64): u32 {
  const isIpv4 = isMapped(low, high);
  if (hashMode == HashMode.MIX) {
    if (isIpv4) return <u32>finish((<u64>lastWord(high) ^ key0) * MULTIPLY_A + key1);
    return <u32>finish((finish((low ^ key0) * MULTIPLY_A + key1) ^ high) * MULTIPLY_B + key0);
  }
  if (hashMode == HashMode.TOEPLITZ) {
    if (isIpv4) return toeplitzOfWord(lastWord(high), 0);
    return (
      toeplitzOfWord(<u32>low, 0) ^
      toeplitzOfWord(<u32>(low >>> 32), 4) ^
      toeplitzOfWord(<u32>high, 8) ^
      toeplitzOfWord(<u32>(high >>> 32), 12)
    );
  }
  return swap32(lastWord(high));
}

/** Hash of a flow: its client, ports (as they stand in the packet), and `rest`: what else tells it from others. The low half places
 *  it in the flow table; the high half, independent of that, is its fingerprint. */
// @ts-ignore: decorator
@inline
export function hashFlow(low: u64, high: u64, ports: u32, rest: u32): u64 {
  const tail = <u64>ports | (<u64>rest << 32);
  return finish((high ^ key0) * MULTIPLY_B + (tail ^ key1) * MULTIPLY_A + (low ^ key0) * MULTIPLY_C);
}
