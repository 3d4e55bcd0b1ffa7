/** The lab's QUIC server and clients, on loopback: no lab, and no root. */
import assert from "node:assert/strict";
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { QuicSession } from "../../host/lab/quic/messages.ts";
import { parsePlace, placeText } from "../../host/lab/quic/place.ts";
import {
  checkQuicStack, QuicClients, type QuicKeys, quicServerCommand, type QuicState, writeConnectionIds, writeQuicKeys,
} from "../../host/lab/scenes/quic-programs.ts";
import { type ConnectionIdConfig, serverIdOf } from "../../host/quic/connection-id.ts";
import { temporaryFolder } from "../cli/run.ts";

const PLAINTEXT: ConnectionIdConfig = { id: 1, serverIdBytes: 2, nonceBytes: 6 };
/** 16 bytes of server id and nonce: one pass of AES. */
const ENCRYPTED: ConnectionIdConfig = { id: 2, serverIdBytes: 4, nonceBytes: 12, key: Buffer.alloc(16, 7) };
const FOUR_PASSES: ConnectionIdConfig = { id: 0, serverIdBytes: 3, nonceBytes: 8, key: Buffer.alloc(16, 9) };
const IDS = 500;
const LONG_MS = 30_000;

const skip = await checkQuicStack().then(() => false, (error: Error) => error.message);
const folder = temporaryFolder();
const servers = new Set<ChildProcess>();
let keys: QuicKeys;

before(async () => {
  keys = await writeQuicKeys((name) => join(folder, name));
});
after(() => {
  for (const server of servers) server.kill();
});

interface Running {
  readonly process: ChildProcess;
  /** Where it listens, in the order of `hosts`. */
  readonly places: readonly string[];
}

/** `hosts`: as in `address:port`. */
async function start(name: string, config: ConnectionIdConfig, hosts: readonly string[]): Promise<Running> {
  const ids = join(folder, `${name}.ids`);
  writeConnectionIds(ids, config, serverIdFor(config), IDS);
  const [program, ...args] = quicServerCommand({ name, listen: hosts.map((host) => `${host}:0`), ids, keys }) as [string, ...string[]];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  servers.add(child);
  let said = "";
  while (said.split("listening on").length <= hosts.length || !said.endsWith("\n")) {
    const [text] = (await once(child.stdout, "data")) as [Buffer];
    said += String(text);
  }
  return { process: child, places: [...said.matchAll(/^listening on (\S+)$/gm)].map((match) => match[1]!) };
}

/** For `QuicClients`: here, and in no namespace. */
function spawned([program, ...args]: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(program!, args);
}

function serverIdFor({ serverIdBytes }: ConnectionIdConfig): Buffer {
  return Buffer.from("0a0b0c0d", "hex").subarray(0, serverIdBytes);
}

function assertWell(state: QuicState, blade: string): void {
  assert.equal(state.problem, null);
  assert.equal(state.blade, blade);
  assert.ok(state.requests >= 2 && state.downloadedBytes >= 40_000, JSON.stringify(state));
}

/** All of them, and then they come to their end. */
async function changeAddressOnTheWay(clients: QuicClients): Promise<void> {
  await clients.until("are connected", ({ connectedAt }) => connectedAt !== null, LONG_MS);
  clients.changeAddress();
  await clients.until("are at their other address", ({ hasChangedAddress }) => hasChangedAddress, LONG_MS);
  clients.finish();
  await clients.until("are over", () => false, LONG_MS);
  clients.close();
}

test("a server's connection ids are its own, each another one", () => {
  const path = join(folder, "own.ids");
  writeConnectionIds(path, ENCRYPTED, serverIdFor(ENCRYPTED), IDS);
  const lines = readFileSync(path, "utf8").trim().split("\n").map((line) => Buffer.from(line, "hex"));
  assert.equal(new Set(lines.map(String)).size, IDS);
  for (const id of lines) assert.deepEqual(Buffer.from(serverIdOf(ENCRYPTED, id)!), serverIdFor(ENCRYPTED));
});

