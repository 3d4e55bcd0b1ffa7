/** A seed says everything: the same run again, also from a plan that was written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generatePlan } from "../../host/simulate/generate.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import { runSeeds } from "../../host/simulate/run-seeds.ts";
import { Simulator } from "../../host/simulate/simulator.ts";
import { IMAGES } from "./images.ts";

const SEED = 11;
const simulator = new Simulator(IMAGES);

test("a seed gives one plan, and another seed another", () => {
  assert.deepEqual(generatePlan(SEED), generatePlan(SEED));
  assert.notDeepEqual(generatePlan(SEED).flows, generatePlan(SEED + 1).flows);
});

test("a plan is data: written down and read again, it gives the same run", () => {
  const plan = JSON.parse(JSON.stringify(generatePlan(SEED))) as Plan;
  assert.deepEqual(simulator.runPlan(plan, new Set([1])), simulator.runPlan(generatePlan(SEED), new Set([1])));
});

test("the run in a process of its own is the same", async () => {
  const here = simulator.runSeed(SEED);
  const outcomes: unknown[] = [];
  await runSeeds({ first: SEED, last: SEED }, IMAGES, { workers: 1, onOutcome: (outcome) => outcomes.push(outcome) });
  assert.deepEqual(outcomes, [{ ...here }]);
});
