/** Traffic managers as they run on real hosts: processes, shims with the real image, this machine's own sockets. */
import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Blade } from "../../host/model/appliance.ts";
import { charterOf, type Charter } from "../../host/process/charter.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import { linkWordText, type LinkWord } from "../../host/transport/word.ts";
import { Keys, temporaryFolder, until } from "../transport/support.ts";
import { Appliance } from "./appliance.ts";
import { atEnd, closeAll } from "./cleanup.ts";
import { type Program, shim, trafficManager } from "./programs.ts";

const BUCKETS = 16;
const CLIENTS = 24;
/** All of 127.0.0.0/8 is this machine, so each process of tests has addresses to itself. */
const NET = `127.${100 + (process.pid % 100)}.${(process.pid >> 8) & 255}`;
/** Both hosts are this machine. So that each has connections of its own, the traffic managers are told different VIPs; of
 *  frames, which would mind, there are none. */
const VIPS: Readonly<Record<string, string>> = { ardsley: `${NET}.1`, yonkers: `${NET}.2` };
const blade = (name: string, number: number): Blade => ({ name, mac: `02:00:00:00:00:0${number}`, port: number, weight: 1, vms: [] });
const ARDSLEY = blade("ardsley", 1);
const YONKERS = blade("yonkers", 2);

const folder = temporaryFolder();
const keysFolder = temporaryFolder();
const unix = (name: string): LinkWord & { kind: "unix" } => ({ kind: "unix", path: join(folder, `${name}.sock`) });

function charter({ name }: { name: string }, more: Partial<Charter> = {}): Charter {
  const appliance = {
    name: "westchester",
    vips: [VIPS[name]!],
    vmac: "02:d0:bb:00:00:01",
    buckets: BUCKETS,
    hash: "mix",
    uplinks: [0],
    blades: [ARDSLEY, YONKERS],
    services: [],
    connectionIds: [],
    filters: [],
    forward: [],
    switches: [],
  } as const;
  const shared = { appliance, seed: Uint8Array.from({ length: 16 }, (_, at) => at), redirect: true };
  return { ...charterOf(shared, appliance.blades.find((one) => one.name === name)!, { pollMs: 50, silentMs: 1_000 }), ...more };
}

