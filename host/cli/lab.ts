/** `dobbs lab`: the appliance over Linux network namespaces, with ordinary servers and clients. */
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { DEFAULT_BOARD } from "../boards/board.ts";
import { bundlePath } from "../bundle/bundle-file.ts";
import { packagePath } from "../paths.ts";
import { BLADE_NAMES, CLIENTS, hostNamespace, nicNamespace, VIP } from "../lab/addresses.ts";
import { Lab, type LabOptions } from "../lab/lab.ts";
import { SWITCH_KINDS, type SwitchKind } from "../lab/lab-appliance.ts";
import { checkRequirements, checkRoot, requiredPrograms } from "../lab/requirements.ts";
import { reportText, timelineLine } from "../lab/report-text.ts";
import { type Play, runLab } from "../lab/run-lab.ts";
import { type Leftovers, type RunFolder, takeDown } from "../lab/run-folder.ts";
import { SCENES, sceneOf } from "../lab/scenes/index.ts";
import { SceneLab } from "../lab/scenes/scene-lab.ts";
import { sceneText } from "../lab/scenes/scene-text.ts";
import { SHIM } from "../lab/shims.ts";
import { jsonOption, type JsonOption, redirectOption, seedOption } from "./options.ts";
import { print, printJson } from "./output.ts";

const HELP = `
Four blades, two switches and 72 clients on one machine: each host is a network namespace with the
kernel's own TCP, nginx and curl; each blade's NIC is another one with a dobbs-shim; dobbs serve and a
dobbs traffic-manager a host run as they would run anywhere. While downloads, uploads, kept-alive and
idle sessions go on, blades are added and drained, the appliance manager being killed in the middle of
it, firmware is swapped, a shim is killed, a switch and a blade are lost. Then every session, every hash
and every RST at the clients is accounted for. A run takes about a minute. Nothing is left of it, also after Ctrl-C; what a kill -9 leaves, the next run removes.

Needs root, and iproute2 procps nftables ethtool curl tcpdump nginx (openvswitch-switch for --switch ovs).

--show: a scene of about half a minute in place of the script:
${SCENES.map(({ name, summary }) => `  ${name.padEnd(11)}${summary}`).join("\n")}
Some need more: ${scenePackages()}.

--server: a shell command, run on each blade's host in place of nginx. It has to serve HTTP/1.1 with
persistent connections at $DOBBS_ADDRESS:$DOBBS_PORT: GET /files/<name> from the folder $DOBBS_FILES,
and, if it can, PUT /uploads/<name> into $DOBBS_UPLOADS. $DOBBS_BLADE is the blade's name; sent back as
the header X-Dobbs-Blade, it makes the accounts more exact.

Examples:
  dobbs lab
  dobbs lab --redirect off             see what is lost without redirection
  dobbs lab --switch nft --json
  dobbs lab --show ipv6
  dobbs lab --keep                     and look around in it; dobbs lab --down takes it down
  dobbs lab --record recordings        and see the firmware decide each frame again, with dobbs replay
  dobbs lab --server 'caddy run --config my.caddyfile'

Exit codes: 0 done; 1 a session was broken beyond those of the blade that was failed on purpose, a number
was not reached ("faults" with --json), or the lab could not be brought up; 2 wrong usage, no root
(E_LAB_ROOT), something is not installed or not built (E_LAB_PACKAGES, E_LAB_BUILD), or another lab runs (E_LAB_RUNNING).`;

function scenePackages(): string {
  return [...new Set(SCENES.flatMap(({ programs }) => [...programs.values()]))].join(" ");
}

const DEFAULT_SEED = 1;
const LINGER_MS = 500;

interface LabCommandOptions extends JsonOption {
  readonly switch: SwitchKind;
  readonly redirect: boolean;
  readonly seed?: number;
  readonly show?: string;
  readonly server?: string;
  readonly record?: string;
  readonly keep?: true;
  readonly down?: true;
}

