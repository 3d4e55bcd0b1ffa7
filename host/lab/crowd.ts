/** The lab's side of the process that plays the clients of HTTP: what it has said so far of each session. */
import { packagePath } from "../paths.ts";
import { SERVICE_PORT, VIPS } from "./addresses.ts";
import type { ClientsPlan, FromClients, ToClients } from "./client-messages.ts";
import { ClientProcess } from "./client-process.ts";
import type { Services } from "./services.ts";
import type { PlannedSession, SessionResult, Wave } from "./sessions.ts";

const PROGRAM = packagePath("build", "host", "lab", "clients.js");

export class Crowd {
  readonly #clients: ClientProcess<ToClients, FromClients>;
  readonly #sessions: readonly PlannedSession[];
  readonly #connected = new Set<number>();
  readonly #results = new Map<number, SessionResult>();

  constructor(services: Services, namespace: string, plan: Omit<ClientsPlan, "kind" | "vips" | "port">) {
    this.#sessions = plan.sessions;
    this.#clients = new ClientProcess(services.pipe({ name: "clients", namespace, command: [process.execPath, PROGRAM] }), (message) => {
      if (message.kind === "connected") this.#connected.add(message.id);
      else this.#results.set(message.result.id, message.result);
    });
    this.#clients.tell({ kind: "plan", vips: VIPS, port: SERVICE_PORT, ...plan });
  }

  /** By id. */
  get results(): ReadonlyMap<number, SessionResult> {
    return this.#results;
  }

  start(wave: Wave): void {
    this.#clients.tell({ kind: "start", wave });
  }

  /** Sessions that were silent or kept alive come to their end. */
  release(wave: Wave): void {
    this.#clients.tell({ kind: "release", wave });
  }

  /** Resolves when all sessions of a wave are connected: those that tell before their end. */
  connected(wave: Wave, withinMs: number): Promise<void> {
    const waited = this.#sessions.filter((session) => session.wave === wave && session.kind !== "upload");
    const isThere = ({ id }: PlannedSession): boolean => this.#connected.has(id) || this.#results.has(id);
    return this.#clients.until("are connected", () => named(waited.filter((session) => !isThere(session))), withinMs);
  }

  /** Resolves when all sessions are over, or all of a wave. */
  ended(withinMs: number, wave?: Wave): Promise<void> {
    const waited = this.#sessions.filter((session) => wave === undefined || session.wave === wave);
    return this.#clients.until("have come to their end", () => named(waited.filter(({ id }) => !this.#results.has(id))), withinMs);
  }

  /** The clients go away, with whatever they still do. */
  close(): void {
    this.#clients.close();
  }
}

function named(sessions: readonly PlannedSession[]): string[] {
  return sessions.map(({ id, kind, client }) => `${id} (${kind} of ${client})`);
}
