/** Every endpoint of the API, on a real appliance manager: what it does, and what it refuses. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { StatusDocument } from "../../host/api/status-document.ts";
import { temporaryFolder } from "../cli/run.ts";
import { startManager, type TestManager, until } from "./manager.ts";

const root = temporaryFolder();

describe("the JSON API", () => {
  let world: TestManager;
  before(async () => {
    world = await startManager(join(root, "api"));
    world.blades.plug("ardsley", "dobbs-ferry", "hastings");
  });
  after(() => world.close());

  const ask = (method: string, path: string, body?: unknown) => world.ask(method, path, body);
  const status = async (): Promise<StatusDocument> => (await ask("GET", "/v1/status")).body;
  const blade = async (name: string) => (await status()).blades.find((one) => one.name === name)!;
  const refused = async (answer: Promise<{ status: number; body: any }>, expected: number, code: string): Promise<void> => {
    const { status: got, body } = await answer;
    assert.equal(got, expected, JSON.stringify(body));
    assert.equal(body.error.code, code);
    assert.ok(body.error.message.length > 0 && body.error.mend.length > 0);
  };

  test("before the first blade: spare blades, no generation, and nobody to ask", async () => {
    const { generation, phase, blades, appliance, vips, buckets } = await status();
    assert.deepEqual({ generation, phase, appliance, vips, buckets }, { generation: 0, phase: "idle", appliance: "test", vips: ["192.0.2.1"], buckets: 16 });
    assert.deepEqual(blades.map(({ name, status: is, health }) => [name, is, health]), [["ardsley", "spare", "healthy"], ["dobbs-ferry", "spare", "healthy"], ["hastings", "spare", "healthy"]]);
    await refused(ask("POST", "/v1/rebalance"), 503, "E_NO_BLADE_HEARD");
    await refused(ask("POST", "/v1/blades/ardsley/drain"), 404, "E_BLADE_UNKNOWN");
  });

  test("add: the answer comes when the blade serves", async () => {
    for (const [name, generation] of [["ardsley", 1], ["dobbs-ferry", 2]] as const) {
      const { status: code, body } = await ask("POST", `/v1/blades/${name}/add`);
      assert.equal(code, 200);
      assert.equal(body.state, "done");
      assert.equal(body.request, `add ${name}`);
      assert.ok(body.generation >= generation);
    }
    const { blades } = await status();
    assert.deepEqual(blades.map(({ name, status: is, current }) => [name, is, current]), [["ardsley", "active", 8], ["dobbs-ferry", "active", 8], ["hastings", "spare", 0]]);
    await refused(ask("POST", "/v1/blades/ardsley/add"), 409, "E_BLADE_THERE");
    await refused(ask("POST", "/v1/blades/nobody/add"), 404, "E_BLADE_UNKNOWN");
  });

  test("the assignment: owners and histories", async () => {
    // Drained buckets may leave histories between the answer and the look at it.
    await until("it is what the manager has", async () => {
      const { body } = await ask("GET", "/v1/assignment");
      assert.equal(body.buckets.length, 16);
      return isDeepStrictEqual(body, JSON.parse(JSON.stringify(world.manager.assignment())));
    });
  });

  test("?wait=0 answers at once with an id; the outcome is asked for later", async () => {
    const { status: code, body } = await ask("POST", "/v1/blades/hastings/add?wait=0");
    assert.equal(code, 202);
    assert.equal(body.state, "waiting");
    await until("the request is done", async () => (await ask("GET", `/v1/requests/${body.id}`)).body.state === "done");
    const wrong = (await ask("POST", "/v1/moves?wait=0", { buckets: [99], to: "ardsley" })).body;
    const id = wrong.id ?? null;
    if (id === null) assert.equal(wrong.error.code, "E_BUCKET_UNKNOWN");
    else await until("it is refused", async () => (await ask("GET", `/v1/requests/${id}`)).body.error?.code === "E_BUCKET_UNKNOWN");
    await refused(ask("GET", "/v1/requests/none-1"), 404, "E_REQUEST_UNKNOWN");
    await refused(ask("POST", "/v1/rebalance?wait=61"), 400, "E_API_QUERY");
  });

  test("weights, moves and rebalancing", async () => {
    assert.equal((await ask("POST", "/v1/weights", { weights: { ardsley: 2, "dobbs-ferry": 1, hastings: 1 } })).status, 200);
    assert.equal((await blade("ardsley")).current, 8);
    await refused(ask("POST", "/v1/weights", { weights: { nobody: 1 } }), 404, "E_OWNER_UNKNOWN");
    await refused(ask("POST", "/v1/weights", { weights: { ardsley: -1 } }), 400, "E_API_BODY");
    await refused(ask("POST", "/v1/weights", { weights: {} }), 400, "E_API_BODY");
    const mine = world.manager.assignment().buckets.findIndex(([current]) => world.manager.assignment().owners[current!]!.name === "hastings");
    assert.equal((await ask("POST", "/v1/moves", { buckets: [mine], to: "ardsley" })).status, 200);
    assert.equal((await blade("ardsley")).current, 9);
    assert.equal((await ask("POST", "/v1/rebalance")).status, 200);
    assert.equal((await blade("ardsley")).current, 8);
    await refused(ask("POST", "/v1/moves", { buckets: [1, 1], to: "ardsley" }), 400, "E_API_BODY");
    await refused(ask("POST", "/v1/moves", { buckets: [1], to: "nobody" }), 409, "E_OWNER_NOT_ACTIVE");
  });

  test("drain with a deadline: left connections are shown with the time left; remove cuts and counts them", async () => {
    world.blades.setLive("ardsley", 7);
    await until("its connections are known", async () => (await blade("ardsley")).live === 7);
    assert.equal((await ask("POST", "/v1/blades/ardsley/drain", { deadlineMs: 600_000 })).status, 200);
    const draining = await blade("ardsley");
    assert.equal(draining.status, "draining");
    assert.equal(draining.current, 0);
    assert.ok(draining.previous > 0);
    assert.ok(draining.leftMs! > 500_000 && draining.leftMs! <= 600_000);
    assert.ok(Math.abs(Date.parse(draining.deadline!) - Date.now() - draining.leftMs!) < 60_000);
    await refused(ask("POST", "/v1/blades/ardsley/drain"), 409, "E_BLADE_STATUS");
    await refused(ask("POST", "/v1/blades/hastings/remove"), 409, "E_BLADE_STATUS");
    const { status: code, body } = await ask("POST", "/v1/blades/ardsley/remove");
    assert.equal(code, 200);
    assert.equal(body.cut, 7);
    assert.equal((await blade("ardsley")).status, "spare");
  });

  test("drain without a deadline: offline when the last connection has closed; then it can come back", async () => {
    world.blades.setLive("hastings", 2);
    await until("its connections are known", async () => (await blade("hastings")).live === 2);
    assert.equal((await ask("POST", "/v1/blades/hastings/drain")).status, 200);
    assert.equal((await blade("hastings")).deadline, null);
    world.blades.setLive("hastings", 0);
    await until("it is offline", async () => (await blade("hastings")).status === "offline");
    const { events } = (await ask("GET", "/v1/events")).body;
    assert.equal(events.findLast((record: { event: string }) => record.event === "offline").details.cut, 0);
    world.blades.setLive("ardsley", 0);
    assert.equal((await ask("POST", "/v1/blades/hastings/add")).status, 200);
    assert.equal((await ask("POST", "/v1/blades/ardsley/add")).status, 200);
  });

  test("a drain of the last blade is refused", async () => {
    const other = await startManager(join(root, "last"));
    try {
      other.blades.plug("ardsley");
      assert.equal((await other.ask("POST", "/v1/blades/ardsley/add")).status, 200);
      await refused(other.ask("POST", "/v1/blades/ardsley/drain"), 409, "E_NO_ACTIVE_MEMBER");
      await refused(other.ask("POST", "/v1/blades/hastings/add"), 503, "E_BLADE_ABSENT");
    } finally {
      await other.close();
    }
  });

  test("fail: the blade's port is shut, and what it had is counted", async () => {
    world.blades.setLive("dobbs-ferry", 5);
    await until("its connections are known", async () => (await blade("dobbs-ferry")).live === 5);
    const { status: code, body } = await ask("POST", "/v1/blades/dobbs-ferry/fail");
    assert.equal(code, 200);
    assert.equal(body.cut, 5);
    const failed = await blade("dobbs-ferry");
    assert.deepEqual([failed.status, failed.fenced, failed.current, failed.previous], ["failed", true, 0, 0]);
    await refused(ask("POST", "/v1/blades/dobbs-ferry/fail"), 409, "E_BLADE_STATUS");
    world.blades.setLive("dobbs-ferry", 0);
    assert.equal((await ask("POST", "/v1/blades/dobbs-ferry/add")).status, 200);
    await until("its port is open again", async () => !(await blade("dobbs-ferry")).fenced);
  });

  test("a blade that is not in the file: described, checked for clashes, kept only if it comes in", async () => {
    const described = { name: "irvington", mac: "02:00:00:00:00:0A", port: 9 };
    const add = (change: object) => ask("POST", "/v1/blades/irvington/add", { blade: { ...described, ...change } });
    await refused(add({ port: 1 }), 409, "E_APPLIANCE_DUPLICATE");
    await refused(add({ mac: "02:00:00:00:00:01" }), 409, "E_APPLIANCE_DUPLICATE");
    await refused(add({ mac: "x" }), 400, "E_API_BODY");
    await refused(add({ name: "other" }), 400, "E_API_BODY");
    await refused(add({ color: "red" }), 400, "E_API_BODY");
    for (const name of ["constructor", "valueOf", "switch", "appliance-manager"]) {
      await refused(ask("POST", `/v1/blades/${name}/add`, { blade: { ...described, name } }), 400, "E_APPLIANCE_NAME");
    }
    await refused(ask("POST", "/v1/blades/__proto__/add", { blade: { ...described, name: "__proto__" } }), 400, "E_API_BODY");
    await refused(add({}), 503, "E_BLADE_ABSENT");
    assert.equal((await status()).blades.some(({ name }) => name === "irvington"), false);
    world.blades.plug("irvington");
    assert.equal((await add({})).status, 200);
    assert.equal((await blade("irvington")).status, "active");
    await refused(add({ port: 10 }), 409, "E_BLADE_THERE");
  });

  test("filters: listed as in the file, added at a position, removed, replaced whole", async () => {
    const rule = (source: string) => ({ action: "drop", source, at: "blades" });
    const list = async () => (await ask("GET", "/v1/filters")).body;
    const first = await list();
    assert.deepEqual(first.filters, [{ action: "drop", ethertype: "ipv6", at: "switch" }]);
    assert.equal((await ask("POST", "/v1/filters", { filter: rule("02:00:00:00:0A:01") })).status, 200);
    assert.equal((await ask("POST", "/v1/filters", { filter: { action: "allow", destination: "01:80:c2:00:00:0f/ff:ff:ff:ff:ff:f0" }, position: 1 })).status, 200);
    const { filters, revision } = await list();
    assert.deepEqual(filters, [
      { action: "allow", destination: "01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0", at: "blades" },
      { action: "drop", ethertype: "ipv6", at: "switch" },
      rule("02:00:00:00:0a:01"),
    ]);
    await refused(ask("DELETE", `/v1/filters/1?revision=${first.revision}`), 409, "E_FILTER_CHANGED");
    await refused(ask("DELETE", "/v1/filters/4"), 404, "E_FILTER_UNKNOWN");
    await refused(ask("DELETE", "/v1/filters/0"), 404, "E_FILTER_UNKNOWN");
    assert.equal((await ask("DELETE", `/v1/filters/2?revision=${revision}`)).status, 200);
    assert.equal((await list()).filters.length, 2);
    await refused(ask("POST", "/v1/filters", { filter: { action: "drop", at: "nobody" } }), 400, "E_APPLIANCE_REFERENCE");
    await refused(ask("POST", "/v1/filters", { filter: { action: "maybe" } }), 400, "E_API_BODY");
    await refused(ask("PUT", "/v1/filters", { filters: [{ action: "drop", ethertype: 5 }] }), 400, "E_API_BODY");
    assert.equal((await ask("PUT", "/v1/filters", { filters: [] })).status, 200);
    assert.deepEqual((await list()).filters, []);
  });

  test("changes of a list that come at once all take effect", async () => {
    const ids = Array.from({ length: 8 }, (_, port) => world.service.changeFilters("add", (rules) => [...rules, { action: "drop", port, at: "blades" }]));
    const outcomes = await Promise.all(ids.map((id) => world.service.outcome(id, 20_000)));
    assert.ok(outcomes.every(({ state }) => state === "done"));
    assert.equal(world.manager.tables().filters.length, 8);
    assert.equal(new Set(world.manager.tables().filters.map(({ port }) => port)).size, 8);
    await ask("PUT", "/v1/filters", { filters: [] });
  });

  test("stations: listed, added, moved, removed, replaced whole", async () => {
    const list = async () => (await ask("GET", "/v1/forward")).body.forward;
    assert.deepEqual(await list(), [{ mac: "02:00:00:00:00:99", at: "ardsley", port: 2 }]);
    assert.equal((await ask("POST", "/v1/forward", { station: { mac: "02:00:00:00:00:9A", at: "switch", port: 7 } })).status, 200);
    assert.equal((await ask("POST", "/v1/forward", { station: { mac: "02:00:00:00:00:99", at: "hastings", port: 3 } })).status, 200);
    assert.deepEqual(await list(), [{ mac: "02:00:00:00:00:9a", at: "switch", port: 7 }, { mac: "02:00:00:00:00:99", at: "hastings", port: 3 }]);
    await refused(ask("POST", "/v1/forward", { station: { mac: "02:00:00:00:00:01", at: "hastings", port: 3 } }), 409, "E_APPLIANCE_DUPLICATE");
    await refused(ask("POST", "/v1/forward", { station: { mac: "02:00:00:00:00:9b", at: "hastings", port: 0 } }), 400, "E_APPLIANCE_PORT");
    await refused(ask("DELETE", "/v1/forward/02:00:00:00:00:9f"), 404, "E_STATION_UNKNOWN");
    assert.equal((await ask("DELETE", "/v1/forward/02:00:00:00:00:9A")).status, 200);
    assert.equal((await ask("PUT", "/v1/forward", { forward: [] })).status, 200);
    assert.deepEqual(await list(), []);
  });

  test("switches: a standby is made the active one", async () => {
    const roles = async () => Object.fromEntries((await ask("GET", "/v1/switches")).body.switches.map(({ name, role }: { name: string; role: string }) => [name, role]));
    assert.deepEqual(await roles(), { west: "active", east: "standby" });
    assert.equal((await ask("POST", "/v1/switches/east/activate")).status, 200);
    assert.deepEqual(await roles(), { west: "standby", east: "active" });
    for (const name of ["north", "constructor", "__proto__"]) {
      await refused(ask("POST", `/v1/switches/${name}/activate`), 404, "E_SWITCH_UNKNOWN");
    }
    await until("the switches are looked at", async () => (await status()).switches.every(({ answers, generation }) => answers && generation! > 0));
  });

  test("events: numbered, after a number, at most so many", async () => {
    const { body: all } = await ask("GET", "/v1/events");
    assert.deepEqual(all.events.map(({ n }: { n: number }) => n), all.events.map((_: unknown, i: number) => i + 1));
    assert.equal(all.next, all.events.at(-1).n);
    const { body: some } = await ask("GET", "/v1/events?after=3&limit=2");
    assert.deepEqual(some.events, all.events.slice(3, 5));
    assert.equal(some.next, 5);
    const { body: none } = await ask("GET", `/v1/events?after=${all.next}`);
    assert.deepEqual(none, { events: [], next: all.next });
    await refused(ask("GET", "/v1/events?after=-1"), 400, "E_API_QUERY");
    await refused(ask("GET", "/v1/events?limit=99999999"), 400, "E_API_QUERY");
  });

  test("requests that nobody answers do not pile up", async () => {
    const rebalances = Array.from({ length: 100 }, () => ask("POST", "/v1/rebalance?wait=0"));
    // It may be what all the others wait for.
    const failure = ask("POST", "/v1/blades/nobody/fail");
    const answers = await Promise.all(rebalances);
    assert.equal((await failure).body.error.code, "E_BLADE_UNKNOWN");
    assert.ok(answers.filter(({ status: code }) => code === 202).length >= 60);
    const busy = answers.filter(({ status: code }) => code === 503);
    assert.ok(busy.every(({ body }) => body.error.code === "E_API_BUSY"));
    await until("all are done", async () => (await status()).waiting.length === 0 && (await status()).phase === "idle");
    assert.equal((await ask("POST", "/v1/rebalance")).status, 200);
  });

  test("no fault was logged, and what was promised was saved first", () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.saved()!.assignment, JSON.parse(JSON.stringify(world.manager.assignment())));
  });
});
