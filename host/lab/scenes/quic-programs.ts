/** The QUIC programs as the lab runs them: what its servers are given, and its clients as the lab sees them. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { DobbsError } from "../../errors.ts";
import { makeAuthority, makeLeaf } from "../../keys/certificate.ts";
import { packagePath } from "../../paths.ts";
import { type ConnectionIdConfig, makeConnectionId } from "../../quic/connection-id.ts";
import { ClientProcess } from "../client-process.ts";
import type { FromQuicClients, QuicSession, ToQuicClients } from "../quic/messages.ts";

const SERVER = packagePath("build", "host", "lab", "quic", "server.js");
const CLIENTS = packagePath("build", "host", "lab", "quic", "clients.js");
/** In the servers' certificate: they are one server, seen from outside. */
export const SERVER_NAME = "lab";

export interface QuicKeys {
  /** Paths of PEM files. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Of one session, as far as it is known. Times are ms since 1970. */
export interface QuicState {
  connectedAt: number | null;
  endedAt: number | null;
  /** Name of the server. */
  blade: string | null;
  /** The server has answered to its other address. */
  hasChangedAddress: boolean;
  requests: number;
  downloadedBytes: number;
  /** null: none as yet, or all is well. */
  problem: string | null;
}

const DAYS = 1;
const NONCE_STEP_BYTES = 4;

/** Throws E_LAB_PACKAGES: the QUIC stack is not installed, or there is none for this kind of machine. */
export async function checkQuicStack(): Promise<void> {
  try {
    await import("../quic/quiche.ts");
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    const mend = "On x86-64 Linux install it: npm ci. Elsewhere show another scene: only this one wants it.";
    throw new DobbsError("E_LAB_PACKAGES", `the QUIC stack does not load on ${process.platform}-${process.arch}: ${why}`, mend);
  }
}

/** Writes a CA, and a certificate for all servers, to `folder`. */
export async function writeQuicKeys(join: (name: string) => string): Promise<QuicKeys> {
  const authority = await makeAuthority(DAYS);
  const signer = { certificate: authority.certificate, key: createPrivateKey(authority.key) };
  const leaf = await makeLeaf(signer, { role: "shim", name: SERVER_NAME, addresses: [], days: DAYS });
  const files = { ca: join("quic-ca.pem"), certificate: join("quic.pem"), key: join("quic.key") };
  writeFileSync(files.ca, authority.certificate);
  writeFileSync(files.certificate, leaf.certificate);
  writeFileSync(files.key, leaf.key, { mode: 0o600 });
  return files;
}

/** Writes `count` connection ids of a server, no two alike. */
export function writeConnectionIds(path: string, config: ConnectionIdConfig, serverId: Uint8Array, count: number): void {
  const start = randomBytes(config.nonceBytes);
  const at = config.nonceBytes - NONCE_STEP_BYTES;
  const first = start.readUInt32BE(at);
  const ids = Array.from({ length: count }, (_, i) => {
    start.writeUInt32BE((first + i) >>> 0, at);
    return Buffer.from(makeConnectionId(config, serverId, start)).toString("hex");
  });
  writeFileSync(path, `${ids.join("\n")}\n`);
}

export interface QuicServerPlan {
  readonly name: string;
  /** As `QuicSession.server`. */
  readonly listen: readonly string[];
  /** Path of its connection ids. */
  readonly ids: string;
  readonly keys: QuicKeys;
}

export function quicServerCommand({ name, listen, ids, keys }: QuicServerPlan): string[] {
  return [
    ...[process.execPath, SERVER, "--name", name, "--ids", ids, "--certificate", keys.certificate, "--key", keys.key],
    ...listen.flatMap((place) => ["--listen", place]),
  ];
}

export class QuicClients {
  readonly #clients: ClientProcess<ToQuicClients, FromQuicClients>;
  readonly #states = new Map<number, QuicState>();

  /** `start`: runs a command where clients are. */
  constructor({ ca }: Pick<QuicKeys, "ca">, start: (command: readonly string[]) => ChildProcessWithoutNullStreams) {
    const child = start([process.execPath, CLIENTS, "--ca", ca, "--server-name", SERVER_NAME]);
    this.#clients = new ClientProcess(child, (event) => this.#take(event));
  }

  /** By session id. */
  get states(): ReadonlyMap<number, QuicState> {
    return this.#states;
  }

  start(sessions: readonly QuicSession[]): void {
    for (const { id } of sessions) {
      const nothing = { connectedAt: null, endedAt: null, blade: null, hasChangedAddress: false, requests: 0, downloadedBytes: 0, problem: null };
      this.#states.set(id, nothing);
    }
    this.#clients.tell({ kind: "start", sessions });
  }

  changeAddress(): void {
    this.#clients.tell({ kind: "change-address" });
  }

  finish(): void {
    this.#clients.tell({ kind: "finish" });
  }

  /** Resolves when `isSo` of all sessions, or they are over. `what` goes on from "not all sessions". Throws E_LAB_CLIENTS. */
  until(what: string, isSo: (state: QuicState, id: number) => boolean, withinMs: number): Promise<void> {
    const missing = (): string[] => [...this.#states].flatMap(([id, state]) => (state.endedAt === null && !isSo(state, id) ? [String(id)] : []));
    return this.#clients.until(what, missing, withinMs);
  }

  /** The clients go away, with whatever they still do. */
  close(): void {
    this.#clients.close();
  }

  #take(event: FromQuicClients): void {
    const state = this.#states.get(event.id)!;
    if (event.kind === "connected") Object.assign(state, { connectedAt: event.at, blade: event.blade });
    else if (event.kind === "changed-address") state.hasChangedAddress = true;
    else {
      const { at, requests, downloadedBytes, problem } = event;
      Object.assign(state, { endedAt: at, requests, downloadedBytes, problem });
    }
  }
}
