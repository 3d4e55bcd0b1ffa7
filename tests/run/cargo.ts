/** Runs the tests of the cargo workspace. */
import { CARGO_WORKSPACE } from "../../host/build/native.ts";
import { run } from "./command.ts";
import { add, type Tally } from "./tally.ts";

// The release profile, since the binding is built with it: nothing of wasmtime is compiled twice.
const ARGUMENTS = ["test", "--workspace", "--release", "--locked", "--quiet"];
const RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
const SKIPPED = /^SKIPPED \S+: ./gm;

export async function runCargo(out: NodeJS.WritableStream): Promise<Tally> {
  const { status, stdout } = await run("cargo", ARGUMENTS, CARGO_WORKSPACE, out, { CARGO_TERM_COLOR: "never" });
  const tally = countCargo(stdout);
  // What does not compile, or is killed, prints no count.
  return status !== 0 && tally.failed === 0 ? add(tally, { passed: 0, failed: 1, skipped: 0 }) : tally;
}

/** Sums the results that cargo prints, one for each test binary. libtest cannot skip while it runs: a test that finds
 *  that it cannot be run says so in a line `SKIPPED <name>: <reason>`, and is counted as passed by libtest. */
export function countCargo(stdout: string): Tally {
  const skipped = stdout.match(SKIPPED)?.length ?? 0;
  let tally: Tally = { passed: -skipped, failed: 0, skipped };
  for (const [, passed, failed, ignored] of stdout.matchAll(RESULT)) {
    tally = add(tally, { passed: Number(passed), failed: Number(failed), skipped: Number(ignored) });
  }
  return tally;
}
