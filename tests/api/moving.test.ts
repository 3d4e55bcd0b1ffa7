/** What operators do about buckets, over the API and by commands: moves, force, weights, drains that are cancelled. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../cli/run.ts";
import { startManager, type TestManager, until } from "./manager.ts";
import { type Outcome, run } from "./process.ts";

const root = temporaryFolder();
const MORE = ["irvington", "tarrytown"] as const;
const FIVE = ["ardsley", "dobbs-ferry", "hastings", ...MORE] as const;
const LIVE = 30;

describe("buckets", () => {
  let world: TestManager;
  before(async () => {
    world = await startManager(join(root, "state"));
    world.blades.plug(...FIVE);
  });
  after(() => world.close());

  const ask = (method: string, path: string, body?: unknown) => world.ask(method, path, body);
  const ownerOf = async (bucket: number): Promise<string[]> => {
    const { owners, buckets } = (await ask("GET", "/v1/assignment")).body;
    return buckets[bucket].map((number: number) => owners[number].name);
  };
  const done = async (method: string, path: string, body?: unknown): Promise<any> => {
    const { status, body: answer } = await ask(method, path, body);
    assert.equal(status, 200, JSON.stringify(answer));
    return answer;
  };
  const refused = async (method: string, path: string, body: unknown, status: number, code: string): Promise<any> => {
    const answer = await ask(method, path, body);
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], JSON.stringify(answer.body));
    return answer.body.error;
  };
  const dobbs = (...args: string[]): Promise<Outcome> => run(root, ...args, "--state", world.folder);
  const text = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await dobbs(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const fails = async (args: string[], status: 1 | 2, message: RegExp): Promise<void> => {
    const outcome = await dobbs(...args);
    assert.equal(outcome.status, status, outcome.stderr);
    assert.match(outcome.stderr, message);
    assert.match(outcome.stderr, /\n {2}mend: \S/);
  };

  test("are moved by number, refused past four owners with live connections, and moved by force with the count", async () => {
    for (const [at, name] of MORE.entries())
      await done("POST", `/v1/blades/${name}/add`, { blade: { name, mac: `02:00:00:00:00:1${at}`, port: 10 + at } });
    for (const name of FIVE.slice(0, 3)) await done("POST", `/v1/blades/${name}/add`);
    await until("all have settled", () => world.manager.status().owners.every(({ previous }) => previous === 0));
    for (const name of FIVE) world.blades.setLive(name, LIVE);
    await until("their connections are known", () => world.manager.status().owners.every(({ live }) => live === LIVE));
    // Bucket 0 is where the connections of these are.
    const last = (await ownerOf(0))[0]!;
    for (const name of FIVE.filter((one) => one !== last).slice(0, 3)) await done("POST", "/v1/moves", { buckets: [0], to: name });
    const history = await ownerOf(0);
    assert.equal(history.length, 4);
    const fifth = FIVE.find((name) => !history.includes(name))!;
    const error = await refused("POST", "/v1/moves", { buckets: [0], to: fifth }, 409, "E_HISTORY_FULL");
    assert.match(error.message, new RegExp(`^1 of the buckets to be moved .* would cut ${LIVE} live connections$`));
    assert.deepEqual(await ownerOf(0), history);
    await fails(["move", "0", "--to", fifth], 1, /^error E_HISTORY_FULL: /);
    assert.match(await text("move", "0", "--to", fifth, "--force"), new RegExp(`^1 bucket is ${fifth}'s \\(generation \\d+\\)\\. By force, ${LIVE} connections were cut\\.\\n$`));
    assert.deepEqual(await ownerOf(0), [fifth, ...history.slice(0, 3)]);
    const { body: status } = await ask("GET", "/v1/status");
    assert.deepEqual(status.tally, { cut: { deadline: 0, failed: 0, forced: LIVE, flows: 0 }, declared: 0, declaredFalsely: 0 });
    assert.match(await text("status"), new RegExp(`^${LIVE} connections cut so far: 0 at deadlines, 0 with failed blades, ${LIVE} by force, 0 by udpDrain$`, "m"));
    const { events } = (await ask("GET", "/v1/events?limit=10000")).body;
    assert.deepEqual(events.filter(({ event }: { event: string }) => event === "forced").map(({ details }: any) => details.cut), [LIVE]);
    // One that was not forced says nothing of it, one that was and cost nothing says 0.
    assert.equal((await done("POST", "/v1/moves", { buckets: [0], to: history[0] })).cut, undefined);
    assert.equal((await done("POST", "/v1/moves", { buckets: [0], to: fifth, force: true })).cut, 0);
  });

  test("what is no bucket, owner or force is refused", async () => {
    await refused("POST", "/v1/moves", { buckets: [16], to: "ardsley" }, 404, "E_BUCKET_UNKNOWN");
    await refused("POST", "/v1/moves", { buckets: [0], to: "nobody" }, 409, "E_OWNER_NOT_ACTIVE");
    for (const [path, body] of [
      ["/v1/moves", { buckets: [0], to: "ardsley" }],
      ["/v1/weights", { weights: { ardsley: 1 } }],
      ["/v1/rebalance", {}],
      ["/v1/blades/ardsley/add", {}],
      ["/v1/blades/ardsley/drain", {}],
      ["/v1/blades/ardsley/undrain", {}],
    ] as const) {
      await refused("POST", path, { ...body, force: "yes" }, 400, "E_API_BODY");
      await refused("POST", path, { ...body, strength: 9 }, 400, "E_API_BODY");
    }
    await fails(["move", "16", "--to", "ardsley"], 2, /^error E_BUCKET_UNKNOWN: /);
    for (const wrong of ["", "x", "3-1", "1,,2", "70000", "-1"]) await fails(["move", "--to", "ardsley", "--", wrong], 2, /^error E_USAGE: /);
    await fails(["move", "1"], 2, /^error E_USAGE: .*--to/);
  });

  test("in ranges, and back by a rebalancing", async () => {
    for (const name of FIVE) world.blades.setLive(name, 0);
    assert.match(await text("move", "0-7,9", "--to", "ardsley"), /^9 buckets are ardsley's \(generation \d+\)\.\n$/);
    for (const bucket of [0, 7, 9]) assert.equal((await ownerOf(bucket))[0], "ardsley");
    assert.match(await text("rebalance"), /^Every owner has its share \(generation \d+\)\.\n$/);
    const { blades } = (await ask("GET", "/v1/status")).body;
    assert.ok(blades.every(({ current }: { current: number }) => current === 3 || current === 4));
  });

  test("are shared by weight, which is kept and shown", async () => {
    assert.match(await text("weight", "ardsley", "4"), /^ardsley has weight 4, and 8 of 16 buckets \(generation \d+\)\.\n$/);
    assert.match(await text("status"), /^ardsley +active +healthy +0\.25 +4 +\d+ +\d+ +8 /m);
    assert.equal(world.saved()!.view.members.find(({ name }) => name === "ardsley")!.weight, 4);
    assert.match(await text("weight", "ardsley", "0"), /^ardsley has weight 0, and 0 of 16 buckets/);
    assert.equal((await ask("GET", "/v1/status")).body.blades.find(({ name }: { name: string }) => name === "ardsley").status, "active");
    assert.match(await text("weight", "ardsley", "0.5"), /^ardsley has weight 0\.5, and [12] of 16 buckets/);
    const json = JSON.parse(await text("weight", "ardsley", "1", "--json"));
    assert.deepEqual([json.state, json.request], ["done", "weights"]);
    await fails(["weight", "nobody", "1"], 2, /^error E_OWNER_UNKNOWN: /);
    for (const wrong of ["x", "1001", "1e3", ""]) await fails(["weight", "ardsley", wrong], 2, /^error E_USAGE: /);
  });

  test("come back to a blade whose drain is cancelled", async () => {
    world.blades.setLive("ardsley", LIVE);
    await done("POST", "/v1/blades/ardsley/drain", { deadlineMs: 3_600_000 });
    await fails(["add", "ardsley"], 1, /^error E_BLADE_THERE: .*\n {2}mend: It drains\. To keep it, before its deadline: dobbs drain ardsley --cancel/);
    assert.match(await text("drain", "ardsley", "--cancel"), /^ardsley serves again, with [34] buckets\.\n$/);
    const blade = (await ask("GET", "/v1/status")).body.blades.find(({ name }: { name: string }) => name === "ardsley");
    assert.deepEqual([blade.status, blade.deadline], ["active", null]);
    await refused("POST", "/v1/blades/ardsley/undrain", {}, 409, "E_BLADE_STATUS");
    await refused("POST", "/v1/blades/nobody/undrain", {}, 404, "E_BLADE_UNKNOWN");
    await fails(["drain", "ardsley", "--cancel"], 1, /^error E_BLADE_STATUS: blade "ardsley" is active\n {2}mend: Name one that is draining\./);
    await fails(["drain", "ardsley", "--cancel", "--deadline", "1h"], 2, /^error E_USAGE: /);
    // The one that is gone is said to be so.
    await done("POST", "/v1/blades/ardsley/drain", {});
    world.blades.unplug("ardsley");
    await refused("POST", "/v1/blades/ardsley/undrain", {}, 503, "E_BLADE_ABSENT");
    world.blades.plug("ardsley");
    await until("it is heard again", async () => (await ask("POST", "/v1/blades/ardsley/undrain", {})).status === 200);
  });

  test("a removal says what it cut, however it comes to its end, and a request that is looked up later too", async () => {
    world.blades.setLive("ardsley", LIVE);
    await until("it has connections", () => world.manager.status().owners.find(({ name }) => name === "ardsley")!.live === LIVE);
    await done("POST", "/v1/blades/ardsley/drain", {});
    const { id, cut } = await done("POST", "/v1/blades/ardsley/remove");
    assert.equal(cut, LIVE);
    assert.equal((await done("GET", `/v1/requests/${id}`)).cut, LIVE);
    assert.equal(world.manager.status().tally.cut.deadline, LIVE);
  });
});
