/** Compiles the TypeScript of `host/` and `tests/` to `build/`. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runNode, say } from "./process.mjs";

const FOLDERS = ["host", "tests"];
const OUTPUT = /\.(js|js\.map|d\.ts)$/;

export function compileTypeScript() {
  const fresh = !existsSync(join(ROOT, "build", "host"));
  if (fresh) say("compiling TypeScript (tsc -> build/host, build/tests)");
  for (const folder of FOLDERS) removeOrphans(folder);
  runNode([join("node_modules", "typescript", "bin", "tsc"), "-b"], "TypeScript does not compile");
}

/** What was compiled from a source that is gone would still be found, and a test be run. */
function removeOrphans(folder) {
  const output = join(ROOT, "build", folder);
  if (!existsSync(output)) return;
  for (const name of readdirSync(output, { recursive: true })) {
    if (OUTPUT.test(name) && !existsSync(join(ROOT, folder, name.replace(OUTPUT, ".ts")))) rmSync(join(output, name));
  }
}
