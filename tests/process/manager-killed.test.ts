/**
 * `dobbs serve`, killed with -9 at each step of a reconfiguration that it tells of, with real shims, images, traffic managers
 * and sockets. What it shows is state: the next one knows what was ordered and how far it came, every node gets the intended
 * assignment, and no generation is two. No packet goes through these shims: that no session is lost meanwhile, the lab shows,
 * which kills it in the middle of adds and drains (`tests/lab/lab.test.ts`). `tests/supervisor/restart.test.ts` kills it at each
 * state that is saved.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient } from "../../host/api/client.ts";
import type { StatusDocument } from "../../host/api/status-document.ts";
import { temporaryFolder, until } from "../transport/support.ts";
import { atEnd, closeAll } from "./cleanup.ts";
import { applianceManager, Program, shim, trafficManager } from "./programs.ts";

const BUCKETS = 16;
const CLIENTS = 24;
const NET = "10.90.0";
const VIP = `${NET}.1`;
/** Longer than a step takes to follow the one before. */
const QUIET_MS = 700;

const folder = temporaryFolder();
const link = (name: string): string => `unix:${join(folder, name)}.sock`;
const APPLIANCE = `
name: westchester
vips: [${VIP}]
vmac: 02:d0:bb:00:00:50
buckets: ${BUCKETS}
hash: low-bits
uplinks: [0]
blades:
  - { name: ardsley, mac: "02:d0:bb:00:01:01", port: 1 }
  - { name: yonkers, mac: "02:d0:bb:00:01:02", port: 2 }
switches:
  - { name: west, dobbs: { link: "${link("west")}" } }
`;

/** In a host's namespace: a server, and clients that stay connected, over lo: sockets for its traffic manager to find. */
const CONNECTIONS = `
  const { connect, createServer } = require("node:net");
  let open = 0;
  createServer((socket) => socket.on("error", () => {})).listen(8080, "${VIP}", () => {
    for (let i = 0; i < ${CLIENTS}; i++) {
      const client = connect({ host: "${VIP}", port: 8080, localAddress: "${NET}." + (10 + i) });
      client.on("connect", () => ++open === ${CLIENTS} && console.error("open"));
      client.on("error", () => {});
    }
  });`;

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  assert.equal(status, 0, `ip ${args.join(" ")}: ${stderr}`);
}

/** A blade's host: a namespace, since a VIP is no address of 127.0.0.0/8, and this machine's own are let alone. */
class Host {
  readonly name: string;
  readonly namespace: string;
  #connections: Program | null = null;

  constructor(name: string) {
    this.name = name;
    this.namespace = `dobbs-killed-${process.pid}-${name}`;
    const { namespace } = this;
    ip("netns", "add", namespace);
    atEnd(() => ip("netns", "delete", namespace));
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", namespace, "address", "add", `${VIP}/24`, "dev", "lo");
    for (let i = 0; i < CLIENTS; i++) ip("-n", namespace, "address", "add", `${NET}.${10 + i}/24`, "dev", "lo");
  }

  get live(): number {
    return this.#connections === null ? 0 : CLIENTS;
  }

  async connect(): Promise<void> {
    const connections = new Program("ip", "netns", "exec", this.namespace, process.execPath, "-e", CONNECTIONS).start();
    this.#connections = connections;
    await until("the clients are connected", () => connections.count("open") === 1);
  }

  /** What has been removed from an appliance closes what it had, or is not let in again. */
  async disconnect(): Promise<void> {
    await this.#connections!.kill("SIGKILL");
    this.#connections = null;
    const sockets = ["netns", "exec", this.namespace, "ss", "-Htn", "exclude", "time-wait", "exclude", "listening"];
    await until("the sockets are gone", () => spawnSync("ip", sockets, { encoding: "utf8" }).stdout === "");
  }
}

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : "it needs root, for a network namespace";

class Manager {
  readonly #program: Program;
  readonly #hosts: ReadonlyMap<string, Host>;
  /** By generation: an assignment that was in force, as JSON. */
  readonly #assignments = new Map<number, string>();
  #client: ApiClient | null = null;

  constructor(hosts: ReadonlyMap<string, Host>) {
    this.#hosts = hosts;
    const file = join(folder, "appliance.yaml");
    writeFileSync(file, APPLIANCE);
    this.#program = applianceManager("--appliance", file, "--state", join(folder, "state"), "--listen", link("peers"), "--api", "127.0.0.1:0");
  }

