/** What must be on the machine before anything can be built. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, ROOT } from "./process.mjs";

/** Throws a Failure that names the tool, the version that is needed, and what is there. */
export function checkTools() {
  const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  demand("Node", process.versions.node, engines.node.replace(/^>=/, ""), "Install it from https://nodejs.org, or with a version manager.");

  const workspace = readFileSync(join(ROOT, "host", "native", "Cargo.toml"), "utf8");
  const rust = /^rust-version = "([\d.]+)"/m.exec(workspace)[1];
  demand("Rust (rustc)", versionOf("rustc"), rust, "Install it with rustup: https://rustup.rs");
  demand("cargo", versionOf("cargo"), rust, "Install it with rustup: https://rustup.rs");

  const linker = process.env.CC ?? "cc";
  if (versionOf(linker) === undefined) {
    throw new Failure(`there is no C compiler (${linker}), which Rust links with`, "Install one: gcc or clang; on Debian: apt-get install gcc libc6-dev");
  }
}

function demand(tool, found, needed, mend) {
  if (found === undefined) throw new Failure(`there is no ${tool}; it needs ${needed} or later`, mend);
  if (isOlder(found, needed)) throw new Failure(`${tool} is ${found}; it needs ${needed} or later`, mend);
}

/** The first version number that `command --version` prints; undefined when it cannot be run. */
function versionOf(command) {
  const { stdout, status } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? (/\d+(\.\d+)+/.exec(stdout)?.[0] ?? "0") : undefined;
}

function isOlder(found, needed) {
  const [a, b] = [found, needed].map((version) => version.split(".").map(Number));
  const part = b.findIndex((number, i) => number !== (a[i] ?? 0));
  return part >= 0 && (a[part] ?? 0) < b[part];
}
