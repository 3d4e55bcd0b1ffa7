/** A switch of each kind with its ports in reach: five of them, 0 and 4 uplinks, 1 to 3 blades, and port 5 that none is told of. */
import { execFileSync, type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Firmware } from "../../host/engine/firmware.ts";
import { V8Engine } from "../../host/engine/v8.ts";
import { concat } from "../../host/management/records.ts";
import { packagePath } from "../../host/paths.ts";
import type { SwitchSpec } from "../../host/model/appliance.ts";
import type { SwitchDriver, SwitchFound, SwitchState } from "../../host/supervisor/switch-driver.ts";
import { openSwitchDriver } from "../../host/switches/open.ts";
import { PacketSocket } from "./packet-socket.ts";
import { VIP, VIP6, VMAC } from "./states.ts";

export type Kind = SwitchSpec["kind"];

export interface Rig {
  readonly kind: Kind;
  readonly driver: SwitchDriver;
  /** Where its interfaces are; none for an image. */
  readonly namespace?: string;
  /** Leads to its tools; none for an image. */
  readonly run?: readonly string[];
  /** A second one, as another traffic manager would have it; `interfaces` in place of the right ones. */
  another(interfaces?: Readonly<Record<number, string>>): SwitchDriver;
  /** Sends a frame in by a port. Its number is at its end, behind what the frame itself says is its length. */
  send(port: number, frame: Uint8Array): number;
  /** Numbers of the frames that have come out since the last call, by port. */
  received(): number[][];
  close(): Promise<void>;
}

