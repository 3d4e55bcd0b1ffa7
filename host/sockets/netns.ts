/** Network namespaces: a host that runs in a container has its sockets in one of its own. */
import { closeSync, openSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { CLONE_NEWNET, ErrnoError, setns } from "./libc.ts";

/** Of the calling thread: it is threads that are in a namespace, not processes. */
const OWN = "/proc/thread-self/ns/net";

/**
 * Runs `run` in the network namespace at `path` (such as /run/netns/web1), and comes back from it. A socket belongs to
 * the namespace that it was made in, wherever it is used from: so it is enough to make it there. `run` must not wait,
 * since everything else that this thread does would be there too.
 *
 * Throws E_SOCKETS_NETNS, E_SOCKETS_PERMISSION, or what `run` throws.
 */
export function inNetns<T>(path: string, run: () => T): T {
  const there = open(path);
  try {
    const own = openSync(OWN, "r");
    try {
      enter(there, path);
      try {
        return run();
      } finally {
        // Cannot fail for want of permission: whoever could enter may come back. If it fails all the same, nothing that
        // this process does from here on would be where it belongs.
        setns(own, CLONE_NEWNET);
      }
    } finally {
      closeSync(own);
    }
  } finally {
    closeSync(there);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message;
    throw new DobbsError(
      "E_SOCKETS_NETNS",
      `cannot open the network namespace ${path}: ${why}`,
      "Name a namespace by its file: /run/netns/<name> of `ip netns list`, or /proc/<process>/ns/net.",
    );
  }
}

function enter(fd: number, path: string): void {
  try {
    setns(fd, CLONE_NEWNET);
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
    if (error.code === "EPERM") {
      throw new DobbsError(
        "E_SOCKETS_PERMISSION",
        `may not enter the network namespace ${path}`,
        "Run as root, or with the capability CAP_SYS_ADMIN.",
      );
    }
    throw new DobbsError(
      "E_SOCKETS_NETNS",
      `${path} is no network namespace (${error.message})`,
      "Name a namespace by its file: /run/netns/<name> of `ip netns list`, or /proc/<process>/ns/net.",
    );
  }
}
