/**
 * The appliance manager as a process: its state, its links to traffic managers, its API. What it cannot go on after (the
 * state cannot be written, a fault of ours) ends the process: what was saved is what holds, and the next one goes on there.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DobbsError } from "../errors.ts";
import type { Appliance } from "../model/appliance.ts";
import { charterOf } from "../process/charter.ts";
import type { LogJournal } from "../process/log-journal.ts";
import { PeerHub } from "../process/peer-hub.ts";
import { RealClock } from "../process/real-clock.ts";
import { SqliteStore } from "../state/sqlite-store.ts";
import { ApplianceManager } from "../supervisor/appliance-manager.ts";
import type { Order } from "../supervisor/messages.ts";
import { type Shared, switchSetup } from "../supervisor/node-setup.ts";
import type { Credentials } from "../transport/credentials.ts";
import { linkError } from "../transport/link-error.ts";
import { linkWordText, type LinkWord } from "../transport/word.ts";
import { Blades } from "./blades.ts";
import { EventLog } from "./event-log.ts";
import { HttpServer } from "./http-server.ts";
import { checkIdentity, checkMembers } from "./identity.ts";
import { type ApiAddress, urlOf } from "./listen-address.ts";
import { routesOf } from "./routes.ts";
import { Service } from "./service.ts";
import { STATE_FILE, type StateFolder } from "./state-folder.ts";

export interface ApplianceServerOptions {
  readonly appliance: Appliance;
  readonly folder: StateFolder;
  /** Where traffic managers find it. */
  readonly words: readonly LinkWord[];
  readonly credentials: Credentials | null;
  readonly api: ApiAddress;
  /** A blade that is silent for so long is failed; null: none is. */
  readonly failMs: number | null;
  readonly redirect: boolean;
  readonly release: string;
  readonly log: LogJournal;
  /** It cannot go on. */
  readonly onFail: (problem: unknown) => void;
}

/** Events are written within this time, also when nobody asks for them. */
const FLUSH_MS = 500;

export class ApplianceServer {
  /** `http://127.0.0.1:7440`; known once it listens. */
  url = "";
  /** Where traffic managers find it, with real ports. */
  readonly links: string[] = [];
  readonly #options: ApplianceServerOptions;
  readonly #store: SqliteStore;
  readonly #manager: ApplianceManager;
  readonly #http: HttpServer;
  readonly #blades: Blades;
  readonly #events: EventLog;
  readonly #shared: Shared;
  #hub: PeerHub | null = null;
  #flush: NodeJS.Timeout | null = null;

  /** Opens the state. Throws E_STATE_*. */
  constructor(options: ApplianceServerOptions) {
    this.#options = options;
    const { appliance, folder, failMs, redirect, release, log, onFail } = options;
    this.#store = new SqliteStore(folder.file(STATE_FILE));
    try {
      const seed = appliance.seed === undefined ? this.#store.hashSeed : Uint8Array.from(Buffer.from(appliance.seed, "hex"));
      checkIdentity(appliance, Buffer.from(seed).toString("hex"), folder);
      const restored = this.#store.load();
      this.#blades = new Blades(appliance, folder);
      if (restored) checkMembers(restored.view, (name) => this.#blades.find(name));
      this.#shared = { appliance, seed, redirect };
      const clock = new RealClock(restored?.generationAt ?? 0);
      this.#events = new EventLog({ store: this.#store, also: log, now: () => clock.now() });
      this.#manager = new ApplianceManager({
        clock,
        // Whatever it sends is an order.
        peers: { send: (to, message) => this.#hub?.send(to, message as Order) },
        journal: this.#events,
        buckets: appliance.buckets,
        switches: appliance.switches,
        ports: switchSetup(this.#shared).identity.ports,
        filters: appliance.filters,
        forward: appliance.forward,
        failMs,
        balance: appliance.balance ?? null,
        store: this.#store,
        restored,
      });
      const service = new Service({
        manager: this.#manager,
        appliance,
        blades: this.#blades,
        events: this.#events,
        release,
        isConnected: (blade) => this.#hub?.blades.includes(blade) ?? false,
        onDescribed: () => this.#hub?.update(),
        now: () => clock.now(),
      });
      this.#http = new HttpServer({ token: folder.token(), routes: routesOf(service), onFault: onFail });
    } catch (error) {
      this.#store.close();
      throw error;
    }
  }

  /** Rejects with E_API_LISTEN, E_LINK_IN_USE, E_LINK_BIND or E_TLS_MISSING: call `stop` then. */
  async start(): Promise<void> {
    const { api, folder, log } = this.#options;
    await this.#listenToBlades();
    this.#manager.listens();
    const place = await this.#http.listen(api.host, api.port);
    this.url = urlOf(place);
    folder.announce({ url: this.url, pid: process.pid });
    this.#flush = setInterval(() => this.#store.flush(), FLUSH_MS);
    log.note("started", { url: this.url, links: this.links.join(" "), state: folder.path, generation: this.#manager.assignment().generation });
  }

  /** What is under way goes on when it is started again. */
  async stop(): Promise<void> {
    if (this.#flush !== null) clearInterval(this.#flush);
    if (this.url !== "") this.#options.folder.withdraw();
    this.#manager.stop();
    await this.#http.close();
    await new Promise<void>((resolve) => (this.#hub ? this.#hub.close(resolve) : resolve()));
    this.#store.close();
  }

  #listenToBlades(): Promise<void> {
    const { words, credentials, log } = this.#options;
    for (const word of words) if (word.kind === "unix") makeFolder(word.path);
    return new Promise((resolve, reject) => {
      this.#hub = new PeerHub({
        words,
        credentials,
        charterOf: (name) => {
          const blade = this.#blades.find(name);
          return blade ? charterOf(this.#shared, blade) : null;
        },
        receive: (blade, report) => this.#manager.receive(blade, report),
        journal: log,
        onListening: (word) => {
          this.links.push(linkWordText(word));
          if (this.links.length === words.length) resolve();
        },
        onFail: reject,
      });
    });
  }
}

/** Of a Unix socket. Throws E_LINK_BIND. */
function makeFolder(socket: string): void {
  try {
    mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw linkError("E_LINK_BIND", `cannot make the folder of unix:${socket}: ${(error as Error).message}`);
  }
}

/** What a fault is told as, in the log. */
export function asProblem(error: unknown): DobbsError {
  if (error instanceof DobbsError) return error;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new DobbsError("E_INTERNAL", what, "Report this: it is a fault in Dobbs, not in what you gave it.", 1);
}
