/** The socket table of a real Linux host, read with inet_diag. */
import { DobbsError } from "../errors.ts";
import type { Clock, HostSocket, HostSockets } from "../supervisor/environment.ts";
import { dumpRequest, familiesOf } from "./diag-request.ts";
import { DiagSocket } from "./diag-socket.ts";
import { hasAddress } from "./local-address.ts";
import { CookieCounter } from "./netstat.ts";
import { addSocket } from "./union.ts";

export interface InetDiagOptions {
  readonly clock: Clock;
  /** Only connections to these addresses are read. At least one. */
  readonly vips: readonly string[];
  /** Path of the host's network namespace (/run/netns/web1); default: the one that this process is in. */
  readonly netns?: string;
  /** See `HostSockets`; default 20. */
  readonly queueMs?: number;
  /** A reading has failed, and is tried again; null: it has succeeded since. */
  readonly onProblem?: (problem: DobbsError | null) => void;
  /** It cannot be read how many SYN cookies the host has sent; null: it can be again. */
  readonly onCookieProblem?: (problem: DobbsError | null) => void;
}

export const QUEUE_MS_DEFAULT = 20;
/** Between two attempts at a reading. */
const RETRY_MS = 500;
/** Dumps of one family that the kernel may call not whole, one after the other. */
const INTERRUPTED_MAX = 16;

/**
 * A dump goes in parts of 32 KiB, and the table changes in between. Where it was interrupted, the kernel remembers a
 * chain of its hash table and the number of sockets of it that are done: when one of those goes away meanwhile, the next
 * one is skipped, and nothing tells. So a reading is two dumps, and every connection that is in one of them. The parts of
 * the second one end elsewhere (at a stable table they would not, but then nothing is skipped).
 *
 * What is in one dump only may have come or gone between the two, and it is right to count it either way: one live
 * connection too many puts a drain off until the next look, and a key too many keeps a row in the flow table. Each would
 * be a broken connection the other way round. For the same reason a connection that is live in either is live.
 */
export class InetDiagSockets implements HostSockets {
  readonly queueMs: number;
  readonly #options: InetDiagOptions;
  readonly #families: ReturnType<typeof familiesOf>;
  readonly #cookies: CookieCounter;
  #socket: DiagSocket;
  #sequence = 0;
  #failing = false;
  #closed = false;

  /** Throws E_SOCKETS_*: this host's sockets cannot be read. */
  constructor(options: InetDiagOptions) {
    this.#options = options;
    this.queueMs = options.queueMs ?? QUEUE_MS_DEFAULT;
    this.#families = familiesOf(options.vips);
    this.#cookies = new CookieCounter({ netns: options.netns ?? null, onProblem: options.onCookieProblem });
    this.#socket = new DiagSocket(options.netns ?? null);
    try {
      this.#dump(new Map());
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Answers when it has succeeded. A host whose sockets cannot be read is not known to have none, so there is no
   *  answer that would do. */
  read(onRows: (rows: readonly HostSocket[]) => void): void {
    if (this.#closed) return;
    const rows = new Map<string, HostSocket>();
    const attempt = (work: () => void): boolean => {
      if (this.#closed) return false;
      try {
        work();
        return true;
      } catch (error) {
        if (!(error instanceof DobbsError)) throw error;
        this.#fail(error, () => this.read(onRows));
        return false;
      }
    };
    if (!attempt(() => this.#dump(rows))) return;
    // Apart, so that what else this thread has to do waits for one only.
    setImmediate(() => {
      if (!attempt(() => this.#dumpAgain(rows))) return;
      if (this.#failing) this.#options.onProblem?.(null);
      this.#failing = false;
      onRows([...rows.values()]);
    });
  }

  cookiesSent(): number | null {
    return this.#cookies.read();
  }

  /** Readings that are under way have no answer any more. */
  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  /** Adds what a dump has to `rows`. */
  #dump(rows: Map<string, HostSocket>): void {
    if (this.#socket.isStranded) this.#moveHome();
    for (const { family, vips } of this.#families) {
      let tries = 0;
      do {
        if (tries++ === INTERRUPTED_MAX) throw busy();
        this.#sequence = (this.#sequence + 1) >>> 0;
      } while (
        !this.#socket.dump(dumpRequest(family, vips, this.#sequence), this.#sequence, (bytes, at) => addSocket(rows, bytes, at))
      );
    }
  }

  /** Where no VIP is, there is nothing to be found, and that proves nothing of the host where they are. */
  #dumpAgain(rows: Map<string, HostSocket>): void {
    this.#dump(rows);
    if (rows.size > 0) return;
    const { vips, netns = null } = this.#options;
    if (!hasAddress(netns, vips)) throw noVip(vips, netns);
  }

  #moveHome(): void {
    const socket = new DiagSocket(this.#options.netns!);
    this.#socket.close();
    this.#socket = socket;
  }

  #fail(problem: DobbsError, again: () => void): void {
    this.#failing = true;
    this.#options.onProblem?.(problem);
    this.#options.clock.after(RETRY_MS, () => {
      if (!this.#closed) again();
    });
  }
}

function noVip(vips: readonly string[], netns: string | null): DobbsError {
  const where = netns === null ? "this host (or this network namespace)" : `the network namespace ${netns}`;
  return new DobbsError(
    "E_SOCKETS_VIP",
    `${where} has none of the addresses ${vips.join(", ")}, so its sockets say nothing of their connections`,
    `Name the namespace of the owner's host with --netns <owner=path>; or give the host its VIP: ip addr add ${vips[0]} dev lo`,
    1,
  );
}

function busy(): DobbsError {
  return new DobbsError(
    "E_SOCKETS_READ",
    `the kernel has interrupted ${INTERRUPTED_MAX} socket dumps in a row`,
    "Nothing to do: it is tried again. If it stays, report it with the output of `uname -r`.",
    1,
  );
}
