/** A failing plan is made as small as what makes it fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generatePlan } from "../../host/simulate/generate.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import { prune } from "../../host/simulate/prune.ts";
import { shrink } from "../../host/simulate/shrink.ts";

const NEVER = (): boolean => false;

/** A seed with enough of everything. */
function plan(): Plan {
  for (let seed = 1; ; seed++) {
    const candidate = generatePlan(seed);
    if (candidate.faults.length >= 8 && candidate.orders.length >= 5 && candidate.topology.blades.length >= 4) return candidate;
  }
}

test("what does not matter is left out, whatever it is", () => {
  const whole = plan();
  const [flow, order] = [whole.flows[40]!, whole.orders[2]!];
  const faults = [whole.faults[1]!, whole.faults[6]!];
  const fails = ({ flows, orders, faults: left, topology }: Plan): boolean =>
    flows.some(({ id }) => id === flow.id) && orders.includes(order) && faults.every((fault) => left.includes(fault)) && topology.blades.length >= 2;
  const small = shrink(whole, fails, NEVER);
  assert.deepEqual([small.flows.map(({ id }) => id), small.orders, small.faults], [[flow.id], [order], faults]);
  assert.ok(fails(small));
  const named = new Set(small.topology.blades.map(({ name }) => name));
  assert.ok(small.topology.blades.length <= 4, [...named].join());
});

test("steps of a connection are left out too", () => {
  const whole = plan();
  const flow = whole.flows.find((candidate) => candidate.kind === "tcp" && candidate.steps.length >= 5)!;
  const wanted = flow.kind === "tcp" ? flow.steps[3]! : null;
  const fails = ({ flows }: Plan): boolean => flows.some((left) => left.kind === "tcp" && left.steps.includes(wanted!));
  const small = shrink(whole, fails, NEVER);
  assert.deepEqual(small.flows.map((left) => left.kind === "tcp" && left.steps), [[wanted]]);
});

test("when the time is up, what there is so far has to do", () => {
  const whole = plan();
  let runs = 0;
  const small = shrink(whole, () => ++runs > 0, () => runs >= 1);
  assert.ok(runs <= 1);
  assert.ok(small.faults.length < whole.faults.length);
});

test("what names a blade, a switch or a connection that is gone goes with it", () => {
  const whole = plan();
  const [gone, ...blades] = whole.topology.blades;
  const pruned = prune({ ...whole, topology: { ...whole.topology, blades, switches: ["east"] }, flows: whole.flows.slice(1) });
  const text = JSON.stringify([pruned.orders, pruned.faults]);
  assert.ok(!text.includes(gone!.name) && !text.includes("west"), text);
  const ids = new Set(pruned.flows.map(({ id }) => id));
  assert.ok(pruned.flows.every((flow) => flow.kind !== "tcp" || flow.after === null || ids.has(flow.after)));
});
