/** The mutants themselves take minutes (`npm run mutants`); that each still has its place, and its line in the docs, is cheap to see. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { packagePath } from "../../host/paths.ts";
import { mutated, MUTANTS } from "./mutants.ts";

describe("each mutant of the firmware", () => {
  it("has a place in the source, once", () => {
    const lost = MUTANTS.filter((mutant) => mutated(mutant) === null).map(({ name }) => name);
    assert.deepEqual(lost, []);
  });
  it("has its line in docs/protocol.md, which has no others", () => {
    const section = readFileSync(packagePath("docs", "protocol.md"), "utf8").split("## Which test would notice")[1]!.split("\n## ")[0]!;
    const lines = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| what is broken"));
    const expected = MUTANTS.map(({ name, spec }) => `| ${name} | \`${spec}.spec.ts\` |`);
    assert.deepEqual(lines.sort(), expected.sort());
  });
});
