/**
 * AES-128, one block at a time (FIPS 197). For connection ids: what is kept secret is which server has a connection, so
 * table look-ups, whose time depends on the key, are good enough here, and not for anything else.
 *
 * A block and a state are 16 bytes, four columns as u32, the first byte lowest. A schedule is 11 round keys, 176 bytes.
 * The tables are computed (`prepareTables`), so that an image carries none of them.
 */

const ROUNDS: u32 = 10;
const COLUMNS: u32 = 4;
const WORDS: u32 = (ROUNDS + 1) * COLUMNS;
const LAST_KEY: usize = ROUNDS * COLUMNS * 4;
/** x^8 + x^4 + x^3 + x + 1, without its highest bit. */
const POLYNOMIAL: u32 = 0x1b;
/** Substitutions of all bytes but 0 are found along the powers of a generator. */
const POWERS: u32 = 255;

export const BLOCK_BYTES: u32 = 16;
export const SCHEDULE_BYTES: u32 = WORDS * 4;

const SBOX: usize = memory.data(256, 16);
const INVERSE_SBOX: usize = memory.data(256, 16);
/** Column of a state, by byte: InvMixColumns of InvSubBytes of that byte in row 0. */
const INVERSE_MIX: usize = memory.data(256 * 4, 16);

let prepared: bool = false;

/** Must have been called before anything else here; does its work once. */
export function prepareTables(): void {
  if (prepared) return;
  prepared = true;
  let power: u32 = 1; // 3^i, and with it
  let inverse: u32 = 1; // 3^-i
  for (let i: u32 = 0; i < POWERS; i++) {
    power = (power ^ double(power)) & 0xff;
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    if (inverse & 0x80) inverse ^= 0x09;
    inverse &= 0xff;
    substitute(power, inverse ^ turn(inverse, 1) ^ turn(inverse, 2) ^ turn(inverse, 3) ^ turn(inverse, 4));
  }
  substitute(0, 0);
  for (let byte: u32 = 0; byte < 256; byte++) {
    store<u32>(INVERSE_MIX + byte * 4, inverseMixed(load<u8>(INVERSE_SBOX + byte)));
  }
}

function substitute(byte: u32, affine: u32): void {
  const value = (affine ^ 0x63) & 0xff;
  store<u8>(SBOX + byte, <u8>value);
  store<u8>(INVERSE_SBOX + value, <u8>byte);
}

/** Rotates a byte left. */
// @ts-ignore: decorator
@inline
function turn(byte: u32, bits: u32): u32 {
  return (byte << bits) | (byte >>> (8 - bits));
}

/** Each of the four bytes times x. */
// @ts-ignore: decorator
@inline
function double(bytes: u32): u32 {
  return ((bytes & 0x7f7f7f7f) << 1) ^ (((bytes >>> 7) & 0x01010101) * POLYNOMIAL);
}

/** InvMixColumns of a column that has only `byte`, in row 0: times 14, 9, 13, 11. */
function inverseMixed(byte: u32): u32 {
  const two = double(byte);
  const four = double(two);
  const eight = double(four);
  return (eight ^ four ^ two) | ((eight ^ byte) << 8) | ((eight ^ four ^ byte) << 16) | ((eight ^ two ^ byte) << 24);
}

function substituted(box: usize, a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    <u32>load<u8>(box + (a & 0xff)) |
    (<u32>load<u8>(box + ((b >>> 8) & 0xff)) << 8) |
    (<u32>load<u8>(box + ((c >>> 16) & 0xff)) << 16) |
    (<u32>load<u8>(box + (d >>> 24)) << 24)
  );
}

/** Schedule for `encrypt`, from a key of 16 bytes. */
export function expandKey(key: usize, schedule: usize): void {
  memory.copy(schedule, key, BLOCK_BYTES);
  let constant: u32 = 1;
  for (let i: u32 = COLUMNS; i < WORDS; i++) {
    const at = schedule + i * 4;
    let word = load<u32>(at - 4);
    if (i % COLUMNS == 0) {
      word = rotr(word, 8);
      word = substituted(SBOX, word, word, word, word) ^ constant;
      constant = double(constant);
    }
    store<u32>(at, load<u32>(at - BLOCK_BYTES) ^ word);
  }
}

