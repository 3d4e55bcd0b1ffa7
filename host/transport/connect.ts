/** Opens a link. */
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from "node:tls";
import { DobbsError } from "../errors.ts";
import { type Credentials, requireCredentials } from "./credentials.ts";
import { linkError } from "./link-error.ts";
import { type Link, type LinkLimits, StreamLink } from "./link.ts";
import { type LinkPeer, peerOf, type Role } from "./peer.ts";
import { linkWordText, type LinkWord } from "./word.ts";

export interface ConnectOptions extends LinkLimits {
  /** What the certificate at the other end must be for: a blade's key does not make a manager. */
  readonly serverRole: Role;
  /** Connected, and the other end is who it should be. Set `onFrame` and `onClose` here. A server that does not believe
   *  this end closes the link after this. */
  readonly onOpen: (link: Link) => void;
  /** It did not come to that. */
  readonly onFail: (problem: DobbsError) => void;
}

const CONNECT_MS = 5_000;

/** Exactly one of `onOpen` and `onFail` is called, later; neither after the returned function was. Throws E_TLS_MISSING
 *  when the word needs credentials. */
export function connectLink(word: LinkWord, credentials: Credentials | null, options: ConnectOptions): () => void {
  const socket = word.kind === "unix" ? connectSocket({ path: word.path }) : secured(word, credentials, options.serverRole);
  const timer = setTimeout(() => socket.destroy(linkError("E_LINK_CONNECT", `${linkWordText(word)} does not answer`)), CONNECT_MS);
  const ready = word.kind === "unix" ? "connect" : "secureConnect";
  const settle = (): void => {
    clearTimeout(timer);
    socket.off(ready, opened).off("error", broke).off("close", hungUp);
    // What a socket that is being destroyed still has to say is nobody's business.
    socket.on("error", () => undefined);
  };
  const opened = (): void => {
    settle();
    options.onOpen(new StreamLink(socket, peerAt(socket), options));
  };
  const broke = (error: NodeJS.ErrnoException): void => {
    settle();
    options.onFail(connectError(word, error));
  };
  const hungUp = (): void => {
    settle();
    options.onFail(linkError("E_LINK_CONNECT", `${linkWordText(word)} has hung up`));
  };
  socket.once(ready, opened).once("error", broke).once("close", hungUp);
  return () => {
    settle();
    socket.destroy();
  };
}

function secured(word: LinkWord & { kind: "tls" }, credentials: Credentials | null, role: Role): Socket {
  const { ca, certificate, key } = requireCredentials(credentials, linkWordText(word));
  return connectTls({
    host: word.host,
    port: word.port,
    ca,
    cert: certificate,
    key,
    minVersion: "TLSv1.3",
    servername: word.node ?? (isIP(word.host) ? "" : word.host),
    checkServerIdentity: (_, presented) => identityError(word, role, presented),
  });
}

function identityError(word: LinkWord & { kind: "tls" }, role: Role, presented: PeerCertificate): Error | undefined {
  const peer = peerOf(presented);
  const asked = linkWordText(word);
  if (!peer) return linkError("E_LINK_PEER", `the certificate at ${asked} names no role and node`);
  if (peer.role !== role) {
    return linkError("E_LINK_PEER", `at ${asked} is the ${peer.role} ${peer.name}, and not a ${role}`);
  }
  if (word.node !== null) {
    if (peer.name === word.node) return undefined;
    return linkError("E_LINK_PEER", `at ${asked} is ${peer.name}`, "Correct the word, or look who took this address.");
  }
  if (!checkServerIdentity(word.host, presented)) return undefined;
  const mend = `Issue that certificate with --address ${word.host}, or name the node: ${asked}#${peer.name}`;
  return linkError("E_LINK_PEER", `the certificate at ${asked} is for ${peer.name}, and does not name ${word.host}`, mend);
}

function peerAt(socket: Socket): LinkPeer | null {
  return "getPeerCertificate" in socket ? peerOf((socket as { getPeerCertificate(): PeerCertificate }).getPeerCertificate()) : null;
}

function connectError(word: LinkWord, error: NodeJS.ErrnoException): DobbsError {
  if (error instanceof DobbsError) return error;
  const text = linkWordText(word);
  switch (error.code) {
    case "ENOENT":
      return linkError("E_LINK_CONNECT", `there is no socket ${text}`);
    case "ECONNREFUSED":
      return linkError("E_LINK_CONNECT", `nobody listens at ${text}`);
    case "EACCES":
      return linkError("E_LINK_CONNECT", `${text} is not for this user`, "Run this as root, or as the user that the program there runs as.");
    case "ECONNRESET":
      return linkError("E_LINK_CONNECT", `${text} has hung up`);
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return linkError("E_LINK_CONNECT", `${text} cannot be reached: ${error.message}`);
    default:
      return linkError(word.kind === "tls" ? "E_LINK_TLS" : "E_LINK_CONNECT", `${text}: ${error.message}`);
  }
}