const KINDS = [
  { kind: "plaintext", config: PLAINTEXT },
  { kind: "encrypted in one pass", config: ENCRYPTED },
  { kind: "encrypted in four passes", config: FOUR_PASSES },
];
for (const { kind, config } of KINDS) {
  test(`every connection id that clients send to names the server, from another address another one: ${kind}`, { skip }, async () => {
    const { QuicWire } = await import("./quic-wire.ts");
    const name = `server-${config.id}`;
    const { places } = await start(name, config, ["127.0.0.1"]);
    const wire = await QuicWire.open(parsePlace(places[0]!), 1 + config.serverIdBytes + config.nonceBytes);
    const clients = new QuicClients(keys, spawned);
    const sessions = [1, 2, 3].map((id): QuicSession => ({
      id, client: `127.0.1.${id}`, next: id === 2 ? "127.0.2.2" : null, server: placeText(wire.place),
    }));
    clients.start(sessions);
    await clients.until("are connected", ({ connectedAt }) => connectedAt !== null, LONG_MS);
    clients.changeAddress();
    await clients.until("are at their other address", ({ hasChangedAddress }, id) => hasChangedAddress === (id === 2), LONG_MS);
    clients.finish();
    await clients.until("are over", () => false, LONG_MS);
    clients.close();
    await wire.close();
    for (const state of clients.states.values()) assertWell(state, name);
    assert.deepEqual([...wire.ids.keys()].sort(), ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.2.2"]);
    for (const ids of wire.ids.values()) {
      for (const id of ids) assert.deepEqual(Buffer.from(serverIdOf(config, Buffer.from(id, "hex"))!), serverIdFor(config));
    }
    const before = wire.ids.get("127.0.1.2")!;
    assert.ok([...wire.ids.get("127.0.2.2")!].every((id) => !before.has(id)), "an id is used from both addresses");
  });
}

test("one server is there for clients of both families, who go on from other ports", { skip }, async () => {
  const { places } = await start("both", ENCRYPTED, ["127.0.0.1", "[::1]"]);
  const clients = new QuicClients(keys, spawned);
  clients.start([
    { id: 1, client: "127.0.1.4", next: "127.0.2.4", server: places[0]! },
    // Loopback has one IPv6 address: the port alone is another one.
    { id: 2, client: "::1", next: "::1", server: places[1]! },
  ]);
  await changeAddressOnTheWay(clients);
  for (const state of clients.states.values()) assertWell(state, "both");
});

test("what is on its way to an address when a client gives that up is not lost", { skip }, async (context) => {
  const { QuicWire } = await import("./quic-wire.ts");
  const { places } = await start("slow", PLAINTEXT, ["127.0.0.1"]);
  const wire = await QuicWire.open(parsePlace(places[0]!), 1 + PLAINTEXT.serverIdBytes + PLAINTEXT.nonceBytes, 300);
  context.after(() => wire.close());
  const clients = new QuicClients(keys, spawned);
  const ids = [1, 2, 3, 4];
  clients.start(ids.map((id) => ({ id, client: `127.0.3.${id}`, next: `127.0.4.${id}`, server: placeText(wire.place) })));
  await changeAddressOnTheWay(clients);
  for (const id of ids) assertWell(clients.states.get(id)!, "slow");
});

test("a client whose server goes away, or is not there, says so, and others go on", { skip }, async () => {
  const [gone, there] = [await start("gone", ENCRYPTED, ["127.0.0.1"]), await start("there", ENCRYPTED, ["127.0.0.1"])];
  const clients = new QuicClients(keys, spawned);
  clients.start([
    { id: 1, client: "127.0.1.5", next: null, server: gone.places[0]! },
    { id: 2, client: "127.0.1.6", next: null, server: there.places[0]! },
    // The address is this machine's, and nobody is there.
    { id: 3, client: "127.0.1.7", next: null, server: "127.0.0.9:9" },
  ]);
  await clients.until("are connected", ({ connectedAt }, id) => id === 3 || connectedAt !== null, LONG_MS);
  gone.process.kill("SIGKILL");
  await clients.until("without a server are over", (_, id) => id === 2, LONG_MS);
  clients.finish();
  await clients.until("are over", () => false, LONG_MS);
  clients.close();
  assert.equal(clients.states.get(1)!.problem, "no answer");
  assertWell(clients.states.get(2)!, "there");
  assert.equal(clients.states.get(3)!.problem, "no answer");
  assert.equal(clients.states.get(3)!.connectedAt, null);
});

test("a client trusts no server of another CA", { skip }, async () => {
  const { places } = await start("strange", ENCRYPTED, ["127.0.0.1"]);
  const others = await writeQuicKeys((name) => join(folder, `other-${name}`));
  const clients = new QuicClients(others, spawned);
  clients.start([{ id: 1, client: "127.0.1.8", next: null, server: places[0]! }]);
  await clients.until("are over", () => false, LONG_MS);
  clients.close();
  // 0x100 and TLS's alert 48: unknown CA.
  assert.equal(clients.states.get(1)!.problem, "the connection was closed: error 304");
  assert.equal(clients.states.get(1)!.connectedAt, null);
});

test("ids of different lengths are refused, with the file's name", { skip }, async () => {
  const path = join(folder, "mixed");
  writeFileSync(path, "0102\n010203\n");
  const [program, ...args] = quicServerCommand({ name: "x", listen: ["127.0.0.1:0"], ids: path, keys }) as [string, ...string[]];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  const [status] = (await once(child, "close")) as [number];
  assert.equal(status, 1);
  assert.equal(stderr, `${path}: ids of one length are wanted, at least one\n`);
});
