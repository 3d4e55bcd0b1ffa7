/** Starts other programs, in the package's root. */
import { spawn, spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Something that a person can mend; `mend` says how. */
export class Failure extends Error {
  constructor(message, mend) {
    super(message);
    this.mend = mend;
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs a step; all that it prints goes to stderr. Throws a Failure that begins with `failure` when it fails. */
export function runStep(command, args, failure) {
  const { status, signal, error } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (error) throw new Failure(`${failure}: ${error.message}`);
  if (status !== 0) throw new Failure(`${failure}: ${signal ?? `exit status ${status}`}`, "See above.");
}

export function runNode(args, failure) {
  runStep(process.execPath, args, failure);
}

/** Runs a program of ours in place of this one: same stdin, stdout and stderr. Returns its exit status. */
export function handOver(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
    // The terminal sends its signals to the child as well; it decides what they mean.
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 1));
  });
}
