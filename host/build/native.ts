/** Builds the Node-API binding (Rust) and puts it where the engine looks for it: `build/native/dobbs.node`. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";

export const NATIVE_PATH = packagePath("build", "native", "dobbs.node");
export const CARGO_WORKSPACE = packagePath("host", "native");

const BUILD = ["build", "--release", "--locked", "--workspace"];
const LIBRARIES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "libdobbs_node.dylib",
  win32: "dobbs_node.dll",
};
const LIBRARY = LIBRARIES[process.platform] ?? "libdobbs_node.so";

export function isNativeBuilt(): boolean {
  return existsSync(NATIVE_PATH);
}

/** cargo decides what is up to date. All of the workspace in one go, so that `cargo test --release` has nothing left
 *  to compile but the tests. Returns whether the binding changed. Throws E_BUILD_NATIVE; cargo has said why on stderr. */
export function buildNative(quiet: boolean): boolean {
  const { status, error } = spawnSync("cargo", [...BUILD, ...(quiet ? ["--quiet"] : [])], {
    cwd: CARGO_WORKSPACE,
    stdio: ["ignore", 2, 2],
  });
  if (error || status !== 0) {
    const mend = "Correct what cargo names above; it needs Rust 1.95 and a C compiler.";
    throw new DobbsError("E_BUILD_NATIVE", `cargo did not build host/native: ${error?.message ?? `exit status ${status}`}`, mend, 1);
  }
  return place(join(targetFolder(), "release", LIBRARY));
}

function targetFolder(): string {
  return process.env.CARGO_TARGET_DIR ?? join(CARGO_WORKSPACE, "target");
}

function place(library: string): boolean {
  if (existsSync(NATIVE_PATH) && statSync(NATIVE_PATH).mtimeMs >= statSync(library).mtimeMs) return false;
  mkdirSync(dirname(NATIVE_PATH), { recursive: true });
  // A process that has the old one loaded keeps it: the new one is another file.
  const fresh = `${NATIVE_PATH}.new`;
  copyFileSync(library, fresh);
  renameSync(fresh, NATIVE_PATH);
  return true;
}
