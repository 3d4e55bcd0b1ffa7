/** The command lines of what stands behind `npm run`: the build, the test runner, the mutants, the model, the permutation. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { DobbsError } from "./errors.ts";

/** What `parseArgs` finds in the command line. What is wrong there ends the program with status 2, the error and `usage`. `--help`: `usage`, and 0. */
export function readArguments<T extends ParseArgsConfig>(config: T, usage: string): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((arg) => arg === "--help" || arg === "-h")) {
    process.stdout.write(`Usage: ${usage}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    refuseArguments(error.message.split(". To specify")[0]!, `Usage: ${usage}`);
  }
}

/** Tells what is wrong with the command line, and ends the program with status 2. */
export function refuseArguments(problem: string, remedy: string): never {
  const { code, message, mend, exitStatus } = new DobbsError("E_USAGE", problem, remedy);
  process.stderr.write(`error ${code}: ${message}\n  mend: ${mend}\n`);
  process.exit(exitStatus);
}
