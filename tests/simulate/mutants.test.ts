/** What the model's mutants lead to is seen by the simulation too, each in one of the fixed seeds, if frames can show it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { FIRMWARE_MUTANTS, STEP_MUTANTS } from "../model-check/mutants.ts";
import { findSeed, editedFiles, runScripted } from "./mutant.ts";
import { SIMULATED_MUTANTS, WRONG_HOST } from "./mutants.ts";

describe("a mutant that a fixed seed shows", () => {
  for (const mutant of SIMULATED_MUTANTS) {
    const { name, seed } = mutant;
    if (seed === null) continue;
    test(`${name}: seed ${seed}`, async () => {
      const found = await findSeed(mutant, { first: seed, last: seed });
      assert.ok(found, "it does not any more: npm run mutants -- --simulate looks for one that does");
    });
  }
});

describe("a mutant that a plan written by hand shows", () => {
  for (const { name, edits, plan, kinds = WRONG_HOST } of SIMULATED_MUTANTS) {
    if (plan === undefined) continue;
    test(name, () => {
      assert.equal(runScripted([], plan), null, "it is the mutant that breaks it");
      const violation = runScripted(edits, plan);
      assert.ok(violation !== null && kinds.includes(violation.kind), JSON.stringify(violation));
    });
  }
});

describe("each mutant of the simulation", () => {
  test("is one of the model's, or says that it is not", () => {
    const names = new Set([...FIRMWARE_MUTANTS, ...STEP_MUTANTS].map(({ name }) => name));
    assert.deepEqual(SIMULATED_MUTANTS.filter(({ name, beyondModel = false }) => names.has(name) === beyondModel), []);
  });

  test("has its places in what runs, once each", () => {
    for (const { edits } of SIMULATED_MUTANTS) editedFiles(edits);
  });

  test("has its line in docs/protocol.md, with what shows it, or why nothing does", () => {
    const section = readFileSync(packagePath("docs", "protocol.md"), "utf8").split("### Mutants in the simulation")[1]!.split(/\n##+ /)[0]!;
    const lines = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| what is broken"));
    const expected = SIMULATED_MUTANTS.map(({ name, seed, plan, why }) => `| ${name} | ${seed ?? (plan ? "by hand" : "none")} | ${why ?? ""} |`.replace("|  |", "| |"));
    assert.deepEqual(lines, expected);
  });
});
