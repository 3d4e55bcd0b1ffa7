/** What the mutants lead to takes the model (`model-check.test.ts`); that each has its line in the docs is cheap to see. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { documentedMutants } from "./documented.ts";
import { FIRMWARE_MUTANTS, STEP_MUTANTS } from "./mutants.ts";

describe("each mutant of the model", () => {
  it("has its line in docs/protocol.md, which has no others", () => {
    const names = [...FIRMWARE_MUTANTS, ...STEP_MUTANTS].map(({ name }) => name);
    assert.deepEqual(documentedMutants().map(({ name }) => name), names);
  });
});
