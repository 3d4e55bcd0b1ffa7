/** `dobbs serve` as a process: what it refuses at its start, and that a kill -9 costs it nothing. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ApiClient } from "../../host/api/client.ts";
import type { EventRecord } from "../../host/api/event-log.ts";
import type { StatusDocument } from "../../host/api/status-document.ts";
import { PeerClient } from "../../host/process/peer-client.ts";
import { APPLIANCE_MANAGER, type Report } from "../../host/supervisor/messages.ts";
import { temporaryFolder } from "../cli/run.ts";
import { APPLIANCE_TEXT } from "./appliance.ts";
import { FakeBlades } from "./fake-blades.ts";
import { until } from "./manager.ts";
import { run, type Running, start } from "./process.ts";

const root = temporaryFolder();
const state = join(root, "state");
const socket = join(root, "manager.sock");
const file = join(root, "appliance.yaml");
writeFileSync(file, `${APPLIANCE_TEXT}switches:\n  - { name: west, dobbs: { link: "unix:/run/west.sock" } }\n`);

const SERVE = ["serve", "--appliance", file, "--state", state, "--listen", `unix:${socket}`, "--api", "127.0.0.1:0", "--log", "json"];

/** Traffic managers of this process, joined over the real link. */
class Blades {
  readonly fakes = new FakeBlades();
  readonly #clients = new Map<string, PeerClient>();

  constructor() {
    this.fakes.serve((from, report) => this.#clients.get(from)?.send(APPLIANCE_MANAGER, report as Report));
  }

  plug(...names: string[]): void {
    this.fakes.plug(...names);
    for (const blade of names) {
      this.#clients.set(blade, new PeerClient({
        word: { kind: "unix", path: socket },
        credentials: null,
        blade,
        release: "0.0.0",
        onCharter: () => undefined,
        receive: (from, message) => {
          if (from === APPLIANCE_MANAGER) this.fakes.send(blade, message);
        },
        onProblem: () => undefined,
      }));
    }
  }

  stop(): void {
    this.fakes.stop();
    for (const client of this.#clients.values()) client.stop();
  }
}

class Server {
  readonly process: Running;
  client!: ApiClient;

  constructor(...more: string[]) {
    this.process = start(root, ...SERVE, "--json", ...more);
  }

  async ready(): Promise<this> {
    const { process } = this;
    await until("it listens", () => process.stdout.endsWith("}\n") || process.child.exitCode !== null);
    assert.equal(process.child.exitCode, null, process.stderr);
    const { url, pid } = JSON.parse(process.stdout);
    assert.equal(pid, process.child.pid);
    this.client = new ApiClient({ url, token: readFileSync(join(state, "token"), "utf8").trim(), startMend: "" });
    return this;
  }

  status(): Promise<StatusDocument> {
    return this.client.ask("GET", "/v1/status");
  }

  async events(): Promise<readonly EventRecord[]> {
    return (await this.client.ask<{ events: EventRecord[] }>("GET", "/v1/events")).events;
  }

  post(path: string, body?: unknown): Promise<unknown> {
    return this.client.ask("POST", path, body);
  }
}

const fails = async (args: readonly string[], code: string): Promise<void> => {
  const { status, stderr } = await run(root, ...args);
  assert.equal(status, 2, stderr);
  assert.match(stderr, new RegExp(`^error ${code}: .*\\n  mend: \\S`, "m"));
};

