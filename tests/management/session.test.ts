import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BucketState, Flow, FlowEntry, FlowStateName } from "../../host/management/commands.ts";
import { payloadBytesMax } from "../../host/management/envelope.ts";
import { Records } from "../../host/management/records.ts";
import { ManagementSession, type OnResult, type Result } from "../../host/management/session.ts";
import { EXPLAINED, NO_ANSWER, refusalOf } from "../../host/management/status.ts";
import { assignmentTable, putRequests, type NodeIdentity } from "../../host/management/tables.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { VirtualClock } from "../supervisor/clock.ts";
import { loadNode } from "../supervisor/images.ts";

const BUCKETS = 256;
const VIP = "192.0.2.1";
const IDENTITY: NodeIdentity = {
  vmac: "02:d0:bb:00:00:01",
  vips: [VIP, "2001:db8::1"],
  hash: "mix",
  seed: Uint8Array.from({ length: 16 }, (_, at) => at + 1),
  redirect: true,
  ports: ["fabric", "host", "host"],
  localOwners: [
    { mac: "02:00:00:00:00:01", owner: 0, port: 1 },
    { mac: "02:00:00:00:00:02", owner: 2, port: 2 },
  ],
};

/** Owner 0 and 2 are local. Every history that there can be, from none to four, is in it. */
function assignmentOf(generation: number): Assignment {
  const owner = (name: string, number: number) => ({
    name,
    mac: `02:00:00:00:00:0${number}`,
    blade: name,
    port: number,
    since: 1,
  });
  const histories = [[0], [1, 0], [2, 1, 0], [3, 1, 0, 2], []];
  return {
    generation,
    owners: [owner("a", 1), owner("b", 9), owner("c", 2), owner("d", 4), null],
    buckets: Array.from({ length: BUCKETS }, (_, bucket) => histories[bucket % histories.length]!),
  };
}

function flows(count: number, state: FlowStateName = "established"): Flow[] {
  return Array.from({ length: count }, (_, i) => ({
    client: `10.${i >> 8}.7.${i & 255}`,
    clientPort: 1024 + 257 * (i % 200),
    vip: VIP,
    vipPort: 443,
    protocol: 6,
    state,
  }));
}

function setUp(kind: "blade" | "switch" = "blade") {
  const clock = new VirtualClock();
  const node = loadNode(kind);
  const session = new ManagementSession(clock, {
    layout: node.layout,
    request: (message, onAnswer) => void clock.after(1, () => onAnswer(node.manage(message, clock.now()))),
  });
  /** The result of a request, once it is there. */
  const resultOf = <T>(request: (onResult: OnResult<T>) => void): Result<T> => {
    const results: Result<T>[] = [];
    request((result) => results.push(result));
    assert.ok(
      clock.until(() => results.length > 0, 60_000),
      "a result",
    );
    return results[0]!;
  };
  const valueOf = <T>(request: (onResult: OnResult<T>) => void): T => {
    const result = resultOf(request);
    assert.ok(result.ok, result.ok ? "" : result.refusal.text);
    return result.value;
  };
  const refusedAs = <T>(request: (onResult: OnResult<T>) => void): string => {
    const result = resultOf(request);
    return result.ok ? "OK" : `${result.refusal.status} ${result.refusal.detail}`;
  };
  return { clock, node, session, resultOf, valueOf, refusedAs };
}

function blade(generation = 1) {
  const world = setUp();
  world.valueOf<null>((on) => world.session.putIdentity(IDENTITY, on));
  world.valueOf<null>((on) => world.session.putAssignment(assignmentOf(generation), on));
  return world;
}

const scope = { generation: 1, owner: 0 };

