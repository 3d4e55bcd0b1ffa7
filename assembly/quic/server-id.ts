/**
 * Server ids in QUIC connection ids, as draft-ietf-quic-load-balancers-21 ("QUIC-LB") lays them out.
 *
 * ```
 *  0                1                     1 + s             1 + s + n
 *  +----------+-----+---------------------+-----------------+---
 *  |config (3)| (5) | server id (s bytes) | nonce (n bytes) | the server's own
 *  +----------+-----+---------------------+-----------------+---
 *                   |<-- encrypted, if the configuration has a key ->|
 * ```
 *
 * With a key, server id and nonce are one AES block where they have 16 bytes together (section 5.4.1), else they go
 * through four rounds of a Feistel network (section 5.4.2).
 */
import { CID_CONFIGS_MAX } from "../sizes";
import { BLOCK_BYTES, SCHEDULE_BYTES, decrypt, encrypt, expandInverseKey, expandKey, prepareTables } from "./aes";

export const SERVER_ID_BYTES_MAX: u32 = 15;
export const NONCE_BYTES_MIN: u32 = 4;
/** Server id and nonce together: a connection id without its first byte. */
export const PLAINTEXT_BYTES_MAX: u32 = 19;

const CONFIG_SHIFT: u32 = 5;

/** How the connection ids of one configuration are read. `serverIdBytes` is 0 where there is no such configuration. */
@unmanaged
class Codec {
  serverIdBytes: u8;
  nonceBytes: u8;
  encrypted: u8;
  reserved0: u8;
  reserved1: u32;
  reserved2: u64;
}

/** A schedule of AES follows each: for decryption where there is one block, for encryption where there are rounds. */
const CODEC_BYTES: u32 = <u32>offsetof<Codec>() + SCHEDULE_BYTES;
const CODECS: usize = memory.data(CID_CONFIGS_MAX * CODEC_BYTES, 16);

/** A half of the rounds' input: bytes, zeros, and in the last two places the length of both halves and the pass. */
const LEFT: usize = memory.data(BLOCK_BYTES, 16);
const RIGHT: usize = memory.data(BLOCK_BYTES, 16);
const LENGTH: usize = 14;
const PASS: usize = 15;
const HALF_BYTES_MAX: u32 = (PLAINTEXT_BYTES_MAX + 1) / 2;
const OUTPUT: usize = memory.data(BLOCK_BYTES, 16);
const PLAINTEXT: usize = memory.data(2 * HALF_BYTES_MAX, 16);

/** What `serverIdOf` has found: configuration (one byte), server id, zeros. */
export const FOUND: usize = memory.data(1 + SERVER_ID_BYTES_MAX, 16);

if (1 + SERVER_ID_BYTES_MAX != 16) ERROR("a server id with its configuration is two u64");

// @ts-ignore: decorator
@inline
function codecAt(config: u32): Codec {
  return changetype<Codec>(CODECS + config * CODEC_BYTES);
}

// @ts-ignore: decorator
@inline
function scheduleOf(codec: Codec): usize {
  return changetype<usize>(codec) + offsetof<Codec>();
}

/** Whether QUIC-LB allows these lengths. */
export function isLayout(serverIdBytes: u32, nonceBytes: u32): bool {
  return (
    serverIdBytes >= 1 &&
    serverIdBytes <= SERVER_ID_BYTES_MAX &&
    nonceBytes >= NONCE_BYTES_MIN &&
    nonceBytes <= PLAINTEXT_BYTES_MAX - serverIdBytes
  );
}

/** Takes a configuration into use. `key`: address of 16 bytes, or 0 where connection ids are not encrypted. */
export function setConfig(config: u32, serverIdBytes: u32, nonceBytes: u32, key: usize): void {
  const codec = codecAt(config);
  codec.serverIdBytes = <u8>serverIdBytes;
  codec.nonceBytes = <u8>nonceBytes;
  codec.encrypted = <u8>(key != 0);
  if (key == 0) return;
  prepareTables();
  if (serverIdBytes + nonceBytes == BLOCK_BYTES) expandInverseKey(key, scheduleOf(codec));
  else expandKey(key, scheduleOf(codec));
}

