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
  "loss", "duplicate", "delay", "partition", "mail-loss", "mail-repeat", "mail-delay", "handover-loss", "handover-delay", "message-loss", "answer-loss",
  "message-repeat", "message-delay", "message-cut", "blade-crash", "shim-restart", "trap", "kill", "sleep",
];
const ORDERS = ["add", "drain", "undrain", "remove", "fail", "weight", "move", "rebalance", "failover"];
/** Lines of the rule that no frame reaches: `docs/simulation.md`. */
const OUT_OF_REACH = ["Rule.NO_OWNER"];

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

  test("each overlap moves while 50 connections live", () => assert.deepEqual(totals.withoutOverlap, []));

  test("overlap moves amid faults, too", () => assert.ok(totals.overlapsAmidFaults > 200, String(totals.overlapsAmidFaults)));

  test("take turns with their switches, there and back", () => {
    assert.ok(totals.failovers > 60, String(totals.failovers));
    assert.ok(totals.failbacks > 25, String(totals.failbacks));
  });

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

  test("take every line of the rule that a frame can reach", () => assert.deepEqual(coverageOf(totals.tally).missed, OUT_OF_REACH));

  test("fill small tables: rows are evicted, connections find no room, and moves are refused for that", () => {
    for (const event of ["FLOW_EVICTED", "FLOW_OVERFLOW"]) assert.ok((totals.tally[`Event.${event}`] ?? 0) > 100, event);
    assert.ok((totals.refusals["E_OUT_OF_ROOM"] ?? 0) > 0);
  });

  test("say where a virtual IP is, by ARP and by neighbour discovery", () => {
    for (const event of ["ARP_ANSWERED", "NEIGHBOUR_ANSWERED"]) assert.ok((totals.tally[`Event.${event}`] ?? 0) > 500, event);
    assert.ok(totals.neighbours > 1_000);
  });

  test("believe no redirect tag from outside", () => assert.ok((totals.tally["Drop.SPOOFED_TAG"] ?? 0) > 0));
});
