/** 100,000 requests that are wrong in one way or another, from one seed: nothing changes, the server lives, and it keeps
 *  nothing of them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { temporaryFolder } from "../cli/run.ts";
import { randomOf } from "../supervisor/random.ts";
import { startManager, type TestManager, until } from "./manager.ts";

const SEED = Number(process.env["DOBBS_TEST_SEED"] ?? 20_331);
const BODIES = 92_000;
const RAW = 8_000;
const PIPELINE = 250;
const SOCKETS = 32;
const HEAP_GROWTH_MAX = 24 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const root = temporaryFolder();
let world: TestManager;

before(async () => {
  world = await startManager(join(root, "mutations"));
  world.blades.plug("ardsley", "dobbs-ferry");
  for (const name of ["ardsley", "dobbs-ferry"]) assert.equal((await world.ask("POST", `/v1/blades/${name}/add`)).status, 200);
  await until("histories are forgotten, and nothing is under way", () => {
    const { owners, phase } = world.manager.status();
    return phase === "idle" && owners.every(({ previous }) => previous === 0) && !world.saved()!.switches.behind;
  });
});
after(() => world.close());

interface Random {
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
}

function random(seed: number): Random {
  const below = randomOf(seed);
  return { below, pick: (items) => items[below(items.length)]! };
}

/** All that a request could change, but for the number of requests there have been. */
function state(): string {
  const { requests: _, ...rest } = world.saved()!;
  return JSON.stringify(rest);
}

test(`100,000 mutated requests (seed ${SEED}) change nothing`, async () => {
  const rng = random(SEED);
  const before = state();
  await sendBodies(rng, 5_000);
  await sendRaw(rng, 2_000);
  const heap = heapUsed();

  const statuses = await sendBodies(rng, BODIES);
  const refused = [...statuses.values()].reduce((sum, count) => sum + count, 0);
  assert.equal(refused, BODIES);
  assert.ok([...statuses.keys()].every((status) => status >= 400 && status < 500), JSON.stringify([...statuses]));
  for (const status of [400, 401, 404, 405, 415]) assert.ok(statuses.get(status)! > 100, `${status}: ${statuses.get(status)}`);
  await sendRaw(rng, RAW);

  assert.equal(state(), before);
  assert.deepEqual(world.faults, []);
  assert.equal((await world.ask("GET", "/v1/status")).status, 200);
  assert.equal((await world.ask("POST", "/v1/rebalance")).status, 200);
  const growth = heapUsed() - heap;
  assert.ok(growth < HEAP_GROWTH_MAX, `the heap has grown by ${growth} bytes`);
});