describe("a management session with a blade's image", () => {
  test("does not put the rows of two images together", () => {
    const [old, fresh] = [blade(1), blade(1)];
    const { clock } = old;
    let { node } = old;
    let asked = 0;
    const session = new ManagementSession(clock, {
      get layout() {
        return node.layout;
      },
      request: (message, onAnswer) => {
        const answer = node.manage(message, clock.now());
        // HELLO, then the first part of the answer: then another image runs, with the same tables.
        if (++asked === 2) clock.after(2, () => ({ node } = fresh));
        clock.after(1, () => onAnswer(answer));
      },
    });
    const results: Result<BucketState[]>[] = [];
    session.buckets(0, BUCKETS, (result) => results.push(result));
    // Its second part is asked for at 2 ms, and answered when the image is another one.
    clock.advance(1_000);
    assert.deepEqual(
      results.map((result) => (result.ok ? "OK" : result.refusal.status)),
      [NO_ANSWER],
    );
    session.buckets(0, BUCKETS, (result) => results.push(result));
    clock.advance(1_000);
    assert.ok(results[1]!.ok && results[1]!.value.length === BUCKETS);
  });

  test("says who is there", () => {
    const { session, resultOf, valueOf } = blade(5);
    assert.deepEqual(
      valueOf((on) => session.hello(on)),
      { abi: 2, kind: "blade", buckets: BUCKETS, flows: 0 },
    );
    const hello = resultOf((on) => session.hello(on));
    assert.ok(hello.ok && hello.generation === 5);
  });

  test("an assignment travels in several chunks, and every history arrives as it was", () => {
    const { session, valueOf, node } = blade();
    const records = new Records(node.layout);
    assert.ok(putRequests(records, "ASSIGNMENT", assignmentTable(records, assignmentOf(1))).length > 1);
    for (const [owner, number] of [
      [0, 0],
      [1, 2],
    ] as const) {
      const states = valueOf<BucketState[]>((on) => session.buckets(owner, BUCKETS, on));
      assert.deepEqual(
        states.map(({ index }) => index),
        assignmentOf(1).buckets.map((history) => history.indexOf(number)),
      );
      assert.deepEqual(
        states.map(({ bucket }) => bucket),
        [...states.keys()],
      );
    }
  });

  test("SEED, LOCATE and LIST agree on the buckets of many flows, and rows come back as they went", () => {
    const { session, valueOf, clock } = blade();
    const sent = flows(500, "half-open");
    const located = valueOf<FlowEntry[]>((on) => session.locate(scope, sent, on));
    assert.equal(valueOf<FlowEntry[]>((on) => session.list({}, on)).length, 0, "LOCATE changes nothing");
    const seeded = valueOf<FlowEntry[]>((on) => session.seed(scope, sent, on));
    clock.advance(70);
    const listed = valueOf<FlowEntry[]>((on) => session.list({}, on));
    const key = ({ client, clientPort }: Flow): string => `${client}:${clientPort}`;
    const byKey = new Map(listed.map((row) => [key(row), row]));
    assert.equal(byKey.size, sent.length);
    sent.forEach((flow, at) => {
      const row = byKey.get(key(flow))!;
      assert.deepEqual(
        { ...flow },
        {
          client: row.client,
          clientPort: row.clientPort,
          vip: row.vip,
          vipPort: row.vipPort,
          protocol: row.protocol,
          state: row.state,
        },
      );
      assert.equal(row.owner, 0);
      assert.ok(row.untouchedMs >= 70 && row.untouchedMs < 200, `${row.untouchedMs}`);
      assert.equal(row.bucket, located[at]!.bucket);
      assert.equal(row.bucket, seeded[at]!.bucket);
    });
    assert.ok(new Set(listed.map(({ bucket }) => bucket)).size > BUCKETS / 2, "the hash spreads them");
    const previous = valueOf<FlowEntry[]>((on) => session.list({ previousOnly: true }, on));
    const isPrevious = ({ bucket }: FlowEntry): boolean => assignmentOf(1).buckets[bucket]!.indexOf(0) > 0;
    assert.equal(previous.length, listed.filter(isPrevious).length);
    assert.ok(previous.length > 0 && previous.every(isPrevious));
  });

  test("REMOVE takes what was left alone for so long, and says how many", () => {
    const { session, valueOf, clock } = blade();
    const old = flows(200);
    valueOf((on) => session.seed(scope, old.slice(0, 120), on));
    clock.advance(1_000);
    valueOf((on) => session.seed(scope, old.slice(120), on));
    assert.equal(
      valueOf((on) => session.remove(scope, 500, old, on)),
      120,
    );
    assert.equal(valueOf<FlowEntry[]>((on) => session.list({}, on)).length, 80);
  });

  test("OUT_OF_ROOM says how many of all were put, across messages", () => {
    const { session, resultOf, valueOf } = blade();
    // Rows of previous buckets are never evicted, and owner 0 is previous in most buckets.
    const many = Array.from({ length: 60_000 }, (_, i) => ({
      ...flows(1)[0]!,
      client: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    }));
    const buckets = valueOf<FlowEntry[]>((on) => session.locate(scope, many, on)).map(({ bucket }) => bucket);
    const pinned = many.filter((_, at) => assignmentOf(1).buckets[buckets[at]!]!.indexOf(0) > 0);
    const result = resultOf<FlowEntry[]>((on) => session.seed(scope, pinned, on));
    assert.ok(!result.ok && result.refusal.status === "OUT_OF_ROOM");
    const rows = valueOf<FlowEntry[]>((on) => session.list({}, on)).length;
    assert.equal(result.refusal.detail, rows);
    assert.match(result.refusal.text, new RegExp(`only ${rows} `));
  });

  test("the drain handshake's commands do what they say", () => {
    const { session, valueOf, refusedAs } = blade();
    const stateOf = (bucket: number): BucketState =>
      valueOf<BucketState[]>((on) => session.buckets(0, BUCKETS, on))[bucket]!;
    const command = (name: "COMPLETE" | "SEAL" | "UNSEAL", ...buckets: number[]): string =>
      refusedAs((on) => session.command(name, scope, buckets, on));
    const flow = valueOf<FlowEntry[]>((on) => session.locate(scope, flows(200), on)).find(
      ({ bucket }) => bucket % 5 === 1,
    )!;
    const { bucket } = flow;
    valueOf((on) => session.seed(scope, [flow], on));
    assert.deepEqual(stateOf(bucket), { bucket, rows: 1, complete: false, sealed: false, pinned: false, open: false, cookiesLost: false, index: 1, lists: [] });
    assert.equal(command("SEAL", bucket), `BAD_BUCKET_STATE ${bucket}`, "not complete");
    assert.equal(command("COMPLETE", bucket), "OK");
    assert.equal(stateOf(bucket).complete, true);
    assert.equal(command("SEAL", bucket), "OK");
    assert.deepEqual(stateOf(bucket), { bucket, rows: 0, complete: false, sealed: true, pinned: false, open: false, cookiesLost: false, index: 1, lists: [] });
    valueOf((on) => session.seed(scope, [flow], on));
    assert.equal(command("COMPLETE", bucket), "BUCKET_NOT_EMPTY 1");
    assert.equal(command("UNSEAL", bucket), "OK");
    assert.equal(stateOf(bucket).sealed, false);
    assert.equal(command("COMPLETE", bucket, bucket + 4), `BAD_BUCKET_STATE ${bucket + 4}`, "one of them is its own");
    assert.equal(stateOf(bucket).complete, false, "all of them or none");
  });

  test("PIN and UNPIN take current buckets", () => {
    const { session, valueOf, refusedAs } = blade();
    const pinned = (): number[] =>
      valueOf<BucketState[]>((on) => session.buckets(0, BUCKETS, on)).flatMap(({ pinned, bucket }) =>
        pinned ? [bucket] : [],
      );
    valueOf((on) => session.command("PIN", scope, [0, 5, 255], on));
    assert.deepEqual(pinned(), [0, 5, 255]);
    valueOf((on) => session.command("UNPIN", scope, [5], on));
    assert.deepEqual(pinned(), [0, 255]);
    assert.equal(
      refusedAs((on) => session.command("PIN", scope, [1], on)),
      "BAD_BUCKET_STATE 1",
    );
  });

  test("refusals carry their status and number", () => {
    const { session, refusedAs } = blade(3);
    const at3 = { generation: 3, owner: 0 };
    assert.equal(
      refusedAs((on) => session.putAssignment(assignmentOf(3), on)),
      "STALE_GENERATION 3",
    );
    assert.equal(
      refusedAs((on) => session.command("COMPLETE", scope, [1], on)),
      "WRONG_GENERATION 3",
    );
    assert.equal(
      refusedAs((on) => session.command("COMPLETE", { ...at3, owner: 2 }, [1], on)),
      "BAD_OWNER 2",
    );
    assert.equal(
      refusedAs((on) => session.command("COMPLETE", at3, [BUCKETS], on)),
      `BAD_BUCKET ${BUCKETS}`,
    );
    assert.equal(
      refusedAs((on) => session.locate(at3, [{ ...flows(1)[0]!, vip: "192.0.2.9" }], on)),
      "BAD_RECORD 0",
    );
    assert.equal(
      refusedAs((on) => session.putIdentity({ ...IDENTITY, hash: "toeplitz" }, on)),
      "NOT_IN_SERVICE 3",
    );
    assert.equal(refusedAs((on) => session.putRole("active", on)).split(" ")[0], "WRONG_IMAGE");
  });

  test("a blade without an assignment is not ready", () => {
    const { session, refusedAs, valueOf } = setUp();
    valueOf((on) => session.putIdentity(IDENTITY, on));
    assert.equal(
      refusedAs((on) => session.seed(scope, flows(1), on)),
      "NOT_READY 0",
    );
  });

  test("filters and stations are put, and put away", () => {
    const { session, valueOf, refusedAs } = blade();
    const rule = {
      action: "drop",
      source: { mac: "02:00:00:00:00:00", mask: "ff:00:00:00:00:00" },
      ethertype: 0x0806,
      port: 1,
    } as const;
    valueOf((on) => session.putFilters([rule, { action: "allow" }], on));
    valueOf((on) => session.putFilters([], on));
    valueOf((on) => session.putForward([{ mac: "02:00:00:00:00:77", port: 2 }], on));
    assert.equal(
      refusedAs((on) => session.putForward([{ mac: "01:00:00:00:00:77", port: 2 }], on)),
      "BAD_RECORD 0",
      "a group address",
    );
  });

  test("counters come by name", () => {
    const { session, valueOf } = blade();
    valueOf((on) => session.seed(scope, flows(7), on));
    const events = valueOf<ReadonlyMap<string, bigint>>((on) => session.counters("EVENT_COUNTER", "Event", on));
    assert.equal(events.get("FLOW_INSERTED"), 7n);
    const verdicts = valueOf<ReadonlyMap<string, bigint>>((on) => session.counters("VERDICT_COUNTER", "Verdict", on));
    assert.deepEqual(
      [...verdicts.values()].reduce((sum, value) => sum + value, 0n),
      0n,
    );
    assert.ok(verdicts.has("REDIRECT"));
  });
});

