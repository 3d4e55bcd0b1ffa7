#!/usr/bin/env node
/** `dobbs`: the command line. Each command is a file of its own (`commands.ts`); this one has the manual, and owns the exit codes. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { commandsFor } from "./commands.ts";
import { report } from "./output.ts";

const INTRODUCTION = [
  "Dobbs makes a cluster of servers look like one to its clients, and lets it change shape while it runs: blades are",
  "added, drained and removed, and no client's connection is reset. A load-balancing switch hashes each client to a",
  "bucket and steers it to the blade that owns the bucket; firmware on each blade's NIC passes on what belongs to a",
  "connection that another blade still holds. That firmware is WebAssembly, and runs here just as it does there.",
].join(" ");

const MANUAL = `
Start here:
  dobbs demo                       watch an emulated appliance grow and shrink under live connections
  dobbs emulate scale-down         run one scenario, and see what became of every connection
  dobbs simulate --seeds 1..200    try it against random faults, seed by seed
  dobbs lab                        the same with Linux hosts, nginx and curl, in network namespaces (root)
  dobbs init appliance.yaml        write an appliance file of your own
  dobbs serve --appliance appliance.yaml
                                   run it: the manager here, dobbs-shim and dobbs traffic-manager on each blade
  dobbs replay --image blade --blade ardsley --appliance appliance.yaml --in a.pcap --out b.pcapng
                                   see what the firmware makes of a capture
  dobbs inspect --image blade      see what is in a firmware image
  dobbs <command> --help           read a command's manual

Output: text for people; with --json one JSON document on stdout, and nothing else there.
Errors: on stderr, with a code and how to mend it; with --json also on stdout, as
{"error": {"code", "message", "mend"}}.

Exit codes:
  0  done
  1  the thing asked for failed
  2  wrong usage, or input that is missing or wrong`;

async function program(args: readonly string[]): Promise<Command> {
  const { version } = JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string };
  const dobbs = new Command("dobbs")
    .description(INTRODUCTION)
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this manual")
    .usage("<command> [options]")
    .addHelpText("after", MANUAL);
  const commands = await commandsFor(args[0]);
  for (const command of commands) dobbs.addCommand(command.helpOption("-h, --help", "print this manual"));
  for (const command of [dobbs, ...commands]) {
    // Errors come back as exceptions, so that `report` is the one place that prints them.
    command.exitOverride().configureOutput({ outputError: () => {} });
  }
  return dobbs;
}

/** `CommanderError` -> E_USAGE. Its message may end with a suggestion in a line of its own. */
function usageError(error: CommanderError): DobbsError {
  const [message, suggestion] = error.message.replace(/^error: /, "").split("\n");
  const mend = [suggestion?.replace(/^\(|\)$/g, ""), "See dobbs --help, or dobbs <command> --help."];
  return new DobbsError("E_USAGE", message!, mend.filter(Boolean).join(" "));
}

const SHOWN = ["commander.helpDisplayed", "commander.version"];
/** `dobbs` alone: its help is on stderr by now. */
const NO_COMMAND = "commander.help";

async function main(args: readonly string[]): Promise<number> {
  try {
    await (await program(args)).parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, args.includes("--json"));
    if (SHOWN.includes(error.code)) return 0;
    if (error.code === NO_COMMAND) return 2;
    return report(usageError(error), args.includes("--json"));
  }
}

// A reader that has seen enough (`dobbs ... | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
