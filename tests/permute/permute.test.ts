/** One source of truth: no host code knows a number of the ABI, or the suite would fail on a permuted one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";
import { packagePath } from "../../host/paths.ts";

const SEED = "1";

it("whatever of host/ meets an image passes its tests with fields, codes and table sizes permuted, and host/ untouched", () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [packagePath("build", "tests", "permute", "main.js"), "--seed", SEED, "--quick"], {
    encoding: "utf8",
    env,
    maxBuffer: 2 ** 28,
  });
  const said = stdout + stderr;
  assert.equal(status, 0, said);
  const closings = said.match(/^\d+ passed, 0 failed$/gm) ?? [];
  assert.equal(closings.length, 2, said);
});
