/** The appliance of a lab, as the appliance file that its programs read. */
import { stringify } from "yaml";
import { Random } from "../emulator/random.ts";
import {
  bladeMac, bladePort, SWITCH_NAMES, switchInterface, switchNamespace, UPLINK_PORT, VIPS,
} from "./addresses.ts";
import type { Family } from "../model/address.ts";
import type { RunFolder } from "./run-folder.ts";

export const SWITCH_KINDS = ["dobbs", "nft", "ovs"] as const;
export type SwitchKind = (typeof SWITCH_KINDS)[number];

export const BUCKETS = 256;
export const VMAC = "02:d0:bb:00:00:01";
const HASH_SEED_BYTES = 16;
/** Open vSwitch's bridge in each switch's namespace. */
export const OVS_BRIDGE = "br0";

/** `unix:/run/dobbs-lab/<id>/sockets/<name>.sock`: a shim's management channel, or the appliance manager's peers. */
export function socketWord(folder: RunFolder, name: string): string {
  return `unix:${folder.join("sockets", `${name}.sock`)}`;
}

/** The run directory of a switch's Open vSwitch. */
export function ovsFolder(folder: RunFolder, name: string): string {
  return folder.join(`ovs-${name}`);
}

/** More sections of an appliance file: `services:`, `connectionIds:`. */
export type Sections = Readonly<Record<string, unknown>>;

export interface AppliancePlan {
  readonly families: readonly Family[];
  readonly blades: readonly string[];
  readonly kind: SwitchKind;
  readonly seed: number;
  readonly sections?: Sections;
}

/** `low-bits` is the hash that a switch of another make can match. The hash's own seed is drawn from the lab's. */
export function applianceFile(
  folder: RunFolder,
  { families, blades, kind, seed, sections }: AppliancePlan,
): string {
  const file = {
    name: "lab",
    vips: families.map((family) => VIPS[family]),
    vmac: VMAC,
    buckets: BUCKETS,
    hash: kind === "dobbs" ? "mix" : "low-bits",
    seed: Buffer.from(new Random(`lab ${seed} hash`).fill(new Uint8Array(HASH_SEED_BYTES))).toString("hex"),
    uplinks: [UPLINK_PORT],
    ...sections,
    blades: blades.map((name, number) => ({ name, mac: bladeMac(number), port: bladePort(number) })),
    switches: SWITCH_NAMES.map((name, number) => ({
      name,
      role: number === 0 ? "active" : "standby",
      ...switchEntry(folder, blades.length, kind, name),
    })),
  };
  return stringify(file);
}

function switchEntry(folder: RunFolder, blades: number, kind: SwitchKind, name: (typeof SWITCH_NAMES)[number]): object {
  const interfaces = Object.fromEntries(switchPorts(blades).map((port) => [port, switchInterface(port)]));
  switch (kind) {
    case "dobbs":
      return { dobbs: { link: socketWord(folder, name) } };
    case "nft":
      return { nft: { run: ["ip", "netns", "exec", switchNamespace(name)], interfaces } };
    case "ovs":
      return { ovs: { run: ["env", `OVS_RUNDIR=${ovsFolder(folder, name)}`], bridge: OVS_BRIDGE, interfaces } };
  }
}

/** The uplink, and a port a blade. */
export function switchPorts(blades: number): number[] {
  return [UPLINK_PORT, ...Array.from({ length: blades }, (_, number) => bladePort(number))];
}