export function labCommand(): Command {
  return new Command("lab")
    .summary("run an appliance of real hosts in network namespaces, and account for every session")
    .description("Runs an appliance over Linux network namespaces, with kernel TCP, nginx and curl, and changes its shape under load.")
    .addOption(new Option("--switch <kind>", "what steers: our switch image, nftables, or Open vSwitch").choices(SWITCH_KINDS).default("dobbs"))
    .addOption(redirectOption())
    .addOption(seedOption())
    .addOption(new Option("--show <scene>", "in place of the script: one thing alone (below)").choices(SCENES.map(({ name }) => name)).conflicts("server"))
    .option("--server <command>", "run this on each blade's host in place of nginx")
    .option("--record <dir>", "write what each shim did as pcapng, for dobbs replay")
    .option("--keep", "leave it running after the script")
    .option("--down", "take down the one that was left running, and do nothing else")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(labAction);
}

async function labAction(options: LabCommandOptions): Promise<void> {
  checkRoot();
  if (options.down) return down(options);
  const { switch: switchKind, redirect, seed = DEFAULT_SEED, server = null, record = null, keep = false, json } = options;
  const scene = options.show === undefined ? null : sceneOf(options.show);
  const built = [SHIM, bundlePath(DEFAULT_BOARD, "blade"), bundlePath(DEFAULT_BOARD, "switch"), ...(scene?.built ?? [])];
  const programs = new Map([...requiredPrograms(switchKind, server !== null), ...(scene?.programs ?? [])]);
  checkRequirements({ programs, built });
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const isWatched = process.stderr.isTTY && !json;
  const labOptions: LabOptions = {
    switchKind, redirect, seed, server,
    record: record === null ? null : resolve(record),
    board: DEFAULT_BOARD,
    ...(isWatched && { onNote: (entry) => say(timelineLine(entry)) }),
  };
  const runOptions = {
    keep,
    onLeftovers: (leftovers: Leftovers) => say(leftoversText("A lab that was killed had left", leftovers)),
    onLogs: (folder: string) => say(`Its logs: ${folder}`),
  };
  const run = async <Report extends object>(open: (folder: RunFolder) => Play<Report>, text: (report: Report) => string): Promise<void> => {
    const { report, faults, kept } = await runLab(runOptions, open);
    if (isWatched) say("");
    if (json) printJson({ ...report, faults, kept });
    else print([text(report), ...faults.map((fault) => `FAULT ${fault}`), ...(kept ? ["", keptText(kept)] : [])].join("\n"));
    if (faults.length > 0) process.exitCode = 1;
  };
  const timeline = !isWatched;
  const running = scene === null
    ? run((folder) => new Lab(folder, labOptions), (report) => reportText(report, { timeline }))
    : run((folder) => new SceneLab(folder, labOptions, scene), (report) => sceneText(report, scene, { timeline }));
  await running.catch((error: unknown) => {
    // What a lab that was cut short still waits for must not keep this process.
    setTimeout(() => process.exit(), LINGER_MS).unref();
    throw error;
  });
}

async function down({ json }: LabCommandOptions): Promise<void> {
  const leftovers = await takeDown();
  if (json) printJson(leftovers);
  else print(leftovers.namespaces + leftovers.processes === 0 ? "There was no lab." : leftoversText("Took down", leftovers));
}

function leftoversText(what: string, { namespaces, processes }: Leftovers): string {
  return `${what} ${namespaces} network namespaces and ${processes} processes.`;
}

/** `folder`: of the run. */
function keptText(folder: string): string {
  const state = join(folder, "state");
  const blade = BLADE_NAMES[2];
  const dobbs = `node ${packagePath("build", "host", "cli", "dobbs.js")}`;
  return `The lab goes on. Look around in it:
  ${dobbs} status --state ${state}
  ${dobbs} watch --state ${state}
  ${dobbs} add ${BLADE_NAMES[0]} --state ${state}
  ${dobbs} shim unix:${join(folder, "sockets", `${blade}.sock`)}
  ip netns exec ${CLIENTS} curl -i --interface 10.77.1.4 http://${VIP}/files/small
  ip netns exec ${CLIENTS} tcpdump -nn -i eth0
  ip netns exec ${nicNamespace(blade)} tcpdump -nn -e -i wire
  ip netns exec ${hostNamespace(blade)} ss -tni
  less ${join(folder, "logs")}/*.log
Take it down:
  ${dobbs} lab --down`;
}
