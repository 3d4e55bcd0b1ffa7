/** A netlink socket that dumps TCP sockets of the network namespace it was made in. */
import { closeSync, statSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import * as libc from "./libc.ts";
import { readDatagram, type OnSocket } from "./diag-message.ts";
import { inNetns } from "./netns.ts";

/** The kernel makes datagrams of a dump at most half as long. */
const DATAGRAM_BYTES_MAX = 65_536;
/** Datagrams of one dump: some 20 million sockets. */
const DATAGRAMS_MAX = 131_072;

export class DiagSocket {
  readonly #buffer = Buffer.alloc(DATAGRAM_BYTES_MAX);
  readonly #netns: string | null;
  /** Which namespace that path led to. */
  readonly #home: string;
  #fd: number;

  /** `netns`: path of a network namespace, null for this thread's own. Throws E_SOCKETS_*. */
  constructor(netns: string | null) {
    this.#netns = netns;
    this.#home = identityOf(netns);
    this.#fd = netns === null ? openSocket() : inNetns(netns, openSocket);
  }

  /** Whether its path leads to another namespace by now, or to none: the container was started anew. This socket keeps the
   *  old one alive, and would go on finding no connections there. */
  get isStranded(): boolean {
    return identityOf(this.#netns) !== this.#home;
  }

  /** Sends one dump request and reads all of its answer. Waits for nothing: the kernel writes a dump while it is being
   *  read. False: the kernel says that the dump is not whole. Throws E_SOCKETS_*. */
  dump(request: Uint8Array, sequence: number, onSocket: OnSocket): boolean {
    try {
      libc.send(this.#fd, request, request.length, 0);
      for (let datagrams = 0; datagrams < DATAGRAMS_MAX; datagrams++) {
        const length = libc.recv(this.#fd, this.#buffer, DATAGRAM_BYTES_MAX, libc.MSG_DONTWAIT | libc.MSG_TRUNC);
        if (length > DATAGRAM_BYTES_MAX) return this.#giveUp();
        const progress = readDatagram(this.#buffer.subarray(0, length), sequence, onSocket);
        if (progress.kind === "refused") throw refused(new libc.ErrnoError("the socket dump", progress.errno));
        if (progress.kind === "interrupted") return this.#giveUp();
        if (progress.kind === "done") return true;
      }
      return this.#giveUp();
    } catch (error) {
      throw error instanceof libc.ErrnoError ? refused(error) : error;
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  /** A new dump is refused while the old one has a rest: reads it away. */
  #giveUp(): false {
    try {
      for (let datagrams = 0; datagrams < DATAGRAMS_MAX; datagrams++) {
        libc.recv(this.#fd, this.#buffer, DATAGRAM_BYTES_MAX, libc.MSG_DONTWAIT);
      }
    } catch (error) {
      if (!(error instanceof libc.ErrnoError)) throw error;
    }
    return false;
  }
}

function identityOf(netns: string | null): string {
  const stat = netns === null ? undefined : statSync(netns, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino}` : "";
}

function openSocket(): number {
  try {
    return libc.socket(libc.AF_NETLINK, libc.SOCK_RAW | libc.SOCK_CLOEXEC, libc.NETLINK_SOCK_DIAG);
  } catch (error) {
    throw error instanceof libc.ErrnoError ? refused(error) : error;
  }
}

/** What the kernel says no to. */
export function refused(error: libc.ErrnoError): DobbsError {
  switch (error.code) {
    case "EPERM":
    case "EACCES":
      return new DobbsError(
        "E_SOCKETS_PERMISSION",
        `may not read the socket table (${error.message})`,
        "Run as root, or allow AF_NETLINK sockets (systemd: RestrictAddressFamilies=, containers: the seccomp profile).",
        1,
      );
    case "EPROTONOSUPPORT":
    case "EAFNOSUPPORT":
    case "ENOENT":
    case "EOPNOTSUPP":
      return new DobbsError(
        "E_SOCKETS_KERNEL",
        `this kernel does not tell its TCP sockets (${error.message})`,
        "Run `modprobe tcp_diag`, or use a kernel with CONFIG_INET_DIAG and CONFIG_INET_TCP_DIAG.",
        1,
      );
    default:
      return new DobbsError(
        "E_SOCKETS_READ",
        `cannot read the socket table: ${error.message}`,
        "Try again; if it stays, look at what the kernel says: dmesg.",
        1,
      );
  }
}
