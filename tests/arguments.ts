/** The command lines of what is run here by hand: the test runner, the mutants, the model, the permutation. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { report } from "../host/cli/output.ts";
import { DobbsError } from "../host/errors.ts";

/** What `read` finds in the command line. What is wrong there ends the program with status 2, the error and `usage`. `--help`: `usage`, and 0. */
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

/** Ends the program with status 2. */
export function refuseArguments(message: string, mend: string): never {
  process.exit(report(new DobbsError("E_USAGE", message, mend), false));
}
