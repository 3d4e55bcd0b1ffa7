/** Traffic managers with nothing to do: they agree at once, and have as many connections as a test says. */
import type { ManagerMessage, Report } from "../../host/supervisor/messages.ts";
import { digest, succeed } from "../../host/supervisor/succession.ts";

const POLL_MS = 20;
/** Runnable processes a CPU. */
const LOAD = 0.25;

interface FakeBlade {
  generation: number;
  tables: number;
  live: number;
  load: number;
  /** Previous owner of these, and done with them. */
  drained: readonly number[];
  switches: readonly string[] | null;
}

export class FakeBlades {
  readonly #blades = new Map<string, FakeBlade>();
  readonly #roles = new Map<string, "active" | "standby">();
  #switchGeneration = 0;
  readonly #timer: NodeJS.Timeout;
  /** Hands a report to the appliance manager. */
  #receive: (from: string, message: ManagerMessage) => void = () => undefined;

  constructor() {
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
  }

  /** The appliance manager that they report to from now on. */
  serve(receive: (from: string, message: ManagerMessage) => void): void {
    this.#receive = receive;
  }

  plug(...names: readonly string[]): void {
    for (const name of names) this.#blades.set(name, { generation: 0, tables: 0, live: 0, load: LOAD, drained: [], switches: null });
  }

  unplug(name: string): void {
    this.#blades.delete(name);
  }

  has(name: string): boolean {
    return this.#blades.has(name);
  }

  /** The blade has so many connections from now on; a draining one with none says that it has drained. */
  setLive(name: string, live: number): void {
    this.#blades.get(name)!.live = live;
  }

  setLoad(name: string, load: number): void {
    this.#blades.get(name)!.load = load;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A message of the appliance manager; the answer comes a turn later. */
  send(to: string, message: ManagerMessage): void {
    const copy = structuredClone(message);
    setImmediate(() => {
      const blade = this.#blades.get(to);
      const report = blade && this.#answer(to, blade, copy);
      if (report) this.#receive(to, report);
    });
  }

  #answer(name: string, blade: FakeBlade, message: ManagerMessage): Report | null {
    switch (message.kind) {
      case "prepare": {
        const { generation, view, last } = message;
        return { kind: "prepared", generation, digest: digest(succeed(view, last, generation)), seeded: blade.live };
      }
      case "install": {
        const { generation, buckets, owners } = message.assignment;
        blade.generation = generation;
        const own = owners.findIndex((owner) => owner?.blade === name);
        blade.drained = buckets.flatMap((history, bucket) => (history.indexOf(own) > 0 ? [bucket] : []));
        return { kind: "installed", generation };
      }
      case "switch":
        this.#switchGeneration = message.assignment.generation;
        for (const [at, role] of Object.entries(message.roles)) this.#roles.set(at, role);
        return { kind: "switched", serial: message.serial, problems: [] };
      case "lead":
        blade.switches = message.switches;
        return null;
      case "tables":
        blade.tables = message.revision;
        return { kind: "tabled", revision: message.revision, problem: null };
      case "count":
        return { kind: "counted", live: message.owners.map((owner) => ({ owner, live: blade.live })) };
      default:
        return null;
    }
  }

  #poll(): void {
    for (const [name, blade] of this.#blades) {
      const { generation, tables, live, load, drained, switches } = blade;
      const found = switches?.map((at) => [at, { generation: this.#switchGeneration, role: this.#roles.get(at) ?? null }] as const);
      this.#receive(name, {
        kind: "sessions",
        generation,
        healthy: true,
        counts: live === 0 ? [] : [{ owner: name, bucket: 0, live }],
        drained: live === 0 && drained.length > 0 ? [{ owner: name, buckets: drained }] : [],
        lingering: [],
        flowsCut: { since: 0, flows: 0 },
        lacking: [],
        tables,
        load,
        switches: found ? Object.fromEntries(found) : null,
      });
    }
  }
}
