/** Runs a range of seeds, on all cores: each core has a process of its own. */
import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { DobbsError } from "../errors.ts";
import type { Images } from "./images.ts";
import type { RunOutcome } from "./run.ts";
import type { ToWorker } from "./seed-worker.ts";
import { addOutcome, noTotals, type Totals } from "./totals.ts";

/** Both included. */
export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

export interface SeedsOptions {
  /** Processes. Default: one a core. */
  readonly workers?: number;
  /** No seed is begun after so many minutes. Default: all are. */
  readonly minutes?: number;
  /** No seed is begun once so many have failed. Default: all are. */
  readonly failuresMax?: number;
  /** Whether a seed is to be run, asked when its turn comes. Default: all are. */
  readonly wants?: (seed: number) => boolean;
  /** Arguments of Node for the processes. Default: those of this one. */
  readonly nodeArguments?: readonly string[];
  /** Called with every outcome, in whatever order they come. */
  readonly onOutcome?: (outcome: RunOutcome) => void;
}

/** Seeds that a worker has at a time: one to run, and one to go on with. */
const AHEAD = 2;

const WORKER = fileURLToPath(new URL("./seed-worker.js", import.meta.url));

/** `images`: any of the ABI of this host; those of a mutant, for one. Seeds that are named are in order. Throws
 *  E_SIMULATION when a process ends before its work does. */
export async function runSeeds({ first, last }: SeedRange, images: Images, options: SeedsOptions = {}): Promise<Totals> {
  const { workers = availableParallelism(), minutes = Infinity, failuresMax = Infinity, wants = () => true, nodeArguments = process.execArgv, onOutcome } = options;
  const totals = noTotals();
  const endMs = performance.now() + minutes * 60_000;
  let next = first;
  const nextSeed = (): number | null => {
    while (next <= last && !wants(next)) next++;
    return next <= last && performance.now() < endMs && totals.failed.length < failuresMax ? next++ : null;
  };
  const count = Math.max(1, Math.min(workers, last - first + 1));
  const work = Array.from({ length: count }, () =>
    workThrough(images, nodeArguments, nextSeed, (outcome) => {
      addOutcome(totals, outcome);
      onOutcome?.(outcome);
    }),
  );
  await Promise.all(work);
  totals.failed.sort((a, b) => a.seed - b.seed);
  totals.withoutOverlap.sort((a, b) => a - b);
  return totals;
}

/** One process, until there are no more seeds. */
function workThrough(
  images: Images,
  nodeArguments: readonly string[],
  nextSeed: () => number | null,
  onOutcome: (outcome: RunOutcome) => void,
): Promise<void> {
  const child = fork(WORKER, { execArgv: [...nodeArguments], serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let running = 0;
  return new Promise((resolve, reject) => {
    const more = (): void => {
      while (running < AHEAD) {
        const seed = nextSeed();
        if (seed === null) break;
        running++;
        send(child, { seed });
      }
      if (running === 0) child.disconnect();
    };
    child.on("message", (outcome: RunOutcome) => {
      running--;
      onOutcome(outcome);
      more();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (running === 0) return resolve();
      const mend = "Run the seeds again, with fewer at a time if memory is short.";
      reject(new DobbsError("E_SIMULATION", `a simulating process has ended (${signal ?? `exit status ${code}`})`, mend, 1));
    });
    send(child, { images });
    more();
  });
}

function send(child: ChildProcess, message: ToWorker): void {
  child.send(message);
}
