#!/usr/bin/env node
/** `npm run bench`: how long the firmware takes for a packet. */
import { Command, CommanderError, Option } from "commander";
import { readImage } from "../boards/image-file.ts";
import { jsonOption, type JsonOption, wholeNumber } from "../cli/options.ts";
import { print, printJson, report } from "../cli/output.ts";
import { openEngine } from "../engine/open.ts";
import { DobbsError } from "../errors.ts";
import { BATCH } from "./batch.ts";
import { Case, type Contestant } from "./case.ts";
import { FLOWS_MAX } from "./flows.ts";
import { machine } from "./machine.ts";
import { type BenchReport, textOf, UNBOUNDED, V8, WASMTIME } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { FRAME_BYTES } from "./segment.ts";

/** The board whose flow table is large enough for caches to matter. */
const BOARD = "linux-x86_64";
const FLOWS = [1_000, 1_000_000];
const ROUNDS = 33;
const ROUNDS_MAX = 10_000;
/** The rounds of a case are spread over so many passes through all cases, since machines have slow minutes. */
const PASSES = 3;
const BATCHES_PER_ROUND = 64;
const SEED = 1;

const HELP = `
Examples:
  npm run bench                                    all scenarios, at 1,000 and 1,000,000 flows
  npm run bench -- --scenario settled egress       only these
  npm run bench -- --rounds 101 --json             more rounds, for a machine that does other things too

With --json: {"board", "frameBytes", "batch", "batchesPerRound", "rounds", "seed", "machine": {...}, "engines": [...],
"results": [{"scenario", "flows", "rowsHeld", "order", "engines": {"<engine>": {"nsPerPacket": {"median", "lowest",
"highest"}, "ratioTo": {"<other>": ...}}}, "fuel": {"perPacket", "worst"}, "eventsPerPacket": {...}}]}.

Exit codes: 0 done; 1 a frame did not take the way that is measured, or engines differ; 2 wrong usage, or no image.`;

interface BenchOptions extends JsonOption {
  readonly rounds: number;
  readonly flows: readonly number[];
  readonly scenario: readonly string[];
}

function benchCommand(): Command {
  const names = SCENARIOS.map(({ name }) => name);
  return new Command("bench")
    .description("Measures how long the firmware alone takes for a packet, on wasmtime and V8.")
    .usage("[options]")
    .addOption(new Option("--scenario <name...>", "only these").choices(names).default(names, "all"))
    .addOption(new Option("--flows <n...>", "flows that the frames are of").argParser(listOf(wholeNumber(BATCH, FLOWS_MAX))).default(FLOWS))
    .addOption(new Option("--rounds <n>", "rounds that the medians are of").argParser(wholeNumber(1, ROUNDS_MAX)).default(ROUNDS))
    .addOption(jsonOption())
    .helpOption("-h, --help", "print this manual")
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .action(bench);
}

/** A parser of an option that may be given several values. */
function listOf(parse: (text: string) => number): (text: string, previous: readonly number[]) => number[] {
  return (text, previous) => [...(previous === FLOWS ? [] : previous), parse(text)];
}

function bench({ scenario, flows, rounds, json }: BenchOptions): void {
  const scenarios = SCENARIOS.filter(({ name }) => scenario.includes(name));
  const engines = contestants();
  const atStart = machine();
  const cases = scenarios.flatMap((chosen) => {
    const image = readImage(BOARD, chosen.image);
    return flows.map((count) => new Case(chosen, count, image, engines, SEED));
  });
  const passes = Math.min(PASSES, rounds);
  for (let pass = 0; pass < passes; pass++) {
    process.stderr.write(`pass ${pass + 1} of ${passes}\n`);
    for (const each of cases) each.pass(part(rounds, pass, passes), BATCHES_PER_ROUND);
  }
  const found: BenchReport = {
    board: BOARD,
    frameBytes: FRAME_BYTES,
    batch: BATCH,
    batchesPerRound: BATCHES_PER_ROUND,
    rounds,
    seed: SEED,
    machine: atStart,
    engines: engines.map(({ name }) => name),
    results: cases.flatMap((each) => each.results()),
  };
  if (json) printJson(found);
  else print(textOf(found, scenarios));
}

/** How much of `whole` falls to part number `index` of `parts`. */
function part(whole: number, index: number, parts: number): number {
  return Math.floor((whole * (index + 1)) / parts) - Math.floor((whole * index) / parts);
}

/** wasmtime as it is used, wasmtime without its bound (what the bound costs), and V8, which has none. */
function contestants(): Contestant[] {
  return [
    { name: WASMTIME, engine: openEngine("wasmtime") },
    { name: UNBOUNDED, engine: openEngine("wasmtime", { bounded: false }) },
    { name: V8, engine: openEngine("v8") },
  ];
}

function main(args: readonly string[]): number {
  const json = args.includes("--json");
  try {
    benchCommand().parse(args, { from: "user" });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, json);
    if (error.code === "commander.helpDisplayed") return 0;
    const [message, suggestion] = error.message.replace(/^error: /, "").split("\n");
    const mend = [suggestion?.replace(/^\(|\)$/g, ""), "See npm run bench -- --help."].filter(Boolean).join(" ");
    return report(new DobbsError("E_USAGE", message!, mend), json);
  }
}

process.exitCode = main(process.argv.slice(2));
