/**
 * The appliance, as its operator writes it down: what clients see (VIPs, VMAC), how addresses become buckets, and who
 * serves. `appliance-file.ts` reads it from YAML; `schemas/appliance.schema.json` says the same to editors.
 */
import type { Owner } from "./assignment.ts";
import type { ConnectionIds } from "./connection-ids.ts";

export const HASH_NAMES = ["mix", "toeplitz", "low-bits"] as const;
export type HashName = (typeof HASH_NAMES)[number];

/** A blade whose file names no VMs serves by itself, behind this port of its NIC. */
export const DEFAULT_HOST_PORT = 1;
/** `at` of a filter or forward entry that is not for one blade. No blade may have such a name. */
export const AT_SWITCH = "switch";
export const AT_BLADES = "blades";

export interface Appliance {
  readonly name: string;
  /** IPv4 and IPv6 addresses, in their shortest form. At least one. */
  readonly vips: readonly string[];
  readonly vmac: string;
  /** A power of two from 1 to 65,536. */
  readonly buckets: number;
  readonly hash: HashName;
  /** The secret that keys the hash: 32 hex digits. Absent: whoever starts the appliance makes a random one. */
  readonly seed?: string;
  /** The switch's ports towards clients. At least one. */
  readonly uplinks: readonly number[];
  /** In file order. At least one. */
  readonly blades: readonly Blade[];
  /** First match wins; what none matches is of class `flow`, with the default times. */
  readonly services: readonly Service[];
  /** Each with another number. Not empty where a service is of class `cid`. */
  readonly connectionIds: readonly ConnectionIds[];
  /** First match wins. */
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
  /** The switches that the leading traffic manager programs; at most one is active. Empty: none. */
  readonly switches: readonly SwitchSpec[];
  /** ms for which a flow of another protocol than TCP may hold a bucket back that its owner has lost. Absent: 10 minutes. */
  readonly udpDrainMs?: number;
  /** How buckets move by load. Absent: by weight only. */
  readonly balance?: LoadBalance;
}

/** Buckets move from the busiest blade to the idlest. */
export interface LoadBalance {
  /** Of the buckets, above 0 and at most 1: so many may be on their way at a time. */
  readonly share: number;
  /** ms between two looks at the loads. */
  readonly everyMs: number;
  /** Runnable processes a CPU that the busiest blade must have more than the idlest. */
  readonly gap: number;
}

/** A switch, and how to program it. */
export type SwitchSpec = DobbsSwitchSpec | NftSwitchSpec | OvsSwitchSpec;

interface AnySwitchSpec {
  /** Unique among switches and blades. */
  readonly name: string;
  /** The one it starts with; `dobbs failover` changes it. */
  readonly role: "active" | "standby";
}

/** Runs our own switch image. */
export interface DobbsSwitchSpec extends AnySwitchSpec {
  readonly kind: "dobbs";
  /** Its shim's management channel: `unix:/path` or `tls:host:port`. */
  readonly link: string;
}

/** A Linux box with nftables. */
export interface NftSwitchSpec extends AnySwitchSpec {
  readonly kind: "nft";
  /** Goes before every command: `["ssh", "root@east"]`. Empty: this machine. */
  readonly run: readonly string[];
  /** Port number -> network interface. */
  readonly interfaces: Readonly<Record<number, string>>;
}

/** A bridge of Open vSwitch. */
export interface OvsSwitchSpec extends AnySwitchSpec {
  readonly kind: "ovs";
  /** Goes before every command. Empty: this machine. */
  readonly run: readonly string[];
  readonly bridge: string;
  /** Port number -> the bridge's port. */
  readonly interfaces: Readonly<Record<number, string>>;
}

export interface Blade {
  readonly name: string;
  /** Without VMs: the owner's. With VMs: that of the blade's own host, which then owns no bucket. */
  readonly mac: string;
  /** The switch's port that the blade's wire is plugged into. */
  readonly port: number;
  /** Share of the buckets, relative to the other blades; the VMs of a blade divide it evenly. A positive integer. */
  readonly weight: number;
  /** Empty: the blade itself is the owner. */
  readonly vms: readonly Vm[];
}

