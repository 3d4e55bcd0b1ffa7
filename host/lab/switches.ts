/** The switches of a lab, of each kind: brought up empty, for the leading traffic manager to program; and lost. */
import { mkdirSync } from "node:fs";
import { type LabSwitchName, SWITCH_NAMES, switchInterface, switchNamespace } from "./addresses.ts";
import { OVS_BRIDGE, ovsFolder, type SwitchKind, switchPorts } from "./lab-appliance.ts";
import { removeNamespaces, runStep } from "./namespaces.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Services } from "./services.ts";
import { type Shims, switchShim } from "./shims.ts";
import { unplugStep } from "./topology.ts";

const OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
const READY_MS = 20_000;

export interface SwitchesOptions {
  readonly kind: SwitchKind;
  readonly blades: number;
  readonly folder: RunFolder;
  readonly services: Services;
  readonly shims: Shims;
}

/** Switches whose namespace's own stack must not see the frames of its ports: shims' ones. */
export function deafSwitches(kind: SwitchKind): readonly LabSwitchName[] {
  return kind === "dobbs" ? SWITCH_NAMES : [];
}

export async function startSwitches(options: SwitchesOptions): Promise<void> {
  for (const name of SWITCH_NAMES) {
    if (options.kind === "dobbs") {
      const place = switchShim(name, options.blades);
      await options.shims.ready(place, options.shims.start(place));
    } else if (options.kind === "ovs") {
      await startOvs(options, name);
    }
    // nft: a namespace with interfaces is all that it takes.
  }
}

/** The whole machine is gone, with everything that ran on it, without a word. */
export async function loseSwitch(name: LabSwitchName, blades: readonly string[]): Promise<void> {
  // The kernel takes a namespace's interfaces away some time later.
  runStep(unplugStep({ blades }, name));
  await removeNamespaces([switchNamespace(name)]);
}

/** Open vSwitch in userspace, with a database of its own. */
async function startOvs({ folder, services, blades }: SwitchesOptions, name: LabSwitchName): Promise<void> {
  const run = ovsFolder(folder, name);
  mkdirSync(run);
  const environment = { OVS_RUNDIR: run, OVS_DBDIR: run, OVS_SYSCONFDIR: run, OVS_LOGDIR: run };
  const namespace = switchNamespace(name);
  const database = `${run}/conf.db`;
  const socket = `${run}/db.sock`;
  const ports = switchPorts(blades);
  const configure = (...args: string[]) =>
    ({ namespace: null, command: ["env", `OVS_RUNDIR=${run}`, "ovs-vsctl", `--db=unix:${socket}`, ...args] }) as const;

  runStep({ namespace: null, command: ["ovsdb-tool", "create", database, OVS_SCHEMA] });
  const server = services.start({
    name: `ovsdb-${name}`,
    namespace,
    environment,
    command: ["ovsdb-server", database, `--remote=punix:${socket}`, `--pidfile=${run}/ovsdb-server.pid`],
  });
  await server.ready(() => succeeds(configure("--timeout=1", "--no-wait", "init")), READY_MS);
  services.start({
    name: `vswitchd-${name}`,
    namespace,
    environment,
    command: ["ovs-vswitchd", `unix:${socket}`, `--pidfile=${run}/ovs-vswitchd.pid`],
  });
  runStep(configure(
    `--timeout=${READY_MS / 1_000}`,
    ...["add-br", OVS_BRIDGE, "--", "set", "bridge", OVS_BRIDGE, "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow10,OpenFlow13,OpenFlow14"],
    ...ports.flatMap((port) => ["--", "add-port", OVS_BRIDGE, switchInterface(port)]),
  ));
}

function succeeds(step: Parameters<typeof runStep>[0]): boolean {
  try {
    runStep(step);
    return true;
  } catch {
    return false;
  }
}
