/** The model in small: configurations of a few seconds, and all mutants. `npm run model` is the whole. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { check, checkMutants } from "./check.ts";
import { SMALL_CONFIGURATIONS } from "./configuration.ts";
import { type DocumentedMutant, documentedMutants } from "./documented.ts";
import { compileModelImage } from "./image.ts";

describe("the model", () => {
  let image: Uint8Array;
  before(async () => {
    image = await compileModelImage();
  });

  for (const configuration of SMALL_CONFIGURATIONS) {
    test(`no live connection is answered by a wrong host: ${configuration.name}`, () => {
      const { violation, isExhaustive, states } = check(image, configuration);
      assert.deepEqual(violation, null);
      assert.ok(isExhaustive);
      assert.ok(states > 10_000, `only ${states} states: nothing happens in this model`);
    });
  }

  test("every mutant leads to a violation, in as many steps as docs/protocol.md says", async () => {
    const survivors: string[] = [];
    const caught: DocumentedMutant[] = [];
    for await (const { mutant, fault, checked } of checkMutants(image)) {
      if (checked?.violation) caught.push({ name: mutant.name, steps: checked.violation.trace.length });
      else survivors.push(`${mutant.name}: ${fault ?? `not noticed in ${checked?.states} states`}`);
    }
    assert.deepEqual(survivors, []);
    assert.deepEqual(caught, documentedMutants());
  });
});