describe("a management session with a switch's image", () => {
  test("takes identity, role and assignment, and no blade's messages", () => {
    const { session, valueOf, resultOf, refusedAs } = setUp("switch");
    valueOf((on) => session.putIdentity({ ...IDENTITY, ports: ["uplink", "fabric"], localOwners: [] }, on));
    valueOf((on) => session.putRole("active", on));
    valueOf((on) => session.putAssignment(assignmentOf(9), on));
    const hello = resultOf<{ kind: string }>((on) => session.hello(on));
    assert.ok(hello.ok && hello.value.kind === "switch" && hello.generation === 9);
    assert.equal(refusedAs((on) => session.list({}, on)).split(" ")[0], "WRONG_IMAGE");
  });
});

describe("refusals", () => {
  test("every status of the image is explained, and nothing else", () => {
    const { layout } = loadNode("blade");
    const names = Array.from({ length: 256 }, (_, code) => layout.nameOf("Status", code)).filter(
      (name) => name !== undefined && name !== "OK",
    );
    assert.deepEqual([...EXPLAINED].sort(), [...names, NO_ANSWER].sort());
  });

  test("each has a sentence that says what is wrong, with its number, and one that mends it", () => {
    for (const status of EXPLAINED) {
      const { text, mend } = refusalOf(status, 4711);
      for (const sentence of [text, mend]) assert.match(sentence, /^[A-Z].*\.$/);
    }
    assert.match(refusalOf("OUT_OF_ROOM", 4711).text, /4711/);
    assert.match(refusalOf("SOMETHING_NEW", 3).text, /SOMETHING_NEW \(3\)/);
  });
});

describe("a message", () => {
  test("is never longer than the image takes", () => {
    const { layout } = loadNode("blade");
    const records = new Records(layout);
    for (const { payload } of putRequests(records, "FILTER", new Uint8Array(10_000)))
      assert.ok(payload.length <= payloadBytesMax(records));
    const chunks = putRequests(
      records,
      "FILTER",
      Uint8Array.from({ length: 10_000 }, (_, at) => at),
    );
    assert.deepEqual(
      chunks.map(({ commit }) => commit),
      chunks.map((_, at) => at === chunks.length - 1),
    );
    assert.deepEqual(
      Buffer.concat(chunks.map(({ payload }) => payload)),
      Buffer.from(Uint8Array.from({ length: 10_000 }, (_, at) => at)),
    );
  });
});
