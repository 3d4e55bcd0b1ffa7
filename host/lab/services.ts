/** The programs of a lab: started in their namespaces, each with a log of its own, and ended by pid. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn, type SpawnOptions } from "node:child_process";
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

/** A program that has come to its end. */
export interface Finished {
  /** null: a signal has ended it; below 0: it could not be started (-errno). */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
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

  /** Tells it, and what it has started, to come to an end; it may have last words. */
  interrupt(): void {
    // It is the first of a group of its own, whose number nobody else gets before it has been waited for.
    if (this.isRunning) process.kill(-this.child.pid!, "SIGTERM");
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

  /** An interrupt at the terminal is the lab's business, and not a service's. The log of a name goes on where it was. */
  start(options: ServiceOptions): Service {
    const { name } = options;
    this.#checkOpen(name);
    const log = this.#logPath(name);
    const out = openSync(log, "a");
    try {
      const child = this.#spawn(options, { stdio: ["ignore", out, out] });
      // Told by `ready`: it is not running.
      child.on("error", () => undefined);
      // A lab that is kept ends, and these do not.
      child.unref();
      return new Service(name, child, log);
    } finally {
      closeSync(out);
    }
  }

  /** A program that is talked with. Whoever starts it listens for its errors. */
  pipe(options: ServiceOptions): ChildProcessWithoutNullStreams {
    this.#checkOpen(options.name);
    return this.#spawn(options, { stdio: "pipe" }) as ChildProcessWithoutNullStreams;
  }

  #checkOpen(name: string): void {
    if (this.#isClosed) throw new Error(`${name} is not started: the lab is being taken down`);
  }

  /** In a session of its own. It is noted, so that it does not outlive the lab. */
  #spawn({ name, namespace, command, environment }: ServiceOptions, options: SpawnOptions): ChildProcess {
    const [program, ...args] = inNamespace(namespace, command) as [string, ...string[]];
    const child = spawn(program, args, { ...options, detached: true, env: { ...process.env, ...environment } });
    if (child.pid !== undefined) this.#folder.note(name, child.pid);
    return child;
  }
}

/** Resolves when it has ended. It is given nothing to read. */
export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdin.on("error", () => undefined).end();
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  child.on("error", (error) => void (stderr += error.message));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
}
