/** The appliance manager and the traffic managers of a lab, asked as their users ask them: by `dobbs`, and by the JSON API. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient } from "../api/client.ts";
import { API_FILE, TOKEN_FILE, type ApiPlace } from "../api/state-folder.ts";
import type { BladeDocument, StatusDocument } from "../api/status-document.ts";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { hostNamespace } from "./addresses.ts";
import { socketWord } from "./lab-appliance.ts";
import type { RunFolder } from "./run-folder.ts";
import { finished, type Service, type Services } from "./services.ts";

const DOBBS = packagePath("build", "host", "cli", "dobbs.js");
const READY_MS = 20_000;
const POLL_MS = 100;
/** A fraction of what a step of a reconfiguration takes. */
const LOG_POLL_MS = 1;

export interface ManagerOptions {
  readonly folder: RunFolder;
  readonly services: Services;
  /** The appliance file. */
  readonly appliance: string;
  readonly redirect: boolean;
  /** A blade that is silent for so long is failed. */
  readonly failAfter: string;
}

/** The appliance's state, as the API tells it. */
export class Manager {
  readonly #options: ManagerOptions;
  #client: ApiClient | null = null;
  #service: Service | null = null;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** The state folder of `dobbs serve`. */
  get state(): string {
    return this.#options.folder.join("state");
  }

  /** Also after its end. */
  async start(): Promise<void> {
    const { services, appliance, folder, redirect, failAfter } = this.#options;
    const command = [
      ...["serve", "--appliance", appliance, "--state", this.state, "--api", "127.0.0.1:0"],
      ...["--listen", socketWord(folder, "manager"), "--fail-after", failAfter, "--redirect", redirect ? "on" : "off"],
    ];
    const service = services.start({ name: "serve", namespace: null, command: [process.execPath, DOBBS, ...command] });
    this.#service = service;
    // What was killed has left its own.
    await service.ready(() => this.#place()?.pid === service.child.pid, READY_MS);
    const startMend = "See the log of dobbs serve.";
    const token = readFileSync(`${this.state}/${TOKEN_FILE}`, "utf8").trim();
    this.#client?.close();
    this.#client = new ApiClient({ url: this.#place()!.url, token, startMend });
  }

  /** On the blade's host, where its sockets are. */
  startTrafficManager(blade: string): Service {
    const { services, folder } = this.#options;
    const command = [
      ...["traffic-manager", "--blade", blade],
      ...["--shim", socketWord(folder, blade), "--manager", socketWord(folder, "manager")],
    ];
    return services.start({
      name: `traffic-manager-${blade}`,
      namespace: hostNamespace(blade),
      command: [process.execPath, DOBBS, ...command],
    });
  }

  status(): Promise<StatusDocument> {
    return this.get<StatusDocument>("/v1/status");
  }

  async blade(name: string): Promise<BladeDocument | undefined> {
    return (await this.status()).blades.find((blade) => blade.name === name);
  }

  get<T>(path: string): Promise<T> {
    return this.#client!.ask<T>("GET", path);
  }

  close(): void {
    this.#client?.close();
  }

  /** As `dobbs`, of this appliance. */
  order<T>(...args: string[]): Promise<T> {
    return this.dobbs<T>(...args, "--state", this.state);
  }

  /** Runs `dobbs <args> --json`, and returns what it prints. Throws E_LAB_COMMAND with what it said. */
  async dobbs<T>(...args: string[]): Promise<T> {
    const command = [process.execPath, DOBBS, ...args, "--json"];
    const { status, stdout, stderr } = await finished(this.#options.services.pipe({ name: `dobbs ${args[0]}`, namespace: null, command }));
    if (status === 0) return JSON.parse(stdout) as T;
    throw new DobbsError("E_LAB_COMMAND", `dobbs ${args.join(" ")} exits ${status}: ${stderr.trim()}`, "See what it says.", 1);
  }

  /**
   * Gives an order, and kills it (-9) once its log has an `event` since then. Returns the last event that it wrote. Throws what
   * the order failed with before that, and E_LAB_WAIT.
   */
  async killDuring(event: string, order: readonly string[], withinMs: number): Promise<string> {
    const service = this.#service!;
    const from = service.said().length;
    const events = (): string[] => eventsIn(service.said().slice(from));
    const until = Date.now() + withinMs;
    let failure: unknown = null;
    const answered = this.order(...order).catch((error: unknown) => (failure = error));
    while (!events().includes(event)) {
      if (failure !== null) throw failure;
      if (Date.now() > until) {
        const message = `after ${withinMs / 1_000} s the appliance manager has not said ${event} of ${order.join(" ")}`;
        throw new DobbsError("E_LAB_WAIT", message, "Look around in a lab that is left running: dobbs lab --keep", 1);
      }
      await sleep(LOG_POLL_MS);
    }
    await service.end(0);
    // Refused, or answered in time.
    await answered;
    return events().at(-1)!;
  }

  /** Resolves when `isSo`. Throws E_LAB_WAIT with `what` when that takes longer than `withinMs`. */
  async until(what: string, isSo: (status: StatusDocument) => boolean, withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    let status = await this.status();
    while (!isSo(status)) {
      if (Date.now() > until) {
        const message = `after ${withinMs / 1_000} s it is not so that ${what}; the appliance manager says ${JSON.stringify(status)}`;
        throw new DobbsError("E_LAB_WAIT", message, "Look around in a lab that is left running: dobbs lab --keep", 1);
      }
      await sleep(POLL_MS);
      status = await this.status();
    }
  }

  #place(): ApiPlace | null {
    try {
      return JSON.parse(readFileSync(`${this.state}/${API_FILE}`, "utf8")) as ApiPlace;
    } catch {
      return null;
    }
  }
}

/** Of a log as JSON, line by line. */
function eventsIn(log: string): string[] {
  return log.split("\n").flatMap((line) => /^\{.*"event":"([^"]+)".*\}$/.exec(line)?.[1] ?? []);
}
