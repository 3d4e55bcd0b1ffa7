/** The lab's side of the process that plays the clients: what it has said so far of each session. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { CLIENTS } from "./addresses.ts";
import { type ClientsPlan, type FromClients, readLines, writeLine } from "./client-messages.ts";
import { inNamespace } from "./namespaces.ts";
import type { RunFolder } from "./run-folder.ts";
import type { PlannedSession, SessionResult, Wave } from "./sessions.ts";

const POLL_MS = 50;
const PROGRAM = packagePath("build", "host", "lab", "clients.js");

export class Crowd {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #sessions: readonly PlannedSession[];
  readonly #connected = new Set<number>();
  readonly #results = new Map<number, SessionResult>();
  #stderr = "";

  constructor(folder: RunFolder, plan: Omit<ClientsPlan, "kind">) {
    this.#sessions = plan.sessions;
    const [program, ...args] = inNamespace(CLIENTS, [process.execPath, PROGRAM]) as [string, ...string[]];
    this.#child = spawn(program, args, { detached: true });
    if (this.#child.pid !== undefined) folder.note("clients", this.#child.pid);
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => void (this.#stderr += text));
    // It has ended: `until` tells.
    this.#child.stdin.on("error", () => undefined);
    readLines<FromClients>(this.#child.stdout, (message) => {
      if (message.kind === "connected") this.#connected.add(message.id);
      else this.#results.set(message.result.id, message.result);
    });
    writeLine(this.#child.stdin, { kind: "plan", ...plan });
  }

  /** By id. */
  get results(): ReadonlyMap<number, SessionResult> {
    return this.#results;
  }

  start(wave: Wave): void {
    writeLine(this.#child.stdin, { kind: "start", wave });
  }

  /** Sessions that were silent or kept alive come to their end. */
  release(wave: Wave): void {
    writeLine(this.#child.stdin, { kind: "release", wave });
  }

  /** Resolves when all sessions of a wave are connected: those that tell before their end. */
  connected(wave: Wave, withinMs: number): Promise<void> {
    const waited = this.#sessions.filter((session) => session.wave === wave && session.kind !== "upload");
    const isThere = ({ id }: PlannedSession): boolean => this.#connected.has(id) || this.#results.has(id);
    return this.#until(() => waited.filter((session) => !isThere(session)), withinMs, "are connected");
  }

  /** Resolves when all sessions are over, or all of a wave. */
  ended(withinMs: number, wave?: Wave): Promise<void> {
    const waited = this.#sessions.filter((session) => wave === undefined || session.wave === wave);
    return this.#until(() => waited.filter(({ id }) => !this.#results.has(id)), withinMs, "have come to their end");
  }

  /** The clients go away, with whatever they still do. */
  close(): void {
    this.#child.stdin.end();
  }

  async #until(missing: () => readonly PlannedSession[], withinMs: number, what: string): Promise<void> {
    const until = Date.now() + withinMs;
    for (let left = missing(); left.length > 0; left = missing()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new DobbsError("E_LAB_CLIENTS", `the clients have ended: ${this.#stderr.trim()}`, "See what they say.", 1);
      }
      if (Date.now() > until) {
        const some = left.slice(0, 5).map(({ id, kind, client }) => `${id} (${kind} of ${client})`).join(", ");
        const message = `after ${withinMs / 1_000} s not all sessions ${what}: ${left.length} are missing, such as ${some}`;
        throw new DobbsError("E_LAB_CLIENTS", message, "Look around in a lab that is left running: dobbs lab --keep", 1);
      }
      await sleep(POLL_MS);
    }
  }
}
