/** The simulation finds what it is there to find: a firmware that is broken in one place fails within the fixed seeds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { explain, failureText, writeFailure } from "../../host/simulate/failure.ts";
import { generatePlan } from "../../host/simulate/generate.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import type { RunOutcome } from "../../host/simulate/run.ts";
import { runSeeds } from "../../host/simulate/run-seeds.ts";
import { Simulator } from "../../host/simulate/simulator.ts";
import { temporaryFolder } from "../cli/run.ts";
import { mutantImages } from "./mutant.ts";

const SEEDS = { first: 1, last: 200 };
const DECIDE = "assembly/decide.ts";
/** Runs that making a plan smaller may take here. */
const SHRINK_RUNS = 80;

const folder = temporaryFolder();

const failedOf = (outcome: RunOutcome): RunOutcome | null => (outcome.violations.length > 0 ? outcome : null);

describe("a firmware", () => {
  test("whose previous owners answer for another generation breaks a connection, and a small plan shows it", async () => {
    const images = await mutantImages(DECIDE, "if (ahead != 0) return drop(Rule.HOP_STALE, Drop.STALE_HOP);", "");
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 2 });
    // The run that fails soonest is the shortest to run again.
    const { seed, violations } = failed.reduce((a, b) => (b.violations[0]!.atUs < a.violations[0]!.atUs ? b : a));
    assert.ok(["reset", "wrong-host"].includes(violations[0]!.kind), violations[0]!.what);

    let runs = 0;
    const simulator = new Simulator(images);
    const failure = explain(simulator, seed, violations[0]!, () => ++runs > SHRINK_RUNS);
    const { plan, shrunk } = failure;
    assert.equal(shrunk!.violation.kind, violations[0]!.kind);
    assert.ok(plan.flows.length <= 40, `${plan.flows.length} flows are left`);
    const text = failureText(failure);
    assert.match(text, new RegExp(`^replay: dobbs simulate --seeds ${seed}$`, "m"));
    assert.match(text, new RegExp(`takes flow ${shrunk!.violation.flow} `));
    const paths = writeFailure(folder, failure);
    assert.equal(readFileSync(paths.text, "utf8"), text);
    const read = JSON.parse(readFileSync(paths.plan, "utf8")) as Plan;
    assert.deepEqual(simulator.runPlan(read).violations[0], shrunk!.violation);
  });

  test("whose previous owners say no before they can know breaks a connection", async () => {
    const images = await mutantImages(DECIDE, "if (!complete) return drop(Rule.HOP_NOT_COMPLETE, Drop.NOT_COMPLETE);", "");
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 1 });
    assert.ok(["reset", "wrong-host"].includes(failed[0]!.violations[0]!.kind));
  });

  test("that delivers a final redirect of an assignment that is not in force any more breaks a connection", async () => {
    const deliver = "return deliver(Rule.FINAL_CURRENT, Action.RECORD);";
    const images = await mutantImages(DECIDE, `if (ahead == 0 && index == 0) ${deliver}`, deliver);
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 1 });
    assert.ok(["reset", "wrong-host"].includes(failed[0]!.violations[0]!.kind));
  });

  test("that evicts rows of previous owners breaks a connection where tables are small", async () => {
    const guard = "if (indexInHistory(flow.bucket, localOwnerAt(flow.owner).owner) > 0) return false;";
    const images = await mutantImages("assembly/flows.ts", guard, "");
    const simulator = new Simulator(images);
    // Others have room for all of their connections.
    const seeds = Array.from({ length: SEEDS.last }, (_, at) => SEEDS.first + at).filter((seed) => generatePlan(seed).topology.cramped);
    const caught = seeds.reduceRight<RunOutcome | null>((found, seed) => found ?? failedOf(simulator.runSeed(seed)), null);
    assert.ok(["reset", "wrong-host"].includes(caught?.violations[0]!.kind ?? "none"));
  });

  test("whose previous owners say where a virtual IP is is seen to", async () => {
    const images = await mutantImages("assembly/blade/wire.ts", "localIndexOf(ownerInHistory(packet.bucket, 0))", "localIndexOf(ownerInHistory(packet.bucket, 1))");
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 1 });
    assert.equal(failed[0]!.violations[0]!.kind, "wrong-neighbour");
  });

  test("that resteers for ever is seen to", async () => {
    const guard = "if (index != 0 || ahead > 0) return drop(Rule.RESTEER_STALE, Drop.STALE_RESTEER);";
    const images = await mutantImages(DECIDE, guard, "");
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 1 });
    assert.ok(failed.length > 0);
  });
});
