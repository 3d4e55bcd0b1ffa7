/** Builds what is Rust: the Node-API binding, `build/native/dobbs.node`, and the shim, `build/native/dobbs-shim`. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";

export const NATIVE_PATH = packagePath("build", "native", "dobbs.node");
export const SHIM_PATH = packagePath("build", "native", "dobbs-shim");
export const CARGO_WORKSPACE = packagePath("host", "native");

const BUILD = ["build", "--release", "--locked", "--workspace"];
const LIBRARIES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "libdobbs_node.dylib",
  win32: "dobbs_node.dll",
};
const LIBRARY = LIBRARIES[process.platform] ?? "libdobbs_node.so";

/** The shim has ports of Linux. */
const HAS_SHIM = process.platform === "linux";
const WORKSPACE = HAS_SHIM ? [] : ["--exclude", "dobbs-shim"];

export function isNativeBuilt(): boolean {
  return existsSync(NATIVE_PATH) && (existsSync(SHIM_PATH) || !HAS_SHIM);
}

/** cargo decides what is up to date. All of the workspace in one go, so that `cargo test --release` has nothing left
 *  to compile but the tests. Throws E_BUILD_NATIVE; cargo has said why on stderr. */
export function buildNative(quiet: boolean): void {
  const { status, error } = spawnSync("cargo", [...BUILD, ...WORKSPACE, ...(quiet ? ["--quiet"] : [])], {
    cwd: CARGO_WORKSPACE,
    stdio: ["ignore", 2, 2],
  });
  if (error || status !== 0) {
    const mend = "Correct what cargo names above; it needs Rust 1.95 and a C compiler.";
    throw new DobbsError("E_BUILD_NATIVE", `cargo did not build host/native: ${error?.message ?? `exit status ${status}`}`, mend, 1);
  }
  place(LIBRARY, NATIVE_PATH);
  if (HAS_SHIM) place("dobbs-shim", SHIM_PATH);
}

function targetFolder(): string {
  return process.env.CARGO_TARGET_DIR ?? join(CARGO_WORKSPACE, "target");
}

function place(product: string, path: string): void {
  const built = join(targetFolder(), "release", product);
  if (existsSync(path) && statSync(path).mtimeMs >= statSync(built).mtimeMs) return;
  mkdirSync(dirname(path), { recursive: true });
  // A process that runs the old one keeps it: the new one is another file.
  const fresh = `${path}.new`;
  copyFileSync(built, fresh);
  renameSync(fresh, path);
}