/** Whole requests whose body, path, token or type is wrong, many a connection. Returns how often each status came. */
async function sendBodies(rng: Random, count: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  for (let sent = 0; sent < count; sent += PIPELINE) {
    const requests = Array.from({ length: Math.min(PIPELINE, count - sent) }, () => wrongRequest(rng));
    for (const status of await pipeline(requests)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  return statuses;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const VALID: readonly (readonly [method: string, path: string, body: Json])[] = [
  ["POST", "/v1/blades/ardsley/drain", { deadlineMs: 1_000 }],
  ["POST", "/v1/blades/hastings/add", { blade: { name: "hastings", mac: "02:00:00:00:00:03", port: 3, weight: 1, vms: [{ name: "vm1", mac: "02:00:00:00:01:03", port: 1 }] } }],
  ["POST", "/v1/weights", { weights: { ardsley: 2, "dobbs-ferry": 0.5 } }],
  ["POST", "/v1/moves", { buckets: [1, 2, 3], to: "ardsley" }],
  ["PUT", "/v1/filters", { filters: [{ action: "drop", source: "02:00:00:00:00:aa/ff:ff:ff:ff:ff:ff", port: 3, at: "blades" }] }],
  ["POST", "/v1/filters", { filter: { action: "allow", ethertype: "arp" }, position: 1 }],
  ["POST", "/v1/forward", { station: { mac: "02:00:00:00:00:ab", at: "ardsley", port: 2 } }],
  ["PUT", "/v1/forward", { forward: [] }],
];

/** Of a type that belongs nowhere in these bodies, or of a value that is out of every range. */
const WRONG: readonly Json[] = [[[]], { "": null }, -1, 1e308, "\u0000", "../../etc/passwd", "x".repeat(300), true];

function wrongRequest(rng: Random): string {
  const [method, path, body] = rng.pick(VALID);
  const text = JSON.stringify(body);
  switch (rng.below(6)) {
    case 0:
      return request(method, path, text, { token: mutateToken(rng, world.token) });
    case 1:
      return request(method, path, text, { type: rng.pick(["text/plain", "application/xml", "application/json; charset=utf-16", "json"]) });
    case 2:
      return request(method, rng.pick([`${path}x`, `/v2${path}`, `${path}/..`, `${path}?wait=0&x=1`, `${path}?wait=1&wait=2`, `${path}?wait=-1`, path.toUpperCase()]), text);
    case 3:
      return request(rng.pick(["PATCH", "OPTIONS", "TRACE", "LOCK"]), path, text);
    case 4:
      return request(method, path, broken(rng, text));
    default:
      return request(method, path, JSON.stringify(withWrongPart(rng, structuredClone(body))));
  }
}

function request(method: string, path: string, body: string, { token = world.token, type = "application/json" } = {}): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function mutateToken(rng: Random, token: string): string {
  const at = rng.below(token.length);
  return rng.pick([
    token.slice(0, at),
    `${token}${at}`,
    token.slice(0, at) + (token[at] === "f" ? "0" : "f") + token.slice(at + 1),
    token.toUpperCase() === token ? "x" : token.toUpperCase(),
    "x",
  ]) || "x";
}

/** No JSON object any more. */
function broken(rng: Random, text: string): string {
  const at = rng.below(text.length - 1) + 1;
  return rng.pick([text.slice(0, at), `${text}}`, `[${text}]`, JSON.stringify(text), `${text.slice(0, at)}\u0001${text.slice(at)}{`, "null", "0"]);
}

/** One place in it gets what does not belong there, or a field that nobody knows. */
function withWrongPart(rng: Random, body: Json): Json {
  const places: { holder: Json[] | { [key: string]: Json }; key: string | number }[] = [];
  const objects: { [key: string]: Json }[] = [];
  const visit = (value: Json): void => {
    if (typeof value !== "object" || value === null) return;
    // Weights are the one object whose keys are anyone's.
    if (!Array.isArray(value) && !("ardsley" in value)) objects.push(value);
    for (const key of Object.keys(value)) {
      places.push({ holder: value as { [key: string]: Json }, key });
      visit((value as { [key: string]: Json })[key]!);
    }
  };
  visit(body);
  if (rng.below(2) === 0) {
    rng.pick(objects)[rng.pick(["__proto__x", "constructor", "extra", "deadlineMS", "wait", ""])] = rng.pick(WRONG);
    return body;
  }
  const { holder, key } = rng.pick(places);
  (holder as { [key: string | number]: Json })[key] = rng.pick([[[]], { "": null }, -1, 1e308, "\u0000"] as Json[]);
  return body;
}

/** Sends requests in a row on one connection; the statuses of the answers. */
function pipeline(requests: readonly string[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(world.port, "127.0.0.1");
    let text = "";
    const statuses: number[] = [];
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      text += chunk;
      for (;;) {
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) break;
        const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
        if (text.length < head + 4 + length) break;
        statuses.push(Number(text.slice(9, 12)));
        text = text.slice(head + 4 + length);
      }
      if (statuses.length === requests.length) socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(statuses));
    socket.write(requests.join(""));
  });
}

/** Bytes of requests, some of them others, on a connection each. None of them could change anything if it were whole. */
async function sendRaw(rng: Random, count: number): Promise<void> {
  const almost = `${world.token.slice(0, -1)}${world.token.endsWith("0") ? "1" : "0"}`;
  const originals = [
    ...VALID.map(([method, path, body]) => request(method, path, JSON.stringify(body), { token: almost })),
    request("POST", "/v1/blades/nobody/drain", '{"deadlineMs":1}'),
    request("POST", "/v1/blades/nobody/remove", ""),
    request("GET", "/v1/status", ""),
    request("GET", "/v1/events?after=1&limit=3", ""),
    request("GET", "/v1/assignment", "").replace("Content-Length: 0", "Transfer-Encoding: chunked") + "0\r\n\r\n",
  ].map((text) => Buffer.from(text));
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) await throwBytes(mutated(rng, Buffer.from(rng.pick(originals))));
  };
  await Promise.all(Array.from({ length: SOCKETS }, one));
}

function mutated(rng: Random, bytes: Buffer): Buffer {
  switch (rng.below(5)) {
    case 0:
      for (let i = rng.below(4); i >= 0; i--) bytes[rng.below(bytes.length)]! ^= 1 << rng.below(8);
      return bytes;
    case 1:
      return bytes.subarray(0, rng.below(bytes.length));
    case 2: {
      const at = rng.below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([rng.below(256), 13, 10, 0]), bytes.subarray(at)]);
    }
    case 3: {
      const at = rng.below(bytes.length);
      const end = at + rng.below(Math.min(64, bytes.length - at));
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    }
    default:
      return Buffer.from(Array.from({ length: rng.below(200) + 1 }, () => rng.below(256)));
  }
}

function throwBytes(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(world.port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
  });
}

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
