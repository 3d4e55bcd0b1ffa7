/** What the model's mutants lead to is seen by the simulation too, each in one of the fixed seeds, if frames can show it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { FIRMWARE_MUTANTS, STEP_MUTANTS } from "../model-check/mutants.ts";
import { findSeed, editedFiles } from "./mutant.ts";
import { SIMULATED_MUTANTS } from "./mutants.ts";

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

describe("each mutant of the simulation", () => {
  test("is one of the model's", () => {
    const names = new Set([...FIRMWARE_MUTANTS, ...STEP_MUTANTS].map(({ name }) => name));
    assert.deepEqual(SIMULATED_MUTANTS.map(({ name }) => name).filter((name) => !names.has(name)), []);
  });

  test("has its places in what runs, once each", () => {
    for (const { edits } of SIMULATED_MUTANTS) editedFiles(edits);
  });

  test("has its line in docs/protocol.md, with the seed or why there is none", () => {
    const section = readFileSync(packagePath("docs", "protocol.md"), "utf8").split("### Mutants in the simulation")[1]!.split(/\n##+ /)[0]!;
    const lines = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| what is broken"));
    const expected = SIMULATED_MUTANTS.map(({ name, seed, why }) => `| ${name} | ${seed ?? "none"} | ${why ?? ""} |`.replace("|  |", "| |"));
    assert.deepEqual(lines, expected);
  });
});
