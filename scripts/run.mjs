#!/usr/bin/env node
/**
 * What stands behind `npm start`, `npm test` and the other scripts: `node scripts/run.mjs <task> [arguments]`.
 * It works as the first thing typed in a fresh clone: it checks the tools, installs, compiles, builds what is not up to
 * date, and then does the task. It uses nothing but Node. What it says goes to stderr; stdout belongs to the task.
 */
import { installPackages } from "./install.mjs";
import { compileTypeScript } from "./compile.mjs";
import { Failure, handOver, runNode, say } from "./process.mjs";
import { checkTools } from "./tools.mjs";

/** By task: the program that does it, and its arguments before those of the command line. */
const TASKS = {
  start: ["build/host/cli/dobbs.js", "demo"],
  dobbs: ["build/host/cli/dobbs.js"],
  simulate: ["build/host/cli/dobbs.js", "simulate"],
  test: ["build/tests/run/main.js"],
  check: ["build/tests/run/main.js", "--without", "permute", "--without", "fuzz", "--without", "emulator"],
  permute: ["build/tests/permute/main.js"],
  mutants: ["build/tests/mutants/main.js"],
  model: ["build/tests/model-check/main.js"],
  bench: ["build/host/bench/main.js"],
  build: ["build/host/build/main.js"],
};
/** Here a person wants to see the task, not that all was up to date. */
const QUIET_TASKS = ["start", "dobbs", "simulate", "bench"];

const [task = "", ...args] = process.argv.slice(2);

try {
  if (!Object.hasOwn(TASKS, task)) {
    throw new Failure(`there is no task "${task}"`, `Use one of ${Object.keys(TASKS).join(", ")}.`);
  }
  checkTools();
  installPackages();
  compileTypeScript();
  if (task !== "build") runNode([...TASKS.build, ...(QUIET_TASKS.includes(task) ? ["--quiet"] : [])], "the build failed");
  process.exitCode = await handOver([...TASKS[task], ...args]);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(`\ndobbs: ${error.message}`);
  if (error.mend) say(error.mend);
  process.exitCode = 1;
}
