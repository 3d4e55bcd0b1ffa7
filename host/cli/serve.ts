/** `dobbs serve`: the appliance manager. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { parseApiAddress } from "../api/listen-address.ts";
import { StateFolder } from "../api/state-folder.ts";
import { loadAppliance } from "../model/appliance-file.ts";
import { packagePath } from "../paths.ts";
import { LOG_FORMATS, type LogFormat, LogJournal } from "../process/log-journal.ts";
import { stopOnSignals } from "../process/signals.ts";
import { type CredentialPaths, loadCredentials } from "../transport/credentials.ts";
import { parseLinkWord } from "../transport/word.ts";
import { addTlsOptions } from "./link-options.ts";
import { stateOption } from "./manager.ts";
import { jsonOption, type JsonOption, redirectOption } from "./options.ts";
import { print, printJson } from "./output.ts";
import { parseDuration } from "./time-text.ts";

const HELP = `
There is one appliance manager. Traffic managers find it at --listen; the other commands (add, drain,
remove, fail, weight, move, rebalance, status, watch, filter, forward, failover) by its state folder, and
anything else by its JSON API (docs/api.md), which listens on loopback only and wants the token that is
in that folder.

Everything that must not be lost is in the state folder before it is acted on: after a crash, or
kill -9, start it again, and it goes on where it was. While it is down, traffic flows as before. What
the appliance file says of VIPs, VMAC, buckets, hash and seed must stay as it was (E_STATE_APPLIANCE);
blades and switches may come in. No blade serves before it is added: dobbs add <blade>.

--fail-after fails a blade (see dobbs fail) that has not been heard of, or whose NIC has not answered it, for
so long; not while that is so of all of them. Never, by default.

Logs: lines on stderr, JSON unless stderr is a terminal: {"at", "level", "event", ...}. With --json:
{"url", "pid", "state", "links"} on stdout once it listens.

Examples:
  dobbs serve --appliance appliance.yaml
  dobbs serve --appliance appliance.yaml --state /srv/dobbs --listen unix:/run/dobbs/manager.sock \\
      --listen tls:0.0.0.0:7441 --tls-ca ca.pem --tls-cert manager-am.pem --tls-key manager-am.key

Exit codes: 0 ended by SIGTERM or SIGINT; 1 it could not go on, for example because the disk is full; 2 wrong
usage, or a file, address or state folder that cannot be used.`;

const LISTEN_DEFAULT = "unix:/run/dobbs/manager.sock";
const API_DEFAULT = "127.0.0.1:7440";
const FAIL_MS_MIN = 1_000;

interface ServeOptions extends CredentialPaths, JsonOption {
  readonly appliance: string;
  readonly state: string;
  readonly listen: readonly string[];
  readonly api: string;
  readonly failAfter: number | null;
  readonly redirect: boolean;
  readonly log?: LogFormat;
}

export function serveCommand(): Command {
  const listen = new Option("--listen <link>", "where traffic managers find it: unix:/path or tls:host:port; may be repeated");
  const failAfter = new Option("--fail-after <duration>", "fail a blade that is silent for so long, such as 5s; or never");
  const command = new Command("serve")
    .summary("run the appliance manager")
    .description("Runs the appliance manager: membership, drains, reconfigurations, and the API that all commands use.")
    .requiredOption("--appliance <file>", "the appliance")
    .addOption(stateOption())
    .addOption(listen.default(undefined, LISTEN_DEFAULT).argParser((word: string, others: string[] = []) => [...others, word]))
    .option("--api <address>", "where the JSON API listens: loopback only; port 0 takes a free one", API_DEFAULT)
    .addOption(failAfter.argParser(failAfterMs).default(null, "never"))
    .addOption(redirectOption())
    .addOption(new Option("--log <format>", "default: text on a terminal, else json").choices(LOG_FORMATS));
  return addTlsOptions(command).addOption(jsonOption()).addHelpText("after", HELP).action(serve);
}

/** Returns when a signal has ended it. */
async function serve(options: ServeOptions): Promise<void> {
  const { appliance, state, listen = [LISTEN_DEFAULT], api, failAfter, redirect, log, json } = options;
  const journal = new LogJournal({ format: log });
  const common = {
    appliance: loadAppliance(appliance),
    words: listen.map(parseLinkWord),
    credentials: loadCredentials(options),
    api: parseApiAddress(api),
  };
  const { version } = JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string };
  const folder = StateFolder.open(state);
  // It brings a database and many schemas with it, which no other command should have to wait for.
  const { ApplianceServer, asProblem } = await import("../api/appliance-server.ts");
  // Not even an orderly end: what was saved is what holds.
  const onFail = (error: unknown): void => {
    journal.error("failed", asProblem(error));
    process.exit(1);
  };
  process.on("uncaughtException", onFail);
  const server = new ApplianceServer({ ...common, folder, failMs: failAfter, redirect, release: version, log: journal, onFail });
  const signal = new Promise<string>((resolve) => void stopOnSignals(resolve));
  try {
    await server.start();
    const { url, links } = server;
    if (json) printJson({ url, pid: process.pid, state: folder.path, links });
    else print(`The appliance manager listens: API at ${url}, traffic managers at ${links.join(", ")}, state in ${folder.path}.`);
    journal.note("stopped", { signal: await signal });
  } finally {
    await server.stop();
  }
}

function failAfterMs(text: string): number | null {
  if (text === "never") return null;
  const ms = parseDuration(text);
  if (ms < FAIL_MS_MIN) throw new InvalidArgumentError("It must be at least 1s, or never.");
  return ms;
}
