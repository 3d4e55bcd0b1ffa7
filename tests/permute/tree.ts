/** A copy of the working tree in which the firmware and the boards may be changed. */
import { cpSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packagePath } from "../../host/paths.ts";

/** Not copied: what git keeps, and what is large and shared. */
const LEFT_OUT = new Set([".git", "build", "node_modules"]);
/** Of the build: what does not depend on the firmware. Nothing of `host/` is compiled anew for the copy. */
const BUILT = ["host", "tests", "native"];

/** Returns the folder. */
export function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), "dobbs-permuted-"));
  for (const name of readdirSync(packagePath())) {
    if (LEFT_OUT.has(name)) continue;
    cpSync(packagePath(name), join(copy, name), { recursive: true, filter: (path) => !path.endsWith(join("native", "target")) });
  }
  for (const name of BUILT) cpSync(packagePath("build", name), join(copy, "build", name), { recursive: true });
  symlinkSync(packagePath("node_modules"), join(copy, "node_modules"));
  return copy;
}
