/** A real appliance manager and its API in this process, with traffic managers that agree at once. */
import { Blades } from "../../host/api/blades.ts";
import { EventLog } from "../../host/api/event-log.ts";
import { HttpServer } from "../../host/api/http-server.ts";
import { routesOf } from "../../host/api/routes.ts";
import { Service } from "../../host/api/service.ts";
import { StateFolder } from "../../host/api/state-folder.ts";
import { parseAppliance } from "../../host/model/appliance-file.ts";
import { ApplianceManager } from "../../host/supervisor/appliance-manager.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { APPLIANCE_TEXT } from "./appliance.ts";
import { FakeBlades } from "./fake-blades.ts";

export interface TestManager {
  readonly manager: ApplianceManager;
  readonly service: Service;
  readonly blades: FakeBlades;
  readonly events: EventLog;
  /** As it was saved last. */
  readonly saved: () => ApplianceState | null;
  readonly saves: () => number;
  readonly faults: unknown[];
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly folder: string;
  /** One request with the token; the answer of any status. */
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }>;
  close(): Promise<void>;
}

export async function startManager(folderPath: string): Promise<TestManager> {
  const folder = StateFolder.open(folderPath);
  const appliance = parseAppliance(APPLIANCE_TEXT, "appliance.yaml");
  const fakes = new FakeBlades();
  const faults: unknown[] = [];
  let saved: ApplianceState | null = null;
  let saves = 0;
  const events = new EventLog({ store: null, also: { note: () => undefined }, now: Date.now });
  const manager = new ApplianceManager({
    clock: {
      now: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    peers: fakes,
    journal: events,
    buckets: appliance.buckets,
    timing: { retryMs: 20, prepareMs: 300, installMs: 300, forgetMs: 20, checkMs: 50, silentMs: 500 },
    switches: [{ name: "west", role: "active" }, { name: "east", role: "standby" }],
    ports: ["uplink", "fabric", "fabric", "fabric"],
    filters: appliance.filters,
    forward: appliance.forward,
    store: {
      save: (state) => {
        saved = JSON.parse(JSON.stringify(state)) as ApplianceState;
        saves++;
      },
    },
  });
  fakes.serve((from, message) => manager.receive(from, message));
  const blades = new Blades(appliance, folder);
  const service = new Service({ manager, appliance, blades, events, release: "0.0.0", isConnected: (name) => fakes.has(name), now: Date.now });
  const token = folder.token();
  const server = new HttpServer({ token, routes: routesOf(service), onFault: (error) => faults.push(error) });
  const { port } = await server.listen("127.0.0.1", 0);
  const url = `http://127.0.0.1:${port}`;
  folder.announce({ url, pid: process.pid });
  return {
    manager,
    service,
    blades: fakes,
    events,
    saved: () => saved,
    saves: () => saves,
    faults,
    url,
    port,
    token,
    folder: folder.path,
    ask: async (method, path, body) => {
      const answer = await fetch(url + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...(body !== undefined && { "Content-Type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: await answer.json() };
    },
    close: async () => {
      fakes.stop();
      manager.stop();
      await server.close();
    },
  };
}

/** Waits for a condition; fails after a generous time. */
export async function until(what: string, done: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
