/** A fixed 200 seeds: no violation, and they have been through what they are for. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { coverageOf } from "../../host/simulate/coverage.ts";
import { violationText } from "../../host/simulate/failure.ts";
import { runSeeds } from "../../host/simulate/run-seeds.ts";
import { sum, type Totals } from "../../host/simulate/totals.ts";
import { IMAGES } from "./images.ts";

const SEEDS = { first: 1, last: 200 };

const FAULTS = [
  "loss", "duplicate", "delay", "partition", "mail-loss", "mail-repeat", "mail-delay", "handover-loss", "message-loss", "answer-loss",
  "message-repeat", "message-delay", "message-cut", "blade-crash", "shim-restart", "trap", "kill", "sleep",
];
const ORDERS = ["add", "drain", "undrain", "remove", "fail", "weight", "move", "rebalance", "failover"];
/** Lines of the rule that no frame reaches: `docs/simulation.md`. */
const OUT_OF_REACH = new Set([
  "Rule.NO_OWNER", "Rule.HOP_NOT_IN_HISTORY", "Rule.BAD_TAG",
  // Only while two blades do not agree whether a server is away, for as long as an install takes.
  "Rule.NAMED_ASTRAY",
  // Reached only when more fragments wait than an image has room for.
  "Rule.COPY", "Rule.FRAGMENT_COPIES", "Rule.FRAGMENT_FINAL",
]);

describe("200 seeds", () => {
  let totals: Totals;
  before(async () => {
    totals = await runSeeds(SEEDS, IMAGES);
  });

  test("break nothing", () => {
    const failed = totals.failed.map(({ seed, violations }) => `seed ${seed}: ${violationText(violations[0]!)}`);
    assert.deepEqual(failed, []);
    assert.equal(totals.seeds, 200);
  });

  test("each overlap moves while 50 connections live", () => assert.equal(totals.withoutOverlap, 0));

  test("have every kind of fault and of order", () => {
    for (const kind of FAULTS) assert.ok((totals.faults[kind] ?? 0) > 0, `no ${kind}`);
    for (const kind of ORDERS) assert.ok((totals.orders[kind] ?? 0) > 0, `no ${kind}`);
  });

  test("lose few connections, and those to blades that died or were said to have", () => {
    const { done = 0, refused = 0 } = totals.outcomes;
    assert.equal(sum(totals.outcomes), totals.connections);
    assert.deepEqual(Object.keys(totals.outcomes).filter((outcome) => !["done", "cut", "refused", "waiting"].includes(outcome)), []);
    assert.ok(done > 0.9 * totals.connections, `${done} of ${totals.connections}`);
    assert.ok(refused < 0.002 * totals.connections, `${refused} refused`);
  });

  test("take every line of the rule", () => {
    const { missed } = coverageOf(totals.tally);
    assert.deepEqual(missed.filter((name) => !OUT_OF_REACH.has(name)), []);
  });
});
