/**
 * What client and server say on a stream. Each sends a line of JSON and then as many bytes as the client's line says, at a
 * pace when they are many, without waiting for the other; after the client's last byte the server says which came.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** The client's first line. */
export interface Question {
  /** Of each body, the client's and the server's. */
  readonly bytes: number;
}

/** The server's first line. */
export interface Head {
  /** Of the server. */
  readonly name: string;
  /** The client's IP address, as the server sees it. */
  readonly peer: string;
}

/** The server's last line. */
export interface Receipt {
  /** Of the client's body, in hex. */
  readonly sha256: string;
}

/** The protocol's name in TLS. */
export const ALPN = "dobbs-lab";
export const BODY_BYTES_MAX = 1_000_000;
/** More than the lines of an answer have together. */
export const LINES_BYTES_MAX = 400;

const CHUNK_BYTES = 2_000;
const CHUNK_EVERY_MS = 100;
/** A prime: bytes that are lost, doubled or out of place are seen. */
const PERIOD = 251;
const NEWLINE = 0x0a;

export function bodyOf(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, place) => place % PERIOD));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function line(value: Question | Head | Receipt): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

/** The object in the first line, and what is behind it; null: the line has not come to its end. Throws SyntaxError. */
export function splitLine<T>(bytes: Buffer): { readonly value: T; readonly rest: Buffer } | null {
  const end = bytes.indexOf(NEWLINE);
  if (end === -1) return null;
  return { value: JSON.parse(bytes.toString("utf8", 0, end)) as T, rest: bytes.subarray(end + 1) };
}

/** Resolves when all has been written. */
export async function writeAtPace(body: Buffer, write: (chunk: Buffer, isLast: boolean) => void): Promise<void> {
  for (let start = 0; start < body.length; start += CHUNK_BYTES) {
    if (start > 0) await sleep(CHUNK_EVERY_MS);
    const end = start + CHUNK_BYTES;
    write(body.subarray(start, end), end >= body.length);
  }
}