/** Schedule for `decrypt` (the equivalent inverse cipher), from a key of 16 bytes. */
export function expandInverseKey(key: usize, schedule: usize): void {
  expandKey(key, schedule);
  for (let i: u32 = COLUMNS; i < ROUNDS * COLUMNS; i++) {
    const at = schedule + i * 4;
    const word = load<u32>(at);
    // The columns' table undoes a substitution, which a key has not been through.
    const ahead = substituted(SBOX, word, word, word, word);
    store<u32>(at, unmixed(ahead, ahead, ahead, ahead));
  }
}

export function encrypt(schedule: usize, block: usize, out: usize): void {
  let a = load<u32>(block) ^ load<u32>(schedule);
  let b = load<u32>(block, 4) ^ load<u32>(schedule, 4);
  let c = load<u32>(block, 8) ^ load<u32>(schedule, 8);
  let d = load<u32>(block, 12) ^ load<u32>(schedule, 12);
  let key = schedule;
  for (let round: u32 = 1; round < ROUNDS; round++) {
    key += BLOCK_BYTES;
    const e = mixed(substituted(SBOX, a, b, c, d)) ^ load<u32>(key);
    const f = mixed(substituted(SBOX, b, c, d, a)) ^ load<u32>(key, 4);
    const g = mixed(substituted(SBOX, c, d, a, b)) ^ load<u32>(key, 8);
    d = mixed(substituted(SBOX, d, a, b, c)) ^ load<u32>(key, 12);
    a = e;
    b = f;
    c = g;
  }
  store<u32>(out, substituted(SBOX, a, b, c, d) ^ load<u32>(schedule, LAST_KEY));
  store<u32>(out, substituted(SBOX, b, c, d, a) ^ load<u32>(schedule, LAST_KEY + 4), 4);
  store<u32>(out, substituted(SBOX, c, d, a, b) ^ load<u32>(schedule, LAST_KEY + 8), 8);
  store<u32>(out, substituted(SBOX, d, a, b, c) ^ load<u32>(schedule, LAST_KEY + 12), 12);
}

/** MixColumns of one column. */
// @ts-ignore: decorator
@inline
function mixed(column: u32): u32 {
  const next = rotr(column, 8);
  return double(column ^ next) ^ next ^ rotr(column, 16) ^ rotr(column, 24);
}

/** `schedule`: from `expandInverseKey`. */
export function decrypt(schedule: usize, block: usize, out: usize): void {
  let a = load<u32>(block) ^ load<u32>(schedule, LAST_KEY);
  let b = load<u32>(block, 4) ^ load<u32>(schedule, LAST_KEY + 4);
  let c = load<u32>(block, 8) ^ load<u32>(schedule, LAST_KEY + 8);
  let d = load<u32>(block, 12) ^ load<u32>(schedule, LAST_KEY + 12);
  let key = schedule + LAST_KEY;
  for (let round: u32 = 1; round < ROUNDS; round++) {
    key -= BLOCK_BYTES;
    const e = unmixed(a, d, c, b) ^ load<u32>(key);
    const f = unmixed(b, a, d, c) ^ load<u32>(key, 4);
    const g = unmixed(c, b, a, d) ^ load<u32>(key, 8);
    d = unmixed(d, c, b, a) ^ load<u32>(key, 12);
    a = e;
    b = f;
    c = g;
  }
  store<u32>(out, substituted(INVERSE_SBOX, a, d, c, b) ^ load<u32>(schedule));
  store<u32>(out, substituted(INVERSE_SBOX, b, a, d, c) ^ load<u32>(schedule, 4), 4);
  store<u32>(out, substituted(INVERSE_SBOX, c, b, a, d) ^ load<u32>(schedule, 8), 8);
  store<u32>(out, substituted(INVERSE_SBOX, d, c, b, a) ^ load<u32>(schedule, 12), 12);
}

/** InvMixColumns of InvSubBytes of the column that has row 0 from `a`, row 1 from `b`, and so on. */
function unmixed(a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    load<u32>(INVERSE_MIX + (a & 0xff) * 4) ^
    rotl(load<u32>(INVERSE_MIX + ((b >>> 8) & 0xff) * 4), 8) ^
    rotl(load<u32>(INVERSE_MIX + ((c >>> 16) & 0xff) * 4), 16) ^
    rotl(load<u32>(INVERSE_MIX + (d >>> 24) * 4), 24)
  );
}
