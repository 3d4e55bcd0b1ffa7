/** Links on loopback and in a folder of their own, and raw streams that can send what no link would. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { initAuthority, issueKeys } from "../../host/keys/authority.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { decodeError } from "../../host/transport/error-frame.ts";
import { FRAME_KIND, type Frame, FrameReader } from "../../host/transport/frame.ts";
import type { Link } from "../../host/transport/link.ts";
import { type LinkListener, listenLink, type ListenOptions } from "../../host/transport/listen.ts";
import type { Role } from "../../host/transport/peer.ts";
import type { LinkWord } from "../../host/transport/word.ts";

/** A folder that is gone when the tests of this file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dobbs-c-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A CA, and keys that it has issued. */
export class Keys {
  readonly folder: string;

  /** `folder`: an empty one, made where the file's tests are described. */
  static async make(folder: string): Promise<Keys> {
    const keys = new Keys(folder);
    await initAuthority(keys.folder);
    return keys;
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  async issue(role: Role, name: string, addresses: readonly string[] = []): Promise<Credentials> {
    const files = await issueKeys(this.folder, role, name, { addresses, days: 1 });
    const ca = readFileSync(join(this.folder, "ca.pem"), "utf8");
    return { ca, certificate: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
  }
}

export type TestListen = Partial<ListenOptions> & { readonly onLink: (link: Link) => void };

/** Listens until the tests of this file are over; a word with port 0 comes back with the real one. */
export function listening(
  word: LinkWord,
  credentials: Credentials | null,
  options: TestListen,
): Promise<{ word: LinkWord; listener: LinkListener }> {
  return new Promise((resolve, reject) => {
    const listener = listenLink(word, credentials, {
      kinds: [FRAME_KIND.PEER, FRAME_KIND.ERROR],
      maxPayload: 64 * 1024,
      maxLinks: 16,
      onProblem: () => undefined,
      ...options,
      onListening: (bound) => resolve({ word: bound, listener }),
      onFail: reject,
    });
    after(() => listener.close());
  });
}

/** What came back on a raw stream, until it was closed. */
export interface Ended {
  readonly frames: Frame[];
  /** Code of the ERROR that came last, or null. */
  readonly refusal: string | null;
}

/** A stream that knows nothing of links. */
export class RawStream {
  readonly socket: Socket;
  readonly ended: Promise<Ended>;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader({ kinds: Object.values(FRAME_KIND), maxPayload: 2 ** 21 });
    const frames: Frame[] = [];
    socket.on("data", (chunk) => void reader.feed(chunk, (frame) => (frames.push(frame), true)));
    socket.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      socket.on("close", () => {
        const last = frames.at(-1);
        resolve({ frames, refusal: last?.kind === FRAME_KIND.ERROR ? decodeError(last.payload)!.code : null });
      });
    });
  }

  static unix(path: string): RawStream {
    return new RawStream(connectSocket({ path }));
  }

  static tcp(port: number): RawStream {
    return new RawStream(connectSocket({ port, host: "127.0.0.1" }));
  }

  static tls(port: number, { ca, certificate, key }: Partial<Credentials>, more: ConnectionOptions = {}): RawStream {
    const options = { port, host: "127.0.0.1", ca, cert: certificate, key, checkServerIdentity: () => undefined, ...more };
    return new RawStream(connectTls(options));
  }

  send(...parts: readonly Uint8Array[]): this {
    for (const part of parts) this.socket.write(part);
    return this;
  }
}

/** Waits until it is so, with a generous time-out. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** mulberry32: the same seed, the same numbers. From 0 to below `below`. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function text(value: string): Uint8Array {
  return Buffer.from(value);
}
