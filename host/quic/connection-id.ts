/**
 * QUIC connection ids that say which server has the connection, as draft-ietf-quic-load-balancers-21 ("QUIC-LB") lays them
 * out: what a server makes and `assembly/quic/server-id.ts` reads.
 *
 * First byte: configuration in the upper three bits, bytes that follow in the lower five. Then server id and nonce; with a
 * key they are encrypted, as one AES block where they have 16 bytes together, else in four rounds of a Feistel network.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

/** Configurations are numbered 0 to 6; the seventh number says "not routable". */
export const CONFIG_ID_MAX = 6;
export const SERVER_ID_BYTES_MAX = 15;
export const NONCE_BYTES_MIN = 4;
/** Server id and nonce together. */
export const PLAINTEXT_BYTES_MAX = 19;
export const KEY_BYTES = 16;

const CONFIG_SHIFT = 5;
const BLOCK_BYTES = 16;
const HIGH_NIBBLE = 0xf0;
const LOW_NIBBLE = 0x0f;

/** How the connection ids of an appliance are made; all its servers use the same. */
export interface ConnectionIdConfig {
  /** 0 to CONFIG_ID_MAX. */
  readonly id: number;
  /** 1 to SERVER_ID_BYTES_MAX. */
  readonly serverIdBytes: number;
  /** NONCE_BYTES_MIN and up; with the server id at most PLAINTEXT_BYTES_MAX. */
  readonly nonceBytes: number;
  /** KEY_BYTES bytes. Absent: not encrypted, so that anyone can see which server has a connection. */
  readonly key?: Uint8Array;
}

/** A connection id of the server. `nonce` must not be used twice with the same configuration and server id. */
export function makeConnectionId(config: ConnectionIdConfig, serverId: Uint8Array, nonce: Uint8Array): Uint8Array {
  checkLength("a server id", serverId, config.serverIdBytes);
  checkLength("a nonce", nonce, config.nonceBytes);
  const plaintext = Buffer.concat([serverId, nonce]);
  const first = (config.id << CONFIG_SHIFT) | plaintext.length;
  return Uint8Array.of(first, ...encrypted(config, plaintext));
}

/** The server id in a connection id, or undefined when it is of another configuration or too short. */
export function serverIdOf(config: ConnectionIdConfig, connectionId: Uint8Array): Uint8Array | undefined {
  const bytes = config.serverIdBytes + config.nonceBytes;
  if (connectionId.length <= bytes || connectionId[0]! >>> CONFIG_SHIFT !== config.id) return undefined;
  return decrypted(config, connectionId.subarray(1, 1 + bytes)).subarray(0, config.serverIdBytes);
}

function checkLength(what: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) throw new RangeError(`${what} has ${expected} bytes here, not ${bytes.length}`);
}

function encrypted({ key }: ConnectionIdConfig, plaintext: Uint8Array): Uint8Array {
  if (!key) return plaintext;
  if (plaintext.length === BLOCK_BYTES) return encryptBlock(key, plaintext);
  const halves = new Halves(key, plaintext);
  for (const pass of [1, 2, 3, 4]) halves.mix(pass);
  return halves.joined();
}

function decrypted({ key }: ConnectionIdConfig, ciphertext: Uint8Array): Uint8Array {
  if (!key) return ciphertext;
  if (ciphertext.length === BLOCK_BYTES) {
    const decipher = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  }
  const halves = new Halves(key, ciphertext);
  for (const pass of [4, 3, 2, 1]) halves.mix(pass);
  return halves.joined();
}

function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

/** The two halves of a text on its way through the rounds. Of an odd length they share the byte in the middle. */
class Halves {
  readonly #key: Uint8Array;
  readonly #bytes: number;
  readonly #left: Uint8Array;
  readonly #right: Uint8Array;

  constructor(key: Uint8Array, text: Uint8Array) {
    const half = Math.ceil(text.length / 2);
    this.#key = key;
    this.#bytes = text.length;
    this.#left = Uint8Array.from(text.subarray(0, half));
    this.#right = Uint8Array.from(text.subarray(-half));
    this.#keepNibbles();
  }

  /** Odd passes mix the left half into the right one, even passes the right half into the left one. */
  mix(pass: number): void {
    const [from, to] = pass % 2 === 1 ? [this.#left, this.#right] : [this.#right, this.#left];
    const input = new Uint8Array(BLOCK_BYTES);
    input.set(from);
    input.set([this.#bytes, pass], BLOCK_BYTES - 2);
    const mask = encryptBlock(this.#key, input);
    for (const i of to.keys()) to[i]! ^= mask[i]!;
    this.#keepNibbles();
  }

  joined(): Uint8Array {
    const text = new Uint8Array(this.#bytes);
    text.set(this.#left);
    for (const [i, byte] of this.#right.entries()) text[this.#bytes - this.#right.length + i]! |= byte;
    return text;
  }

  #keepNibbles(): void {
    if (this.#bytes % 2 === 0) return;
    this.#left[this.#left.length - 1]! &= HIGH_NIBBLE;
    this.#right[0]! &= LOW_NIBBLE;
  }
}