export const PORTS = [0, 1, 2, 3, 4, 5];
export const INTERFACES: Readonly<Record<number, string>> = Object.fromEntries(PORTS.map((port) => [port, `p${port}`]));
const NUMBER_BYTES = 4;
const TOOLS: Readonly<Record<Kind, readonly string[]>> = {
  dobbs: [],
  nft: ["ip", "nft"],
  ovs: ["ip", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-ofctl", "ovs-vsctl"],
};
const IDENTITY = { vmac: VMAC, vips: [VIP, VIP6], hash: "low-bits", seed: new Uint8Array(16), redirect: true } as const;
const OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

/** Why a switch of this kind cannot be tested here; false: it can. */
export function unable(kind: Kind): string | false {
  const lacking = TOOLS[kind].filter((tool) => !process.env.PATH!.split(delimiter).some((folder) => existsSync(join(folder, tool))));
  if (lacking.length > 0) return `needs ${lacking.join(", ")}: scripts/system-packages.sh`;
  return kind !== "dobbs" && process.getuid?.() !== 0 && "needs root";
}

export function program(driver: SwitchDriver, state: SwitchState): Promise<string | null> {
  return new Promise((resolve) => driver.program(state, resolve));
}

export function check(driver: SwitchDriver): Promise<SwitchFound | null> {
  return new Promise((resolve) => driver.check(resolve));
}

/** Polls until `condition` holds; fails after a generous time. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (condition()) return;
    await sleep(5);
  }
  throw new Error(`${what} did not come about`);
}

export function openRig(kind: Kind): Promise<Rig> {
  return kind === "dobbs" ? Promise.resolve(imageRig()) : kernelRig(kind);
}

let lastNumber = 0;

function numbered(frame: Uint8Array): { number: number; bytes: Uint8Array } {
  const number = ++lastNumber;
  const tail = Buffer.alloc(NUMBER_BYTES);
  tail.writeUInt32BE(number);
  return { number, bytes: concat([frame, tail]) };
}

function numberOf(frame: Uint8Array): number {
  return Buffer.from(frame.subarray(-NUMBER_BYTES)).readUInt32BE();
}

function imageRig(): Rig {
  const firmware = Firmware.load(new V8Engine(), readFileSync(packagePath("build", "images", "emulated", "switch.wasm")));
  const channel = {
    layout: firmware.layout,
    connected: true,
    request: (message: Uint8Array, onAnswer: (answer: Uint8Array) => void) => {
      const answer = firmware.manage(message, 0);
      if (answer) setImmediate(() => onAnswer(answer));
    },
  };
  const clock = {
    now: () => performance.now(),
    after: (ms: number, run: () => void) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
  const open = (): SwitchDriver =>
    openSwitchDriver({ name: "west", role: "active", kind: "dobbs", link: "unix:/" }, { clock, identity: IDENTITY, channelTo: () => channel });
  let out = PORTS.map((): number[] => []);
  return {
    kind: "dobbs",
    driver: open(),
    another: open,
    send: (port, frame) => {
      const { number, bytes } = numbered(frame);
      for (const output of firmware.process([{ port, bytes }], 0).outputs) out[output.port]!.push(numberOf(output.bytes));
      return number;
    },
    received: () => {
      const came = out;
      out = PORTS.map(() => []);
      return came;
    },
    close: () => Promise.resolve(),
  };
}

let rigs = 0;
/** Of the rigs that are open: what is left behind when the test is ended from outside. */
const leftovers = new Set<() => void>();
process.once("exit", () => leftovers.forEach((remove) => remove()));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** The switch is in one namespace, the far ends of its wires are in another. */
async function kernelRig(kind: "nft" | "ovs"): Promise<Rig> {
  const name = `dsw-${process.pid}-${++rigs}`;
  const far = `${name}-far`;
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    for (const namespace of [name, far]) {
      ip("netns", "add", namespace);
      const remove = (): void => ip("netns", "del", namespace);
      leftovers.add(remove);
      undo.push(() => {
        leftovers.delete(remove);
        remove();
      });
      // The kernel's own multicast would be among the frames.
      for (const scope of ["all", "default"]) inside(namespace, "sysctl", "-qw", `net.ipv6.conf.${scope}.disable_ipv6=1`);
    }
    const farNames = PORTS.map((port) => plug(name, far, port));
    const ports = farNames.map((farName) => new PacketSocket(far, farName));
    undo.push(() => ports.forEach((port) => port.close()));
    const run = kind === "nft" ? ["ip", "netns", "exec", name] : await startOvs(name, undo);
    const open = (interfaces = INTERFACES): SwitchDriver => {
      const common = { name: "east", role: "active", run, interfaces } as const;
      const spec: SwitchSpec = kind === "nft" ? { ...common, kind } : { ...common, kind, bridge: "br0" };
      const channelTo = (): never => {
        throw new Error("no image runs here");
      };
      return openSwitchDriver(spec, { clock: { now: () => 0, after: () => () => {} }, identity: IDENTITY, channelTo });
    };
    return {
      kind,
      namespace: name,
      run,
      driver: open(),
      another: open,
      send: (port, frame) => {
        const { number, bytes } = numbered(frame);
        ports[port]!.send(bytes);
        return number;
      },
      received: () => ports.map((port) => port.receive().map(numberOf)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export function ip(...words: string[]): void {
  execFileSync("ip", words, { stdio: ["ignore", "ignore", "inherit"] });
}

function inside(namespace: string, ...words: string[]): void {
  ip("netns", "exec", namespace, ...words);
}

/** A veth pair; returns the name of its far end. */
export function plug(namespace: string, far: string, port: number): string {
  const [near, there] = [INTERFACES[port]!, `far${port}`];
  ip("link", "add", near, "netns", namespace, "type", "veth", "peer", "name", there, "netns", far);
  ip("-n", namespace, "link", "set", near, "up");
  ip("-n", far, "link", "set", there, "up");
  return there;
}

/** Daemons of its own, in the namespace, without the kernel's datapath. Returns the prefix that leads to them. */
async function startOvs(namespace: string, undo: (() => unknown)[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "dsw-ovs-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  leftovers.add(remove);
  undo.push(() => {
    leftovers.delete(remove);
    remove();
  });
  const variables = ["RUNDIR", "DBDIR", "LOGDIR", "SYSCONFDIR"].map((variable) => `OVS_${variable}=${folder}`);
  const start = (...words: string[]): void => {
    // `ip netns exec` and `env` become what they run, so this is the daemon's own process.
    const child = spawn("ip", ["netns", "exec", namespace, "env", ...variables, ...words], { stdio: "ignore" });
    const kill = (): void => void child.kill("SIGKILL");
    leftovers.add(kill);
    undo.push(() => end(child).then(() => leftovers.delete(kill)));
  };
  execFileSync("ovsdb-tool", ["create", join(folder, "conf.db"), OVS_SCHEMA]);
  start("ovsdb-server", join(folder, "conf.db"), `--remote=punix:${join(folder, "db.sock")}`, "-vconsole:off");
  await until(() => existsSync(join(folder, "db.sock")), "ovsdb-server");
  start("ovs-vswitchd", `unix:${join(folder, "db.sock")}`, `--pidfile=${join(folder, "ovs-vswitchd.pid")}`, "-vconsole:off");
  const ports = PORTS.flatMap((port) => ["--", "add-port", "br0", INTERFACES[port]!]);
  // Waits until the daemon has carried it out.
  execFileSync("env", [...variables, "ovs-vsctl", "--timeout=20", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure", ...ports]);
  return ["env", `OVS_RUNDIR=${folder}`];
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
