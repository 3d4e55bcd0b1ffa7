/** `dobbs traffic-manager`: the supervisor of one blade. */
import { Command, InvalidArgumentError, Option } from "commander";
import { readFileSync } from "node:fs";
import type { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { LOG_FORMATS, LogJournal, type LogFormat } from "../process/log-journal.ts";
import { RealClock } from "../process/real-clock.ts";
import { stopOnSignals } from "../process/signals.ts";
import { QUEUE_MS_DEFAULT } from "../sockets/inet-diag.ts";
import { type CredentialPaths, loadCredentials } from "../transport/credentials.ts";
import { parseLinkWord } from "../transport/word.ts";
import { addTlsOptions } from "./link-options.ts";
import { wholeNumber } from "./options.ts";

const HELP = `
Run one on each blade, beside its shim. It joins the appliance manager, which tells it all else; reads the
host's TCP connections to the virtual IPs (inet_diag); programs the shim; and, when the appliance manager
makes it the leading one, the switches; their shims want a certificate of role leader where the link is TLS
(--switch-tls-cert; dobbs keys --help). It waits for what is not there yet, and goes on where it was when
the appliance manager, the shim or itself was started anew. SIGTERM or SIGINT ends it; the shim goes on.

A blade with VMs or containers has an owner for each (dobbs-ferry/vm1). Where an owner's sockets are in a
network namespace of their own, say which with --netns.

Needs: to read another namespace's sockets, root or CAP_SYS_ADMIN.

Logs: lines on stderr, JSON unless stderr is a terminal: {"at", "level", "event", ...}.

Examples:
  dobbs traffic-manager --blade ardsley --shim unix:/run/dobbs/ardsley.sock --manager unix:/run/dobbs/manager.sock
  dobbs traffic-manager --blade dobbs-ferry --shim unix:/run/dobbs/dobbs-ferry.sock --manager tls:10.0.0.1:7441 \\
      --tls-ca keys/ca.pem --tls-cert keys/blade-dobbs-ferry.pem --tls-key keys/blade-dobbs-ferry.key \\
      --switch-tls-cert keys/leader-dobbs-ferry.pem --switch-tls-key keys/leader-dobbs-ferry.key \\
      --netns dobbs-ferry/vm1=/run/netns/vm1 --netns dobbs-ferry/vm2=/run/netns/vm2

Exit codes: 0 ended by a signal; 1 the kernel does not tell its sockets (E_SOCKETS_*); 2 wrong usage, or
credentials or namespaces that cannot be used (E_LINK_WORD, E_TLS_*, E_SOCKETS_NETNS, E_NETNS_OWNER).`;

interface TrafficManagerCliOptions extends CredentialPaths {
  readonly blade: string;
  readonly shim: string;
  readonly manager: string;
  readonly netns: ReadonlyMap<string, string>;
  readonly queueMs: number;
  readonly log?: LogFormat;
  readonly switchTlsCert?: string;
  readonly switchTlsKey?: string;
}

/** A minute: a frame that is that long between NIC and host is lost. */
const QUEUE_MS_MAX = 60_000;

export function trafficManagerCommand(): Command {
  const netns = new Option("--netns <owner=path>", "the network namespace of an owner's host; may be repeated");
  const command = new Command("traffic-manager")
    .summary("run the supervisor of one blade")
    .description("Runs the traffic manager of one blade: watches its host's connections, and programs its shim.")
    .requiredOption("--blade <name>", "the blade that it is for, as the appliance file has it")
    .requiredOption("--shim <link>", "where the blade's shim listens: unix:/path or tls:host:port[#node]")
    .requiredOption("--manager <link>", "where the appliance manager listens: unix:/path or tls:host:port[#node]")
    .addOption(netns.argParser(netnsOption).default(new Map(), "that of this program"))
    .option(
      "--queue-ms <n>",
      "how long a frame may be on its way between NIC and host, in milliseconds",
      wholeNumber(0, QUEUE_MS_MAX),
      QUEUE_MS_DEFAULT,
    );
  return addTlsOptions(command, "blade-<name>.pem")
    .option("--switch-tls-cert <file>", "for the TLS links of switches: the certificate to show (leader-<name>.pem)")
    .option("--switch-tls-key <file>", "its key")
    .addOption(new Option("--log <format>", "default: text on a terminal, else json").choices(LOG_FORMATS))
    .addHelpText("after", HELP)
    .action(run);
}

/** Returns when a signal has ended it. */
async function run(options: TrafficManagerCliOptions): Promise<void> {
  const { blade, shim, manager, netns, queueMs, log, switchTlsCert, switchTlsKey, ...paths } = options;
  const journal = new LogJournal({ format: log });
  const { tlsCert, tlsKey } = paths;
  const switchPaths = { ...paths, tlsCert: switchTlsCert ?? tlsCert, tlsKey: switchTlsKey ?? tlsKey };
  const common = {
    blade,
    shim: parseLinkWord(shim),
    manager: parseLinkWord(manager),
    credentials: loadCredentials(paths),
    switchCredentials: loadCredentials(switchPaths),
    netns,
    queueMs,
    clock: new RealClock(),
    journal,
    release: (JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string }).version,
  };
  // It brings many schemas with it, which no other command should have to wait for.
  const { BladeProgram } = await import("../process/blade-program.ts");
  journal.note("started", { blade, shim, manager });
  const failure = await new Promise<DobbsError | null>((resolve) => {
    const program = new BladeProgram({ ...common, onFail: resolve });
    stopOnSignals((signal) => {
      program.stop();
      journal.note("stopped", { blade, signal });
      resolve(null);
    });
  });
  if (failure) throw failure;
}

function netnsOption(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const [, owner, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (owner === undefined || path === undefined) {
    throw new InvalidArgumentError("Write an owner's name, =, and a path: dobbs-ferry/vm1=/run/netns/vm1");
  }
  if (before.has(owner)) throw new InvalidArgumentError(`${owner} has a namespace already.`);
  return new Map([...before, [owner, path]]);
}
