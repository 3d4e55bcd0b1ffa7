/**
 * Hashes: of the client's address to a bucket (the same on every node of an appliance), and of a flow to its place in
 * the flow table (each node's own business).
 */
import { HashMode } from "./records";
import { swap32 } from "./wire/ethernet";

const TOEPLITZ_BYTES: u32 = 4;
/** Toeplitz is linear: the hash of an address is the XOR of a table entry per byte. */
const TOEPLITZ_TABLE: usize = memory.data(4 * 256 * 4, 16);
const TOEPLITZ_SEED: usize = memory.data(16, 16);

/** Multipliers of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
const MULTIPLY_A: u64 = 0xbf58476d1ce4e5b9;
const MULTIPLY_B: u64 = 0x94d049bb133111eb;

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

function fillToeplitzTable(key: usize): void {
  const input = memory.data(8, 8);
  for (let position: u32 = 0; position < TOEPLITZ_BYTES; position++) {
    for (let byte: u32 = 0; byte < 256; byte++) {
      store<u32>(input, byte << (position * 8));
      store<u32>(TOEPLITZ_TABLE + ((position << 8) | byte) * 4, toeplitz(key, input, TOEPLITZ_BYTES));
    }
  }
}

// @ts-ignore: decorator
@inline
function toeplitzOfAddress(address: u32): u32 {
  return (
    load<u32>(TOEPLITZ_TABLE + (address & 0xff) * 4) ^
    load<u32>(TOEPLITZ_TABLE + ((address >>> 8) & 0xff) * 4, 0x400) ^
    load<u32>(TOEPLITZ_TABLE + ((address >>> 16) & 0xff) * 4, 0x800) ^
    load<u32>(TOEPLITZ_TABLE + (address >>> 24) * 4, 0xc00)
  );
}

// @ts-ignore: decorator
@inline
function finish(value: u64): u64 {
  value = (value ^ (value >>> 30)) * MULTIPLY_A;
  value = (value ^ (value >>> 27)) * MULTIPLY_B;
  return value ^ (value >>> 31);
}

/** Hash of a client's IPv4 address (network order); a bucket is its low bits. */
export function hashClient(address: u32): u32 {
  if (hashMode == HashMode.MIX) return <u32>finish((<u64>address ^ key0) * MULTIPLY_A + key1);
  if (hashMode == HashMode.TOEPLITZ) return toeplitzOfAddress(address);
  return swap32(address);
}

/** Hash of a flow: addresses and ports in network order. */
// @ts-ignore: decorator
@inline
export function hashFlow(client: u32, vip: u32, ports: u32, protocol: u32): u32 {
  const addresses = <u64>client | (<u64>vip << 32);
  const rest = <u64>ports | (<u64>protocol << 32);
  return <u32>finish((addresses ^ key0) * MULTIPLY_B + (rest ^ key1) * MULTIPLY_A);
}
