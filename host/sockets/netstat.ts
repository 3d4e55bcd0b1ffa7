/** SYN cookies that a Linux host has sent, as its kernel counts them (Documentation/networking/snmp_counter.rst). */
import { readFileSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { inNetns } from "./netns.ts";

/** Of the network namespace that the calling thread is in. */
const PATH = "/proc/thread-self/net/netstat";
const GROUP = "TcpExt:";
const COUNTER = "SyncookiesSent";

export interface CookieCounterOptions {
  /** Path of the host's network namespace; null: this thread's own. */
  readonly netns: string | null;
  /** It cannot be read (E_SOCKETS_COOKIES), which is said once; null: it can be again. */
  readonly onProblem?: ((problem: DobbsError | null) => void) | undefined;
  /** Default: this kernel's. */
  readonly path?: string;
}

export class CookieCounter {
  readonly #options: CookieCounterOptions;
  #failing = false;

  constructor(options: CookieCounterOptions) {
    this.#options = options;
  }

  /** Null: it cannot be read now. */
  read(): number | null {
    const { netns, onProblem, path = PATH } = this.#options;
    try {
      const sent = cookiesSent(netns, path);
      if (this.#failing) onProblem?.(null);
      this.#failing = false;
      return sent;
    } catch (error) {
      if (!this.#failing) onProblem?.(unread((error as Error).message, netns));
      this.#failing = true;
      return null;
    }
  }
}

function cookiesSent(netns: string | null, path: string): number {
  const read = (): string => readFileSync(path, "utf8");
  const sent = parseCookiesSent(netns === null ? read() : inNetns(netns, read));
  if (sent === null) throw new Error(`${path} does not have it`);
  return sent;
}

/** A line of names, and a line of values in their order, for each group. Null: the counter is not there. */
export function parseCookiesSent(text: string): number | null {
  const [names = [], values = []] = text
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([group]) => group === GROUP);
  const value = Number(values[names.indexOf(COUNTER)]);
  return Number.isSafeInteger(value) ? value : null;
}

function unread(why: string, netns: string | null): DobbsError {
  const where = netns === null ? "" : ` in the network namespace ${netns}`;
  return new DobbsError(
    "E_SOCKETS_COOKIES",
    `cannot read how many SYN cookies the host has sent (TcpExt ${COUNTER}${where}): ${why}`,
    "Mount /proc where this program runs; `nstat -az TcpExtSyncookiesSent` shows whether the kernel counts. As long as it cannot be read, cookies count as sent: drains wait for half-open connections, and after a restart of the shim moved buckets wait, for about two minutes.",
    1,
  );
}
