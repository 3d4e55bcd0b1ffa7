/** A process that plays clients: told what to do, and telling what becomes of them, in objects of JSON, one a line. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../errors.ts";
import { readLines } from "./client-messages.ts";

const POLL_MS = 50;
/** Of those that are missing, so many are named. */
const NAMED_MAX = 5;

export class ClientProcess<Told extends object, Tells> {
  readonly #child: ChildProcessWithoutNullStreams;
  #stderr = "";

  /** It ends when this process does: its stdin ends. */
  constructor(child: ChildProcessWithoutNullStreams, onMessage: (message: Tells) => void) {
    this.#child = child;
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => void (this.#stderr += text));
    // It has ended, or was not started: `until` tells.
    this.#child.stdin.on("error", () => undefined);
    this.#child.on("error", (error) => void (this.#stderr += error.message));
    readLines<Tells>(this.#child.stdout, onMessage);
  }

  tell(message: Told): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** The clients go away, with whatever they still do. */
  close(): void {
    this.#child.stdin.end();
  }

  /** Resolves when nobody is missing. `missing` names them; `what` goes on from "not all sessions". Throws E_LAB_CLIENTS. */
  async until(what: string, missing: () => readonly string[], withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    for (let left = missing(); left.length > 0; left = missing()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new DobbsError("E_LAB_CLIENTS", `the clients have ended: ${this.#stderr.trim()}`, "See what they say.", 1);
      }
      if (Date.now() > until) {
        const message = `after ${withinMs / 1_000} s not all sessions ${what}: ${left.length} are missing, such as ${left.slice(0, NAMED_MAX).join(", ")}`;
        throw new DobbsError("E_LAB_CLIENTS", message, "Look around in a lab that is left running: dobbs lab --keep", 1);
      }
      await sleep(POLL_MS);
    }
  }
}
