/** Takes links. The rules are those of the shim's links (host/native/shim/src/link). */
import { constants } from "node:crypto";
import { chmodSync, lstatSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { DobbsError } from "../errors.ts";
import { type Credentials, requireCredentials } from "./credentials.ts";
import { linkError } from "./link-error.ts";
import { type Link, type LinkLimits, StreamLink } from "./link.ts";
import { type LinkPeer, peerOf } from "./peer.ts";
import { linkWordText, type LinkWord } from "./word.ts";

export interface ListenOptions extends LinkLimits {
  /** Links at once. One more is told E_LINK_FULL. */
  readonly maxLinks: number;
  /** Null: this node may come in; else what it is refused with (E_LINK_PEER). Asked on TLS only. Default: any node. */
  readonly accept?: (peer: LinkPeer) => DobbsError | null;
  /** A link that may come in. Set `onFrame` and `onClose` here. */
  readonly onLink: (link: Link) => void;
  /** Somebody was not let in; `from` is an address, or null on a Unix socket. Anybody can cause this, any time. */
  readonly onProblem: (problem: DobbsError, from: string | null) => void;
  /** It listens; `word` has the real port where 0 was asked for. */
  readonly onListening?: (word: LinkWord) => void;
  /** It cannot listen: E_LINK_IN_USE or E_LINK_BIND. */
  readonly onFail: (problem: DobbsError) => void;
}

export interface LinkListener {
  /** Links that are open. */
  readonly links: number;
  /** Closes the links too. `onClosed`: the address is free again. */
  close(onClosed?: () => void): void;
}

/** Those that have not shown a certificate yet do not count as links, but they are not without number either. */
const STRANGERS_MAX = 64;
const HANDSHAKE_MS = 5_000;
const OWNER_ONLY = 0o600;

/** Throws E_TLS_MISSING when the word needs credentials. */
export function listenLink(word: LinkWord, credentials: Credentials | null, options: ListenOptions): LinkListener {
  const listener = new Listener(options);
  if (word.kind === "unix") listener.listenUnix(word.path);
  else listener.listenTls(word, requireCredentials(credentials, linkWordText(word)));
  return listener;
}

class Listener implements LinkListener {
  readonly #options: ListenOptions;
  readonly #links = new Set<Link>();
  #server: Server = createServer();
  #closed = false;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  get links(): number {
    return this.#links.size;
  }

  close(onClosed: () => void = () => undefined): void {
    this.#closed = true;
    for (const link of this.#links) link.close();
    if (this.#server.listening) this.#server.close(onClosed);
    else process.nextTick(onClosed);
  }

  listenUnix(path: string): void {
    const word: LinkWord = { kind: "unix", path };
    const server = (this.#server = createServer((socket) => this.#admit(socket, null)));
    server.maxConnections = this.#options.maxLinks + STRANGERS_MAX;
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return this.#fail(word, error);
      this.#removeStale(path, () => this.listenUnix(path));
    });
    server.once("listening", () => this.#listening(word));
    // The socket is born closed to others; bind happens within `listen`.
    const umask = process.umask(0o777 & ~OWNER_ONLY);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
    if (server.listening) chmodSync(path, OWNER_ONLY);
  }

  listenTls(word: LinkWord & { kind: "tls" }, { ca, certificate, key }: Credentials): void {
    const server = createTlsServer({
      ca,
      cert: certificate,
      key,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
      handshakeTimeout: HANDSHAKE_MS,
      // Nobody is let in again on what a certificate said earlier.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    this.#server = server;
    server.maxConnections = this.#options.maxLinks + STRANGERS_MAX;
    server.on("secureConnection", (socket) => this.#admitSecured(socket));
    server.on("tlsClientError", (error, socket) => {
      // What is wrong with a certificate (CERT_HAS_EXPIRED) is not in the error: that is of the hang-up that follows.
      const why = String(socket.authorizationError ?? (error as { reason?: string }).reason ?? error.message);
      this.#options.onProblem(linkError("E_LINK_TLS", `a handshake failed: ${why}`), addressOf(socket));
      socket.destroy();
    });
    server.once("error", (error) => this.#fail(word, error));
    server.once("listening", () => this.#listening({ ...word, port: (server.address() as AddressInfo).port }));
    server.listen({ host: word.host, port: word.port });
  }

  #listening(word: LinkWord): void {
    // From here on: EMFILE and the like; the next connection may do better.
    this.#server.on("error", (error) => this.#options.onProblem(linkError("E_LINK_CONNECT", error.message), null));
    if (this.#closed) this.#server.close();
    else this.#options.onListening?.(word);
  }

  #admitSecured(socket: TLSSocket): void {
    const peer = peerOf(socket.getPeerCertificate());
    if (peer) return this.#admit(socket, peer);
    this.#turnAway(socket, null, linkError("E_LINK_PEER", "the certificate names no role and node"));
  }

  #admit(socket: Socket, peer: LinkPeer | null): void {
    const refusal = peer && this.#options.accept ? this.#options.accept(peer) : null;
    if (refusal) return this.#turnAway(socket, peer, refusal);
    const { maxLinks } = this.#options;
    if (this.#links.size >= maxLinks) {
      return this.#turnAway(socket, peer, linkError("E_LINK_FULL", `there are ${maxLinks} links already`));
    }
    const link = new StreamLink(socket, peer, this.#options);
    this.#links.add(link);
    socket.once("close", () => this.#links.delete(link));
    this.#options.onLink(link);
  }

  #turnAway(socket: Socket, peer: LinkPeer | null, refusal: DobbsError): void {
    this.#options.onProblem(refusal, addressOf(socket));
    new StreamLink(socket, peer, this.#options).close(refusal);
  }

  /** A socket that nobody listens on is what a program left that was killed. */
  #removeStale(path: string, onRemoved: () => void): void {
    const word: LinkWord = { kind: "unix", path };
    if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) {
      return this.#fail(word, new Error("there is a file of this name, and it is no socket"));
    }
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      this.#fail(word, inUse());
    });
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNREFUSED") return this.#fail(word, error);
      rmSync(path, { force: true });
      if (!this.#closed) onRemoved();
    });
  }

  #fail(word: LinkWord, error: NodeJS.ErrnoException): void {
    const text = linkWordText(word);
    if (error.code === "EADDRINUSE") this.#options.onFail(linkError("E_LINK_IN_USE", `another program listens at ${text}`));
    else this.#options.onFail(linkError("E_LINK_BIND", `cannot listen at ${text}: ${error.message}`));
  }
}

function inUse(): NodeJS.ErrnoException {
  return Object.assign(new Error("another program listens there"), { code: "EADDRINUSE" });
}

function addressOf(socket: Socket): string | null {
  return socket.remoteAddress ?? null;
}
