/** `dobbs demo`: every scenario that comes with Dobbs, with redirection and without it. */
import { Command } from "commander";
import { demoFaults, demoJson, demoRunText, demoSummaryText, runDemo } from "../emulator/demo.ts";
import type { EngineName } from "../engine/engine.ts";
import { engineOption, jsonOption, type JsonOption, seedOption } from "./options.ts";
import { print, printJson } from "./output.ts";

const HELP = `
Each scenario runs twice, with redirection and without it: the last table holds the two against each
other. \`dobbs emulate --help\` says what the scenarios are, and runs one of them alone.

Examples:
  dobbs demo
  dobbs demo --engine v8 --json

Exit codes: 0 done; 1 a connection was broken with redirection on, or an order was refused ("faults"
with --json).`;

interface DemoOptions extends JsonOption {
  readonly seed?: number;
  readonly engine: EngineName;
}

export function demoCommand(): Command {
  return new Command("demo")
    .summary("watch emulated appliances grow and shrink under live connections")
    .description("Runs all scenarios that come with Dobbs: appliances grow and shrink, and no connection is reset.")
    .addOption(seedOption())
    .addOption(engineOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(demoAction);
}

function demoAction({ seed, engine, json }: DemoOptions): void {
  const runs = runDemo({
    engine,
    ...(seed !== undefined && { seed }),
    ...(!json && { onRun: (run) => print(`${demoRunText(run)}\n`) }),
  });
  if (json) printJson(demoJson(engine, runs));
  else print(demoSummaryText(runs));
  if (demoFaults(runs).length > 0) process.exitCode = 1;
}