describe("two blades", { concurrency: false }, () => {
  const charters = new Map([ARDSLEY, YONKERS].map((one) => [one.name, charter(one)]));
  let appliance: Appliance;
  let server: Server;
  const clients: Socket[] = [];
  const shims = new Map<string, Program>();
  const managers = new Map<string, Program>();
  after(closeAll);

  before(async () => {
    const keys = await Keys.make(keysFolder);
    const credentials: Credentials = await keys.issue("manager", "am", ["127.0.0.1"]);
    await keys.issue("blade", "yonkers");
    appliance = await Appliance.start({
      words: [unix("peers"), { kind: "tls", host: "127.0.0.1", port: 0, node: null }],
      credentials,
      buckets: BUCKETS,
      charterOf: (name) => charters.get(name) ?? null,
    });
    const tls = appliance.words.find(({ kind }) => kind === "tls")!;
    const managed = (name: string, ...options: string[]) =>
      trafficManager(name, "--shim", `unix:${folder}/${name}.sock`, "--queue-ms", "5", ...options);
    shims.set("ardsley", shim("ardsley", `unix:${folder}/ardsley.sock`));
    shims.set("yonkers", shim("yonkers", `unix:${folder}/yonkers.sock`));
    managers.set("ardsley", managed("ardsley", "--manager", linkWordText(unix("peers"))));
    const key = (file: string) => join(keysFolder, file);
    const tlsOptions = ["--tls-ca", key("ca.pem"), "--tls-cert", key("blade-yonkers.pem"), "--tls-key", key("blade-yonkers.key")];
    managers.set("yonkers", managed("yonkers", "--manager", linkWordText(tls), ...tlsOptions));
    server = createServer((socket) => void socket.on("error", () => undefined));
    await new Promise<void>((resolve) => server.listen(0, VIPS["ardsley"], resolve));
    atEnd(() => {
      for (const client of clients) client.destroy();
      server.close();
    });
  });

  const serves = (name: string): boolean => {
    const { healthy, generation, silent } = appliance.blade(name) ?? { healthy: false, generation: 0, silent: true };
    return healthy && !silent && generation === appliance.manager.status().generation;
  };
  const whatIsWrong = (): string => JSON.stringify([appliance.manager.status().blades, [...managers.values(), ...shims.values()].map(({ lines }) => lines.slice(-12))]);
  const eventually = async (what: string, condition: () => boolean): Promise<void> => {
    try {
      await until(what, condition, 20_000);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${whatIsWrong()}`);
    }
  };

  test("a traffic manager that is started first waits for its shim, and then both serve", async () => {
    for (const manager of managers.values()) manager.start();
    await eventually("both have joined", () => appliance.hub.blades.length === 2);
    for (const one of shims.values()) one.start();
    await eventually("both work", () => [...managers.values()].every((manager) => manager.count("working") === 1));
    assert.equal(await appliance.add(ARDSLEY, YONKERS), null);
    await eventually("both serve", () => serves("ardsley") && serves("yonkers"));
    assert.equal(managers.get("ardsley")!.count("shim-problem"), 1, "it says once that there is no shim yet");
  });

  test("the host's connections to the VIP are counted, and no others", async () => {
    const { port } = server.address() as AddressInfo;
    for (let i = 0; i < CLIENTS; i++) {
      const client = connect({ host: VIPS["ardsley"]!, port, localAddress: `${NET}.${10 + i}` }).on("error", () => undefined);
      clients.push(client);
      await new Promise((resolve) => client.once("connect", resolve));
    }
    await eventually("they are counted", () => appliance.live("ardsley") === CLIENTS);
    assert.equal(appliance.live("yonkers"), 0);
    assert.ok(appliance.blade("ardsley")!.load! >= 0);
  });

  test("a shim that was killed gets its tables again, and its bucket's connections", async () => {
    const { generation } = appliance.manager.status();
    const one = shims.get("ardsley")!;
    assert.equal(await one.kill("SIGKILL"), "SIGKILL");
    await eventually("it is seen", () => !appliance.blade("ardsley")!.healthy);
    one.start();
    await eventually("it serves again", () => serves("ardsley"));
    await eventually("all is counted again", () => appliance.live("ardsley") === CLIENTS);
    assert.equal(appliance.manager.status().generation, generation);
    assert.equal(managers.get("ardsley")!.count("shim-gone"), 1);
  });

  test("a traffic manager that was killed takes up its work where the shim has it", async () => {
    const { generation } = appliance.manager.status();
    const one = managers.get("yonkers")!;
    assert.equal(await one.kill("SIGKILL"), "SIGKILL");
    await eventually("it is missed", () => appliance.blade("yonkers")!.silent);
    one.start();
    await eventually("it serves again", () => serves("yonkers"));
    assert.equal(appliance.manager.status().generation, generation);
    assert.equal(appliance.blade("ardsley")!.silent, false);
  });

  test("an appliance manager that was started anew is joined again, and a drain goes on", async () => {
    assert.equal(await appliance.drain("ardsley"), null);
    const worked = [...managers.values()].map((manager) => manager.count("working"));
    await appliance.restart();
    await eventually("both have joined", () => appliance.hub.blades.length === 2);
    await eventually("both are heard", () => serves("yonkers") && serves("ardsley"));
    assert.equal(appliance.blade("ardsley")!.status, "draining");
    assert.deepEqual(appliance.offline, []);
    assert.deepEqual([...managers.values()].map((manager) => manager.count("working")), worked, "it is the same charter");
    assert.equal(appliance.live("ardsley"), CLIENTS);
    for (const client of clients.splice(0)) client.resetAndDestroy();
    await eventually("the last connection is gone, and the blade with it", () => appliance.offline.length === 1);
    assert.deepEqual(appliance.offline, [{ blade: "ardsley", cut: 0 }]);
  });

  test("another charter starts the work anew; the same one does not", async () => {
    const one = managers.get("yonkers")!;
    const before = one.count("working");
    appliance.hub.update();
    charters.set("yonkers", charter(YONKERS, { redirect: false }));
    appliance.hub.update();
    await eventually("it works anew", () => one.count("working") === before + 1);
    await eventually("it serves", () => serves("yonkers"));
    assert.equal(one.lines.filter(({ event, charter: which }) => event === "manager-joined" && which === "known").length, 1);
  });

  test("SIGTERM ends a traffic manager in order, and the shim goes on", async () => {
    for (const manager of managers.values()) {
      assert.equal(await manager.kill("SIGTERM"), 0);
      assert.equal(manager.lines.at(-1)!.event, "stopped");
    }
    await eventually("the appliance manager knows", () => appliance.hub.blades.length === 0);
    for (const one of shims.values()) assert.equal(await one.kill("SIGTERM"), 0);
  });
});

test("a namespace of an owner that the blade does not have ends it with its code", async () => {
  after(closeAll);
  const keys = await Keys.make(temporaryFolder());
  const path = unix("other");
  const appliance = await Appliance.start({
    words: [path],
    credentials: await keys.issue("manager", "am"),
    buckets: BUCKETS,
    charterOf: () => charter(ARDSLEY),
  });
  shim("ardsley", `unix:${folder}/lone.sock`).start();
  const manager = trafficManager("ardsley", "--shim", `unix:${folder}/lone.sock`, "--manager", linkWordText(path), "--netns", "ardsley/vm1=/run/netns/x").start();
  assert.equal(await manager.ended(), 2);
  assert.match(manager.lines.map(({ event }) => event).join("\n"), /error E_NETNS_OWNER: .*\n  mend: Correct --netns: the owners on ardsley are ardsley\./);
  await until("it has left", () => appliance.hub.blades.length === 0);
});
