/** The programs of a lab: started in their namespaces, each with a log of its own, and ended by pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DobbsError } from "../errors.ts";
import { inNamespace } from "./namespaces.ts";
import { endProcesses } from "./processes.ts";
import type { RunFolder } from "./run-folder.ts";

export interface ServiceOptions {
  readonly name: string;
  readonly namespace: string | null;
  readonly command: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

const POLL_MS = 20;
const TAIL_LINES = 5;

export class Service {
  readonly name: string;
  readonly child: ChildProcess;
  /** Its stdout and stderr. */
  readonly log: string;

  constructor(name: string, child: ChildProcess, log: string) {
    this.name = name;
    this.child = child;
    this.log = log;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** Of all its lives. */
  said(): string {
    return existsSync(this.log) ? readFileSync(this.log, "utf8") : "";
  }

  async end(gentleMs: number): Promise<void> {
    if (this.child.pid !== undefined) await endProcesses([this.child.pid], { gentleMs });
  }

  /** Resolves when `isReady`. Throws E_LAB_SERVICE, with its last words, when it ends before, or is not ready in time. */
  async ready(isReady: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    while (!(await isReady())) {
      if (!this.isRunning) throw this.#failure("has ended");
      if (Date.now() > until) throw this.#failure(`was not ready within ${withinMs / 1_000} s`);
      await sleep(POLL_MS);
    }
  }

  #failure(what: string): DobbsError {
    const words = this.said().trim().split("\n").slice(-TAIL_LINES).join("\n  ");
    return new DobbsError("E_LAB_SERVICE", `${this.name} ${what}; its last words:\n  ${words}`, "See what it says.", 1);
  }
}

export class Services {
  readonly #folder: RunFolder;
  #isClosed = false;

  constructor(folder: RunFolder) {
    this.#folder = folder;
  }

  /** From here on nothing is started: the lab is being taken down. */
  close(): void {
    this.#isClosed = true;
  }

  /** What a service has said, in all its lives; empty: there is none of that name. */
  logOf(name: string): string {
    const path = this.#logPath(name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  #logPath(name: string): string {
    return this.#folder.join("logs", `${name}.log`);
  }

  /** In a session of its own: an interrupt at the terminal is the lab's business. The log of a name goes on where it was. */
  start({ name, namespace, command, environment }: ServiceOptions): Service {
    if (this.#isClosed) throw new Error(`${name} is not started: the lab is being taken down`);
    const log = this.#logPath(name);
    const [program, ...args] = inNamespace(namespace, command) as [string, ...string[]];
    const out = openSync(log, "a");
    const child = spawn(program, args, { detached: true, stdio: ["ignore", out, out], env: { ...process.env, ...environment } });
    closeSync(out);
    // Told by `ready`: it is not running.
    child.on("error", () => undefined);
    // A lab that is kept ends, and these do not.
    child.unref();
    if (child.pid !== undefined) this.#folder.note(name, child.pid);
    return new Service(name, child, log);
  }
}