/** Forgets all configurations and their keys. */
export function clearConfigs(): void {
  memory.fill(CODECS, 0, CID_CONFIGS_MAX * CODEC_BYTES);
}

/**
 * Reads the server id of a connection id into FOUND; false when it has none that we could read.
 * @param bytes of the connection id, or of what there is behind where it starts
 */
export function serverIdOf(id: usize, bytes: u32): bool {
  if (bytes == 0) return false;
  const config = <u32>load<u8>(id) >>> CONFIG_SHIFT;
  // The last number of three bits says: not routable.
  if (config >= CID_CONFIGS_MAX) return false;
  const codec = codecAt(config);
  const serverIdBytes = <u32>codec.serverIdBytes;
  const plaintextBytes = serverIdBytes + codec.nonceBytes;
  if (serverIdBytes == 0 || bytes <= plaintextBytes) return false;
  const plaintext = decoded(codec, id + 1, serverIdBytes, plaintextBytes);
  store<u64>(FOUND, config);
  store<u64>(FOUND, 0, 8);
  memory.copy(FOUND + 1, plaintext, serverIdBytes);
  return true;
}

/** Address of the server id in plaintext. */
function decoded(codec: Codec, ciphertext: usize, serverIdBytes: u32, plaintextBytes: u32): usize {
  if (!codec.encrypted) return ciphertext;
  const schedule = scheduleOf(codec);
  if (plaintextBytes != BLOCK_BYTES) return unravelled(schedule, ciphertext, serverIdBytes, plaintextBytes);
  decrypt(schedule, ciphertext, OUTPUT);
  return OUTPUT;
}

/**
 * The four rounds backwards, or three where the left half has the whole server id. Halves of an odd length share the byte
 * in the middle: its high nibble is the left one's, its low nibble the right one's.
 */
function unravelled(schedule: usize, ciphertext: usize, serverIdBytes: u32, bytes: u32): usize {
  const half = (bytes + 1) >>> 1;
  const odd = (bytes & 1) != 0;
  memory.fill(LEFT, 0, BLOCK_BYTES);
  memory.fill(RIGHT, 0, BLOCK_BYTES);
  memory.copy(LEFT, ciphertext, half);
  memory.copy(RIGHT, ciphertext + bytes - half, half);
  store<u8>(LEFT, <u8>bytes, LENGTH);
  store<u8>(RIGHT, <u8>bytes, LENGTH);
  const lastOfLeft = LEFT + half - 1;
  if (odd) {
    keepHighNibble(lastOfLeft);
    keepLowNibble(RIGHT);
  }
  mix(schedule, RIGHT, 4, LEFT, half);
  if (odd) keepHighNibble(lastOfLeft);
  mix(schedule, LEFT, 3, RIGHT, half);
  if (odd) keepLowNibble(RIGHT);
  mix(schedule, RIGHT, 2, LEFT, half);
  if (odd) keepHighNibble(lastOfLeft);
  if (serverIdBytes <= bytes - half) return LEFT;
  mix(schedule, LEFT, 1, RIGHT, half);
  if (odd) {
    keepLowNibble(RIGHT);
    store<u8>(RIGHT, load<u8>(RIGHT) | load<u8>(lastOfLeft));
  }
  memory.copy(PLAINTEXT, LEFT, half);
  memory.copy(PLAINTEXT + bytes - half, RIGHT, half);
  return PLAINTEXT;
}

/** XORs the half `to` with the encryption of the half `from`. */
function mix(schedule: usize, from: usize, pass: u32, to: usize, half: u32): void {
  store<u8>(from, <u8>pass, PASS);
  encrypt(schedule, from, OUTPUT);
  for (let i: u32 = 0; i < HALF_BYTES_MAX; i++) {
    if (i >= half) break;
    store<u8>(to + i, load<u8>(to + i) ^ load<u8>(OUTPUT + i));
  }
}

// @ts-ignore: decorator
@inline
function keepHighNibble(at: usize): void {
  store<u8>(at, load<u8>(at) & 0xf0);
}

// @ts-ignore: decorator
@inline
function keepLowNibble(at: usize): void {
  store<u8>(at, load<u8>(at) & 0x0f);
}
