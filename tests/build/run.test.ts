/** The test run itself: what fails must be counted, and what runs nothing must not pass. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Writable } from "node:stream";
import { after, describe, it } from "node:test";
import { loadBoard } from "../../host/boards/board-file.ts";
import { packagePath } from "../../host/paths.ts";
import { countCargo } from "../run/cargo.ts";
import { runSpec } from "../run/specs.ts";
import { describe as describeTally } from "../run/tally.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-run-"));
after(() => rmSync(folder, { recursive: true }));

const board = loadBoard("tiny");

async function spec(source: string): Promise<{ tally: string; said: string }> {
  let said = "";
  const out = new Writable({
    write(chunk, _encoding, done) {
      said += chunk;
      done();
    },
  });
  const file = join(folder, "sample.spec.ts");
  writeFileSync(file, source);
  const tally = describeTally(await runSpec(relative(packagePath(), file), board, out));
  return { tally, said };
}

describe("a run of specs", () => {
  it("counts what passes", async () => {
    const { tally } = await spec('describe("a", () => { it("b", () => { expect<i32>(1).toBe(1); }); });');
    assert.equal(tally, "1 passed, 0 failed");
  });

  it("counts an expectation that fails, and goes on", async () => {
    const { tally, said } = await spec(
      'describe("a", () => { it("b", () => { expect<i32>(1).toBe(2); }); it("c", () => { expect<i32>(1).toBe(1); }); });',
    );
    assert.equal(tally, "1 passed, 1 failed");
    assert.match(said, /b/);
  });

  it("counts a trap", async () => {
    const { tally } = await spec('describe("a", () => { it("b", () => { unreachable(); }); });');
    assert.equal(tally, "0 passed, 1 failed");
  });

  it("fails a group that stops before its tests", async () => {
    const { tally } = await spec('describe("a", () => { unreachable(); });');
    assert.equal(tally, "0 passed, 1 failed");
  });

  it("fails a file without a test", async () => {
    const { tally, said } = await spec('describe("a", () => {});');
    assert.equal(tally, "0 passed, 1 failed");
    assert.match(said, /ran no test/);
  });

  it("fails a file that does not compile", async () => {
    const { tally, said } = await spec("nonsense(;");
    assert.equal(tally, "0 passed, 1 failed");
    assert.match(said, /does not compile/);
  });
});

describe("counting cargo's results", () => {
  it("sums those of all test binaries", () => {
    const text = [
      "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
      "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
    ].join("\n");
    assert.equal(describeTally(countCargo(text)), "15 passed, 2 failed, 1 skipped");
  });

  it("takes a test that says that it could not be run for skipped", () => {
    const text = "running 2 tests\n\nSKIPPED tap: not root\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    assert.deepEqual(countCargo(text), { passed: 1, failed: 0, skipped: 1 });
  });
});