describe("dobbs serve", () => {
  const blades = new Blades();
  let server: Server;
  after(async () => {
    blades.stop();
    server?.client?.close();
    await server?.process.kill("SIGKILL");
  });

  test("refuses what it cannot serve", async () => {
    const other = join(root, "other.yaml");
    writeFileSync(other, "name: x\n");
    const serve = (...args: string[]) => ["serve", "--state", join(root, "unused"), "--listen", `unix:${root}/unused.sock`, ...args];
    await Promise.all([
      fails(serve("--appliance", file, "--api", "0.0.0.0:0"), "E_API_ADDRESS"),
      fails(serve("--appliance", file, "--api", "example.com:80"), "E_API_ADDRESS"),
      fails(serve("--appliance", other), "E_APPLIANCE_MISSING"),
      fails(["serve", "--appliance", file, "--state", join(root, "tls"), "--listen", "tls:127.0.0.1:0", "--api", "127.0.0.1:0"], "E_TLS_MISSING"),
      fails(["serve", "--appliance", file, "--state", join(root, "nowhere"), "--listen", `unix:${file}/x/m.sock`, "--api", "127.0.0.1:0"], "E_LINK_BIND"),
      fails(serve("--appliance", file, "--fail-after", "soon"), "E_USAGE"),
    ]);
  });

  test("listens, keeps its secrets to itself, and is alone with its state", async () => {
    server = await new Server().ready();
    for (const name of ["token", "state.db", "api.json"]) assert.equal(statSync(join(state, name)).mode & 0o777, 0o600, name);
    assert.equal(statSync(state).mode & 0o777, 0o700);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    await fails(["serve", "--appliance", file, "--state", state, "--listen", `unix:${root}/second.sock`, "--api", "127.0.0.1:0"], "E_STATE_LOCKED");
    const { stdout } = await run(root, "status", "--json", "--state", state);
    assert.equal((JSON.parse(stdout) as StatusDocument).appliance, "test");
  });

  test("traffic managers join, and blades are added", async () => {
    blades.plug("ardsley", "dobbs-ferry");
    await until("both have joined", async () => (await server.status()).blades.filter(({ health }) => health === "healthy").length === 2);
    for (const name of ["ardsley", "dobbs-ferry"]) await server.post(`/v1/blades/${name}/add`);
    await server.post("/v1/forward", { station: { mac: "02:00:00:00:00:9a", at: "dobbs-ferry", port: 3 } });
    blades.fakes.setLive("ardsley", 9);
    await until("its connections are known", async () => (await server.status()).blades[0]!.live === 9);
    await server.post("/v1/blades/ardsley/drain", { deadlineMs: 3_600_000 });
  });

  test("kill -9 and a new start: blades, drain, deadline, stations, events and token are as they were", async () => {
    const before = await server.status();
    const events = await server.events();
    const token = readFileSync(join(state, "token"), "utf8");
    await server.process.kill("SIGKILL");
    server.client.close();
    assert.equal((await run(root, "status", "--state", state)).stderr.split(" ")[1], "E_MANAGER_UNREACHABLE:");

    server = await new Server().ready();
    assert.equal(readFileSync(join(state, "token"), "utf8"), token);
    await until("they have joined again", async () => (await server.status()).blades[0]!.live === 9);
    const now = await server.status();
    assert.equal(now.generation, before.generation);
    assert.equal(now.forward, 2);
    assert.deepEqual(now.blades.map(({ name, status, current, previous, deadline }) => ({ name, status, current, previous, deadline })),
      before.blades.map(({ name, status, current, previous, deadline }) => ({ name, status, current, previous, deadline })));
    assert.deepEqual((await server.events()).slice(0, events.length), events);
  });

  test("killed while requests are in line: each that was taken up is carried out by the next", async () => {
    for (let weight = 1; weight <= 8; weight++) {
      await server.post("/v1/weights?wait=0", { weights: { "dobbs-ferry": weight } });
    }
    await server.process.kill("SIGKILL");
    server.client.close();
    server = await new Server().ready();
    await until("nothing is under way", async () => {
      const { phase, waiting } = await server.status();
      return phase === "idle" && waiting.length === 0;
    });
    assert.equal((await server.status()).owners.find(({ name }) => name === "dobbs-ferry")!.weight, 8);
    await until("both are heard", async () => (await server.status()).blades.slice(0, 2).every(({ health }) => health === "healthy"));
    await server.post("/v1/rebalance");
  });

  test("the drain ends, and SIGTERM ends the process in order", async () => {
    blades.fakes.setLive("ardsley", 0);
    await until("it is offline", async () => (await server.status()).blades[0]!.status === "offline");
    const { status, stderr } = await server.process.kill("SIGTERM");
    server.client.close();
    assert.equal(status, 0);
    assert.ok(stderr.trim().split("\n").every((line) => typeof (JSON.parse(line) as { event: string }).event === "string"));
    assert.match(stderr, /"event":"stopped"/);
    assert.throws(() => statSync(join(state, "api.json")));
    assert.throws(() => statSync(socket));
  });

  test("an appliance file that has changed what must not change is refused, with a mend", async () => {
    const changed = (from: string | RegExp, to: string): string => {
      const path = join(root, "changed.yaml");
      writeFileSync(path, readFileSync(file, "utf8").replace(from, to));
      return path;
    };
    const serve = (path: string) => ["serve", "--appliance", path, "--state", state, "--listen", `unix:${socket}`, "--api", "127.0.0.1:0"];
    await fails(serve(changed("192.0.2.1", "192.0.2.7")), "E_STATE_APPLIANCE");
    await fails(serve(changed("buckets: 16", "buckets: 32")), "E_STATE_APPLIANCE");
    await fails(serve(changed("port: 2 }", "port: 8 }")), "E_STATE_APPLIANCE");
  });

  test("a silent blade is failed by itself with --fail-after", async () => {
    server = await new Server("--fail-after", "1s").ready();
    await until("dobbs-ferry is heard", async () => (await server.status()).blades[1]!.health === "healthy");
    await server.post("/v1/blades/ardsley/add");
    blades.fakes.unplug("ardsley");
    await until("it is failed", async () => (await server.status()).blades[0]!.status === "failed", 30_000);
    assert.equal((await server.status()).blades[0]!.fenced, true);
    await server.process.kill("SIGTERM");
    server.client.close();
  });

  test("buckets move by load when the appliance file says so, one at a time here, and weights remember it", async () => {
    writeFileSync(file, `${readFileSync(file, "utf8")}balance: { by: load, share: 7%, every: 1s }\n`);
    server = await new Server().ready();
    blades.fakes.plug("ardsley");
    await until("both are heard", async () => (await server.status()).blades.slice(0, 2).every(({ health }) => health === "healthy"));
    await server.post("/v1/blades/ardsley/add");
    await server.post("/v1/weights", { weights: { ardsley: 1, "dobbs-ferry": 1 } });
    blades.fakes.setLoad("ardsley", 2);
    const moved = async () => (await server.events()).filter(({ event, details }) => event === "requested" && details["request"] === "move 1 bucket by load");
    await until("two have moved, one by one", async () => (await moved()).length >= 2 && (await server.status()).blades[0]!.current <= 6);
    blades.fakes.setLoad("ardsley", 0.25);
    const { blades: found } = await server.status();
    assert.ok(found[0]!.factor < 1 && found[1]!.factor > 1);
    await server.process.kill("SIGTERM");
  });
});
