/** `dobbs simulate`: random appliances under random traffic, reconfigurations and faults, each from a seed. */
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { explain, failureText, replayCommand, violationText, writeFailure } from "../simulate/failure.ts";
import { builtImages, type Images } from "../simulate/images.ts";
import { readPlan } from "../simulate/plan-file.ts";
import { simulationJson, simulationText } from "../simulate/report.ts";
import { runSeeds, type SeedRange } from "../simulate/run-seeds.ts";
import { Simulator } from "../simulate/simulator.ts";
import { addOutcome, noTotals } from "../simulate/totals.ts";
import { boardOption, jsonOption, type JsonOption, wholeNumber } from "./options.ts";
import { print, printJson } from "./output.ts";

const SEED_MAX = 2 ** 32 - 1;
const SEEDS_DEFAULT: SeedRange = { first: 1, last: 200 };
/** Failed seeds that are made smaller, and how long each may take. */
const EXPLAINED_MAX = 3;
const SHRINK_SECONDS = 60;
/** Between two lines that say how far it is. */
const PROGRESS_MS = 10_000;

const HELP = `
Each seed makes an appliance (2 to 16 blades, some with VMs; 1 or 2 switches), traffic of many kinds, orders
(add, drain, remove, fail, move, weights, failover) and faults (loss, duplication, reordering, partition,
crashes, restarts, traps, messages lost, late, repeated or cut off, clocks that run wrong), and lets all of it
happen to the real firmware images and the production supervisor in virtual time. Scripted hosts answer RST
to whatever they do not know, as a kernel does. At every frame it is checked that

  no live connection's segment draws a RST or another host's answer, while the blade that has it lives and is
  not declared failed; no frame is redirected more than 5 times; no payload is lost or changed; only the current
  owner says where a virtual IP is; counters add up

and, once nothing fails any more, that every bucket settles, every history empties and every drain ends.
A seed that fails is made smaller, and written down as text that a person can read, and as a plan for --plan.

Examples:
  dobbs simulate                                   seeds 1 to 200
  dobbs simulate --seeds 1..10000 --minutes 30
  dobbs simulate --seeds 4711                      one seed again
  dobbs simulate --plan build/simulate/seed-4711.json

Exit codes: 0 no violation; 1 a violation, or no seed was begun in time; 2 wrong usage, or a plan that is none.`;

interface SimulateOptions extends JsonOption {
  readonly seeds: SeedRange;
  readonly minutes?: number;
  readonly workers: number;
  readonly board: string;
  readonly plan?: string;
  readonly traces: string;
}

export function simulateCommand(): Command {
  return new Command("simulate")
    .summary("try the rule and the supervisor against random faults, seed by seed")
    .description("Runs random appliances, traffic, reconfigurations and faults, and checks that no connection is broken.")
    .addOption(new Option("--seeds <a..b>", "seeds to run, or one").argParser(seedRange).default(SEEDS_DEFAULT, "1..200"))
    .addOption(new Option("--minutes <m>", "begin no seed after so many minutes").argParser(minutes))
    .addOption(new Option("--workers <n>", "processes").argParser(wholeNumber(1, 1_024)).default(availableParallelism(), "one a core"))
    .addOption(new Option("--plan <file>", "run this plan, and print its trace").conflicts("seeds"))
    .addOption(new Option("--traces <folder>", "where failed seeds are written down").default(packagePath("build", "simulate")))
    .addOption(boardOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(simulateAction);
}

async function simulateAction(options: SimulateOptions): Promise<void> {
  const { board, plan } = options;
  const images = builtImages(board);
  const failed = plan === undefined ? await runRange(images, options) : runOne(new Simulator(images), plan, options);
  if (failed) process.exitCode = 1;
}

/** Whether one failed. Throws E_SIMULATION_TIME when none was begun. */
async function runRange(images: Images, { seeds, minutes, workers, board, traces, json }: SimulateOptions): Promise<boolean> {
  const asked = { seeds: seeds.last - seeds.first + 1, board };
  let done = 0;
  let saidMs = Date.now();
  const totals = await runSeeds(seeds, images, {
    workers,
    ...(minutes !== undefined && { minutes }),
    onOutcome: ({ seed, violations }) => {
      done++;
      if (violations[0]) process.stderr.write(`seed ${seed}: ${violationText(violations[0])}\n`);
      if (Date.now() - saidMs < PROGRESS_MS) return;
      saidMs = Date.now();
      process.stderr.write(`${done} of ${asked.seeds} seeds\n`);
    },
  });
  if (totals.seeds === 0) throw noneBegun(asked.seeds, minutes!);
  if (json) printJson(simulationJson(totals, asked));
  else print(simulationText(totals, asked));
  for (const { seed, violations } of totals.failed.slice(0, EXPLAINED_MAX)) {
    const endMs = Date.now() + SHRINK_SECONDS * 1_000;
    const failure = explain(new Simulator(images), { seed, board }, violations[0]!, () => Date.now() > endMs);
    const paths = writeFailure(traces, failure);
    process.stderr.write(`\nseed ${seed}, made smaller: ${paths.text}\n  replay: ${replayCommand({ seed, board, plan: paths.plan })}\n`);
  }
  return totals.failed.length > 0;
}

function runOne(simulator: Simulator, path: string, { board, json }: SimulateOptions): boolean {
  const plan = readPlan(path);
  const ran = { seed: plan.seed, plan: path, board };
  const asked = { ...ran, seeds: 1 };
  const first = simulator.runPlan(plan);
  const [violation] = first.violations;
  const totals = addOutcome(noTotals(), first);
  if (json) {
    printJson(simulationJson(totals, asked));
  } else if (violation) {
    const { trace } = simulator.runPlan(plan, new Set(violation.flow === null ? [] : [violation.flow]));
    print(failureText({ ran, violation, plan, shrunk: { violation, trace } }));
  } else {
    print(simulationText(totals, asked));
  }
  return violation !== undefined;
}

function noneBegun(seeds: number, minutes: number): DobbsError {
  const message = `0 of ${seeds} seeds were begun: --minutes ${minutes} was over before`;
  return new DobbsError("E_SIMULATION_TIME", message, "Give it more --minutes.", 1);
}

function seedRange(text: string): SeedRange {
  const [, from, to] = /^(\d+)(?:\.\.(\d+))?$/.exec(text) ?? [];
  const first = Number(from);
  const last = to === undefined ? first : Number(to);
  if (from !== undefined && first <= last && last <= SEED_MAX) return { first, last };
  throw new InvalidArgumentError(`Write a seed, or two with .. between them, from 0 to ${SEED_MAX}: 1..200`);
}

function minutes(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}