export interface Vm {
  /** Unique on its blade. */
  readonly name: string;
  readonly mac: string;
  /** The blade's host port that leads to it, 1 and up. */
  readonly port: number;
}

/** `cid`: QUIC, whose connection ids name the server; packets that name none are treated as of `flow`. */
export const SERVICE_CLASSES = ["none", "flow", "cid"] as const;
export type ServiceClassName = (typeof SERVICE_CLASSES)[number];

/** How packets of a protocol without connections are told apart. TCP needs no entry: its flows are its connections. */
export interface Service {
  /** Absent: all virtual IPs. */
  readonly vip?: string;
  /** IP protocol number, not that of TCP or ICMP. */
  readonly protocol: number;
  /** Absent: all ports, and of a protocol without ports. */
  readonly port?: number;
  readonly class: ServiceClassName;
  /** A flow that had no packet for this many ms is over. */
  readonly idleMs: number;
  /** The same while the host has sent nothing of it. */
  readonly provisionalMs: number;
}

/** An L2 filter rule. An absent field matches everything. */
export interface Filter {
  readonly action: "allow" | "drop";
  readonly destination?: MacMatch;
  readonly source?: MacMatch;
  /** Behind any VLAN tags, e.g. 0x0806. */
  readonly ethertype?: number;
  /** Ingress port. */
  readonly port?: number;
  /** A blade's name, AT_BLADES or AT_SWITCH. */
  readonly at: string;
}

/** Matches a MAC address `m` where `m & mask` is `mac`. */
export interface MacMatch {
  readonly mac: string;
  readonly mask: string;
}

/** A station that is no owner, behind `port` of a blade or of the switch. */
export interface Forward {
  readonly mac: string;
  readonly port: number;
  /** A blade's name, or AT_SWITCH. */
  readonly at: string;
}

/** An owner with what the appliance file says of it. */
export interface OwnerPlace {
  readonly owner: Owner;
  /** Its part of the blade's weight: a positive number, not always whole. */
  readonly weight: number;
  /** The blade's host port that it is behind. */
  readonly hostPort: number;
}

/** Everyone who can own buckets of `blade`: the blade itself, or its VMs as `blade/vm`. */
export function ownersOfBlade(blade: Blade): OwnerPlace[] {
  const { name, mac, port, weight, vms } = blade;
  if (vms.length === 0) return [{ owner: { name, mac, blade: name, port }, weight, hostPort: DEFAULT_HOST_PORT }];
  return vms.map((vm) => ({
    owner: { name: `${name}/${vm.name}`, mac: vm.mac, blade: name, port },
    weight: weight / vms.length,
    hostPort: vm.port,
  }));
}

/** Everyone who can own buckets, in file order. */
export function ownersOf(appliance: Pick<Appliance, "blades">): OwnerPlace[] {
  return appliance.blades.flatMap(ownersOfBlade);
}

/** The filter rules that hold at a blade (by its name) or at the switch (AT_SWITCH), in order. */
export function filtersAt(appliance: Appliance, at: string): Filter[] {
  return appliance.filters.filter((rule) => rule.at === at || (rule.at === AT_BLADES && at !== AT_SWITCH));
}

/** Every port of the switch that something is plugged into, in ascending order. */
export function switchPortsOf({ uplinks, blades, forward }: Pick<Appliance, "uplinks"> & {
  readonly blades: readonly Pick<Blade, "port">[];
  readonly forward?: readonly Forward[];
}): number[] {
  const stations = (forward ?? []).filter(({ at }) => at === AT_SWITCH);
  return [...new Set([...uplinks, ...blades.map(({ port }) => port), ...stations.map(({ port }) => port)])].sort((a, b) => a - b);
}

/** The forward entries of a blade (by its name) or of the switch (AT_SWITCH). */
export function forwardAt(appliance: Appliance, at: string): Forward[] {
  return appliance.forward.filter((entry) => entry.at === at);
}
