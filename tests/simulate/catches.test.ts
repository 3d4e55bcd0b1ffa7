/** What the simulation finds it makes small, and writes down. (That it finds what it is there to find: `mutants.test.ts`.) */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { explain, failureText, writeFailure } from "../../host/simulate/failure.ts";
import { readPlan } from "../../host/simulate/plan-file.ts";
import { runSeeds } from "../../host/simulate/run-seeds.ts";
import { Simulator } from "../../host/simulate/simulator.ts";
import { temporaryFolder } from "../cli/run.ts";
import { FIXED_SEEDS, mutantImages } from "./mutant.ts";
import { SIMULATED_MUTANTS } from "./mutants.ts";

const MUTANT = SIMULATED_MUTANTS.find(({ name }) => name === "a hop of another generation is answered")!;
const SEEDS = { first: MUTANT.seed!, last: MUTANT.seed! };
/** Runs that making a plan smaller may take here. */
const SHRINK_RUNS = 80;

const folder = temporaryFolder();

describe("a firmware", () => {
  test("whose previous owners answer for another generation breaks a connection, and a small plan shows it", async () => {
    const images = await mutantImages(MUTANT.edits, SEEDS);
    const { failed } = await runSeeds(SEEDS, images, { failuresMax: 1 });
    const { seed, violations } = failed[0]!;
    assert.ok(["reset", "wrong-host"].includes(violations[0]!.kind), violations[0]!.what);

    let runs = 0;
    const simulator = new Simulator(images);
    const failure = explain(simulator, { seed }, violations[0]!, () => ++runs > SHRINK_RUNS);
    const { plan, shrunk } = failure;
    assert.equal(shrunk!.violation.kind, violations[0]!.kind);
    assert.ok(plan.flows.length <= 40, `${plan.flows.length} flows are left`);
    const text = failureText(failure);
    assert.match(text, new RegExp(`^replay: dobbs simulate --seeds ${seed}$`, "m"));
    assert.match(text, new RegExp(`takes flow ${shrunk!.violation.flow} `));
    const paths = writeFailure(folder, failure);
    assert.equal(readFileSync(paths.text, "utf8"), text);
    assert.deepEqual(simulator.runPlan(readPlan(paths.plan)).violations[0], shrunk!.violation);
  });

  test("whose previous owners say where a virtual IP is is seen to", async () => {
    const from = "localIndexOf(ownerInHistory(packet.bucket, 0))";
    const images = await mutantImages([{ file: "assembly/blade/wire.ts", from, to: "localIndexOf(ownerInHistory(packet.bucket, 1))" }]);
    const { failed } = await runSeeds(FIXED_SEEDS, images, { failuresMax: 1 });
    assert.equal(failed[0]!.violations[0]!.kind, "wrong-neighbour");
  });
});
