/** The command line of the build. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { packagePath } from "../../host/paths.ts";

/** How it is called by the other scripts, and by people. */
const WAYS = [["build/host/build/main.js"], ["scripts/run.mjs", "build"]];

for (const way of WAYS) {
  describe(way.join(" "), () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [...way, ...args], { cwd: packagePath(), encoding: "utf8", timeout: 60_000 });

    test("an option that there is not is refused, and nothing is built", () => {
      const { status, stdout, stderr } = run("--quite");
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /^error E_USAGE: Unknown option '--quite'\n  mend: Usage: npm run build -- \[--quiet\] \[images\|native\]\.\.\.\n$/m);
      assert.doesNotMatch(stderr, /firmware images/);
    });

    test("so is a step that there is not, though another one is named", () => {
      for (const name of ["imags", "constructor"]) {
        const { status, stderr } = run("images", name);
        assert.equal(status, 2);
        assert.match(stderr, new RegExp(`^error E_USAGE: there is no build step "${name}"\n  mend: Use images or native, or none of them for all\\.$`, "m"));
        assert.doesNotMatch(stderr, /firmware images/);
      }
    });

    test("its help says what can be named", () => {
      const { status, stdout } = run("--help");
      assert.deepEqual([status, stdout], [0, "Usage: npm run build -- [--quiet] [images|native]...\n"]);
    });
  });
}
