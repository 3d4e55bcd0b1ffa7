/** Node's test runner does not count what is run from within one of its tests, so these go through a process each. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { packagePath } from "../../host/paths.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-node-tests-"));
after(() => rmSync(folder, { recursive: true }));

const RUNNER = pathToFileURL(packagePath("build", "tests", "run", "node-tests.js")).href;

/** The tally of one test file. */
function tallyOf(source: string): unknown {
  const file = join(folder, "sample.test.mjs");
  writeFileSync(file, `import test, { describe, it } from "node:test";\n${source}`);
  const script = join(folder, "run.mjs");
  writeFileSync(
    script,
    `import { watch } from ${JSON.stringify(RUNNER)};
    console.log(JSON.stringify(await watch([${JSON.stringify(file)}], process.stderr)));`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, [script], { encoding: "utf8", env });
  return JSON.parse(stdout);
}

describe("a run of Node tests", () => {
  it("counts each test once, in suites and in tests", () => {
    const source = 'test("a", () => {}); describe("s", () => { it("b", () => {}); it.skip("c", () => {}); });';
    assert.deepEqual(tallyOf(source), { passed: 2, failed: 0, skipped: 1 });
  });

  it("counts a failure once, and not again for what it is in", () => {
    const source = 'describe("s", () => { it("a", () => { throw new Error("no"); }); it("b", () => {}); });';
    assert.deepEqual(tallyOf(source), { passed: 1, failed: 1, skipped: 0 });
  });

  it("fails a file that runs no test", () => {
    assert.deepEqual(tallyOf(""), { passed: 0, failed: 1, skipped: 0 });
  });

  it("fails a file that cannot be loaded", () => {
    assert.deepEqual(tallyOf('throw new Error("no");'), { passed: 0, failed: 1, skipped: 0 });
  });

  it("fails a file that ends with a status after its tests", () => {
    assert.deepEqual(tallyOf('test("a", () => {}); process.on("exit", () => process.exit(3));'), { passed: 1, failed: 1, skipped: 0 });
  });
});
