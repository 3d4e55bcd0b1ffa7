import assert from "node:assert/strict";
import { test } from "node:test";
import { asOrder, asPeerMessage, asReport } from "../../host/process/message-schema.ts";
import { decodeToBlade } from "../../host/process/peer-schema.ts";
import { CHARTER, edited, HANDOVER, ORDERS, placesIn, REPORTS, type Step } from "./samples.ts";

/** Members that may be left out: those of filter rules, services and connection ids, of owners, timings, and what views seldom
 *  have. */
const OPTIONAL = new Set(["vip", "destination", "source", "ethertype", "port", "pollMs", "factor", "force", "silent", "key", "away"]);
/** Of these, those that may be left out wherever they are. */
const OPTIONAL_ANYWHERE = new Set<Step>(["pollMs", "factor", "force", "silent", "away"]);
/** Members of these are named by whoever writes the appliance file. */
const MAPS = new Set(["roles", "switches", "interfaces"]);

const charterFrame = (charter: unknown): unknown => {
  const words = decodeToBlade(Buffer.from(JSON.stringify({ type: "charter", charter })));
  return words.type === "charter" ? words.charter : null;
};
const asCharter = (value: unknown): unknown => {
  try {
    return charterFrame(value);
  } catch (error) {
    assert.equal((error as { code: string }).code, "E_LINK_PAYLOAD");
    return null;
  }
};

const CASES: [string, unknown, (value: unknown) => unknown][] = [
  ...Object.entries(ORDERS).map(([kind, order]): [string, unknown, typeof asOrder] => [kind, order, asOrder]),
  ...Object.entries(REPORTS).map(([kind, report]): [string, unknown, typeof asReport] => [kind, report, asReport]),
  ["handover", HANDOVER, (value) => asPeerMessage(value, "ardsley")],
  ["charter", CHARTER, asCharter],
];

function lastName(path: readonly Step[]): Step {
  return path.at(-1)!;
}

function mapHolds(path: readonly Step[]): boolean {
  return typeof lastName(path) === "string" && MAPS.has(String(path.at(-2)));
}

for (const [kind, sample, check] of CASES) {
  test(`${kind}: passes as it is, through JSON`, () => {
    assert.deepEqual(check(JSON.parse(JSON.stringify(sample))), sample);
  });

  test(`${kind}: refused without any one of its members`, () => {
    for (const path of placesIn(sample)) {
      const name = lastName(path);
      if (typeof name === "number" || mapHolds(path)) continue;
      const mayLack = ["filters", "services", "connectionIds"].some((list) => path.includes(list)) && OPTIONAL.has(name);
      if (mayLack || OPTIONAL_ANYWHERE.has(name)) continue;
      const without = edited(sample, path, (holder, last) => delete holder[last]);
      assert.equal(check(without), null, `without ${path.join(".")}`);
    }
  });

  test(`${kind}: refused with any one member of another type, or out of its bounds`, () => {
    for (const path of placesIn(sample)) {
      for (const wrong of [{ wrong: 1 }, [["wrong"]], -1, 2 ** 60, "\u0000", "x".repeat(70_000), undefined]) {
        const before = path.reduce<unknown>((inner, step) => (inner as Record<Step, unknown>)[step], sample);
        // A text for people is any text that is not too long.
        if (wrong === "\u0000" && typeof before === "string" && ["why", "mend", "link", "bridge"].includes(String(lastName(path)))) continue;
        if (wrong === "\u0000" && path.includes("run")) continue;
        // In a list it becomes null.
        if (wrong === undefined && (typeof lastName(path) === "number" || OPTIONAL.has(String(lastName(path))) || mapHolds(path))) continue;
        const other = edited(sample, path, (holder, last) => void (holder[last] = wrong));
        assert.equal(check(JSON.parse(JSON.stringify(other))), null, `${path.join(".")} = ${JSON.stringify(wrong)?.slice(0, 40)}`);
      }
    }
  });

  test(`${kind}: refused with a member that nobody knows`, () => {
    const holders = [[], ...placesIn(sample)];
    for (const path of holders) {
      const more = edited({ sample }, ["sample", ...path], (holder, last) => {
        const inner = holder[last];
        if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) (inner as Record<string, unknown>)["un known"] = 1;
      }).sample;
      if (JSON.stringify(more) !== JSON.stringify(sample)) assert.equal(check(more), null, `in ${path.join(".")}`);
    }
  });
}

test("what a traffic manager may not say is not taken from one", () => {
  for (const order of Object.values(ORDERS)) assert.equal(asReport(order), null, order.kind);
  for (const report of Object.values(REPORTS)) {
    assert.equal(asOrder(report), null, report.kind);
    assert.equal(asPeerMessage(report, "ardsley") !== null, report.kind === "sessions", report.kind);
  }
  for (const order of Object.values(ORDERS)) assert.equal(asPeerMessage(order, "ardsley"), null, order.kind);
  assert.equal(asReport(HANDOVER), null);
  assert.equal(asOrder(HANDOVER), null);
});

test("a blade hands over lists of its own owners only", () => {
  assert.notEqual(asPeerMessage({ ...HANDOVER, owner: "ardsley" }, "ardsley"), null);
  for (const owner of ["b2", "ardsley2", "ardsley2/vm1", "b2/ardsley"]) {
    assert.equal(asPeerMessage({ ...HANDOVER, owner }, "ardsley"), null, owner);
  }
});

test("a flow of a handover list has two addresses of one family", () => {
  const [list] = HANDOVER.lists;
  for (const [client, vip] of [["10.1.0.256", "192.0.2.1"], ["10.1.0.1", "192.0.2"], ["2001:db8::5", "192.0.2.1"], ["1::2::3", "2001:db8::1"]] as const) {
    const flows = [{ ...list!.flows[0]!, client, vip }];
    assert.equal(asPeerMessage({ ...HANDOVER, lists: [{ bucket: 3, flows }] }, "ardsley"), null, `${client} ${vip}`);
  }
});

test("an assignment whose histories name nobody, or that has no power of two of buckets, is refused", () => {
  const { install } = ORDERS;
  for (const buckets of [[[1], [0], [0], [0]], [[3], [0], [0], [0]], [[0], [0], [0]], []]) {
    assert.equal(asOrder({ ...install, assignment: { ...install.assignment, buckets } }), null, JSON.stringify(buckets));
  }
});

test("values that are no messages at all are refused", () => {
  for (const value of [null, undefined, 1, "sessions", [], {}, { kind: null }, { kind: "constructor" }, { kind: "__proto__" }, { kind: "toString" }]) {
    assert.equal(asOrder(value), null);
    assert.equal(asReport(value), null);
    assert.equal(asPeerMessage(value, "ardsley"), null);
  }
});
