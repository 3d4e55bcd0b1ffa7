/** SYN cookies that a Linux host has sent, as its kernel counts them (Documentation/networking/snmp_counter.rst). */
import { readFileSync } from "node:fs";
import { inNetns } from "./netns.ts";

/** Of the network namespace that the calling thread is in. */
const PATH = "/proc/thread-self/net/netstat";
const GROUP = "TcpExt:";
const COUNTER = "SyncookiesSent";

/** Null: it cannot be read now. `netns`: path of the host's network namespace; null: this thread's own. */
export function cookiesSent(netns: string | null): number | null {
  const read = (): string => readFileSync(PATH, "utf8");
  try {
    return parseCookiesSent(netns === null ? read() : inNetns(netns, read));
  } catch {
    // Reading the sockets in the same place tells of the same trouble, and why.
    return null;
  }
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
