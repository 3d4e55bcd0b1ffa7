/**
 * quiche, Cloudflare's QUIC stack, as @matrixai/quic binds it: what is used here of that package's part for x86-64 Linux.
 * Importing it throws on other machines. https://docs.rs/quiche says what each thing does.
 */
import { createRequire } from "node:module";
import type { Place } from "./place.ts";

/** Paths are those of PEM files; times are in ms, sizes in bytes. */
export interface Config {
  loadCertChainFromPemFile(path: string): void;
  loadPrivKeyFromPemFile(path: string): void;
  loadVerifyLocationsFromFile(path: string): void;
  verifyPeer(verifies: boolean): void;
  setApplicationProtos(names: readonly string[]): void;
  setMaxIdleTimeout(ms: number): void;
  setMaxRecvUdpPayloadSize(bytes: number): void;
  setMaxSendUdpPayloadSize(bytes: number): void;
  setInitialMaxData(bytes: number): void;
  setInitialMaxStreamDataBidiLocal(bytes: number): void;
  setInitialMaxStreamDataBidiRemote(bytes: number): void;
  setInitialMaxStreamsBidi(streams: number): void;
  setActiveConnectionIdLimit(ids: number): void;
  setDisableActiveMigration(isDisabled: boolean): void;
  enablePacing(paces: boolean): void;
}

/** Methods throw Error with the name of quiche's error; null says "nothing now" (its `Done`). */
export interface Connection {
  /** Decrypts the datagram in its place. */
  recv(datagram: Uint8Array, path: { readonly from: Place; readonly to: Place }): number;
  send(datagram: Uint8Array): [bytes: number, path: { readonly from: Place; readonly to: Place }] | null;
  /** In ms. */
  timeout(): number | null;
  onTimeout(): void;
  readable(): Iterable<number>;
  streamRecv(stream: number, buffer: Uint8Array): [bytes: number, isLast: boolean] | null;
  /** Returns how much of it has been taken. */
  streamSend(stream: number, bytes: Uint8Array, isLast: boolean): number | null;
  /** Ids of ours: what the other end may send to. */
  sourceCidsLeft(): number;
  newSourceCid(id: Uint8Array, resetToken: bigint, retiresOthers: boolean): number;
  retiredScidNext(): Uint8Array | null;
  /** Ids of the other end's that are not in use. */
  availableDcids(): number;
  migrate(from: Place, to: Place): number;
  pathStats(): readonly { readonly active: boolean; readonly peerHost: Place }[];
  close(isOfApplication: boolean, error: number, reason: Uint8Array): void;
  isEstablished(): boolean;
  isDraining(): boolean;
  isClosed(): boolean;
  isTimedOut(): boolean;
  peerError(): ConnectionError | null;
  localError(): ConnectionError | null;
}

export interface ConnectionError {
  readonly isApp: boolean;
  readonly errorCode: number;
  readonly reason: Uint8Array;
}

export interface Header {
  /** One of `quiche.Type`. */
  readonly ty: number;
  readonly dcid: Uint8Array;
}

interface Quiche {
  readonly MAX_DATAGRAM_SIZE: number;
  readonly Type: { readonly Initial: number; readonly Short: number };
  readonly Config: new () => Config;
  readonly Connection: {
    connect(serverName: string, id: Uint8Array, from: Place, to: Place, config: Config): Connection;
    /** `chosen`: the client's, before a Retry; null: there was none. */
    accept(id: Uint8Array, chosen: Uint8Array | null, at: Place, from: Place, config: Config): Connection;
  };
  /** Throws Error. `idBytes`: of the receiver's ids, for headers that do not say. */
  readonly Header: { fromSlice(datagram: Uint8Array, idBytes: number): Header };
}

export const quiche = createRequire(import.meta.url)("@matrixai/quic-linux-x64") as Quiche;
