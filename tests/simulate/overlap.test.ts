/** A run overlaps moves with enough live connections, whatever was cut just before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generatePlan } from "../../host/simulate/generate.ts";
import { Simulator } from "../../host/simulate/simulator.ts";
import { IMAGES } from "./images.ts";

/** Plans that are made smaller leave ids out. */
for (const from of [0, 40]) {
  test(`connections that a failure cuts just before the last moves begin anew, so that there are enough to overlap with (ids from ${from})`, () => {
    const plan = generatePlan(34);
    const blades = plan.topology.blades.map(({ name }) => name);
    assert.equal(blades.length, 2);
    const fail = { kind: "fail", blade: blades[1]!, atUs: plan.calmUs + 1_000_000, force: false } as const;
    const flows = plan.flows.filter(({ kind, id }) => kind === "tcp" && id >= from);
    const { violations, counts } = new Simulator(IMAGES).runPlan({ ...plan, flows, faults: [], orders: [fail] });
    assert.deepEqual(violations, []);
    assert.deepEqual(counts.orders["fail"], 1);
    const { cut = 0 } = counts.outcomes;
    assert.ok(cut > 20, JSON.stringify(counts.outcomes));
    assert.ok(counts.connections > flows.length + 10, `${counts.connections} of ${flows.length} planned`);
    assert.ok(counts.overlaps > 0);
  });
}