  async start(): Promise<void> {
    this.#program.start();
    const place = (): { url: string; pid: number } | null => {
      try {
        return JSON.parse(readFileSync(join(folder, "state", "api.json"), "utf8")) as { url: string; pid: number };
      } catch {
        return null;
      }
    };
    await until("it listens", () => place()?.pid === this.#program.pid);
    this.#client?.close();
    const token = readFileSync(join(folder, "state", "token"), "utf8").trim();
    this.#client = new ApiClient({ url: place()!.url, token, startMend: "" });
  }

  status(): Promise<StatusDocument> {
    return this.#client!.ask("GET", "/v1/status");
  }

  /** Rejects with what it was refused with, or because the manager is gone. */
  order(blade: string, order: "add" | "drain" | "remove"): Promise<unknown> {
    return this.#client!.ask("POST", `/v1/blades/${blade}/${order}`, order === "drain" ? { deadlineMs: null } : {});
  }

  /** Asks, and kills it at the `step`-th line that it says from then on. False: it said no such line. */
  async killAtStep(step: number, blade: string, order: "add" | "drain"): Promise<boolean> {
    let said = 0;
    let killed: Promise<unknown> | null = null;
    this.#program.onLine = () => {
      if (++said === step) killed = this.#program.kill("SIGKILL");
    };
    await this.order(blade, order).catch((error: unknown) => assert.ok(killed, String(error)));
    for (let seen = -1; killed === null && seen !== said; ) {
      seen = said;
      await sleep(QUIET_MS);
    }
    this.#program.onLine = () => undefined;
    await killed;
    return killed !== null;
  }

  /** Nothing is under way, and every node has what is in force, which was never another one under that generation. */
  async settled(): Promise<StatusDocument> {
    let status = await this.status();
    const isSettled = ({ phase, waiting, blades, switches, generation }: StatusDocument): boolean =>
      phase === "idle" && waiting.length === 0 &&
      blades.every((one) => one.status === "spare" || (one.health === "healthy" && one.generation === generation && one.live === this.#hosts.get(one.name)!.live)) &&
      switches.every((one) => one.generation !== null && one.answers === true);
    await until("all is settled", async () => isSettled((status = await this.status())), 30_000);
    const assignment = await this.#client!.ask<{ generation: number }>("GET", "/v1/assignment");
    const text = JSON.stringify(assignment);
    assert.equal(this.#assignments.get(assignment.generation) ?? text, text, "one generation, two assignments");
    this.#assignments.set(assignment.generation, text);
    return status;
  }

  async end(): Promise<void> {
    this.#client?.close();
    await this.#program.kill("SIGKILL");
  }
}

const bucketsOf = ({ blades }: StatusDocument): Record<string, number> => Object.fromEntries(blades.map(({ name, current }) => [name, current]));
const isIn = ({ blades }: StatusDocument, name: string): string => blades.find((blade) => blade.name === name)!.status;

describe("the appliance manager, killed with -9", { concurrency: false }, () => {
  const hosts = new Map<string, Host>();
  const manager = new Manager(hosts);
  after(closeAll);

  before(async () => {
    if (!isRoot) return;
    for (const name of ["ardsley", "yonkers"]) hosts.set(name, new Host(name));
    await hosts.get("ardsley")!.connect();
    for (const [name, image] of [["west", "switch"], ["ardsley", "blade"], ["yonkers", "blade"]] as const) shim(name, link(name), image).start();
    for (const [blade, { namespace }] of hosts) {
      const netns = `${blade}=/run/netns/${namespace}`;
      trafficManager(blade, "--shim", link(blade), "--manager", link("peers"), "--queue-ms", "5", "--netns", netns).start();
    }
    atEnd(() => manager.end());
    await manager.start();
    const healthy = async (): Promise<boolean> => (await manager.status()).blades.every(({ health }) => health === "healthy");
    await until("the blades are healthy", healthy);
    await manager.order("ardsley", "add");
    await manager.settled();
  });

  for (const order of ["add", "drain"] as const) {
    const wanted = order === "add" ? { ardsley: BUCKETS / 2, yonkers: BUCKETS / 2 } : { ardsley: BUCKETS, yonkers: 0 };
    test(`at each step of ${order === "add" ? "an add" : "a drain"}: the next one goes on from there, to the same end`, { skip }, async () => {
      const yonkers = hosts.get("yonkers")!;
      let step = 1;
      for (; ; step++) {
        if (order === "drain") {
          await manager.order("yonkers", "add");
          await yonkers.connect();
        }
        await manager.settled();
        const wasKilled = await manager.killAtStep(step, "yonkers", order);
        if (wasKilled) await manager.start();
        let status = await manager.settled();
        if (isIn(status, "yonkers") !== (order === "add" ? "active" : "draining")) {
          // It died before it had taken the order up: only who gave it knows of it, and has got no answer.
          assert.equal(step, 1, `step ${step}: yonkers is ${isIn(status, "yonkers")}`);
          await manager.order("yonkers", order);
          status = await manager.settled();
        }
        assert.deepEqual(bucketsOf(status), wanted, `step ${step}`);
        if (order === "add") {
          await yonkers.connect();
          await manager.settled();
          await manager.order("yonkers", "drain");
        }
        await manager.order("yonkers", "remove");
        await yonkers.disconnect();
        if (!wasKilled) break;
      }
      assert.ok(step > 4, `it tells of ${step - 1} steps`);
    });
  }
});
