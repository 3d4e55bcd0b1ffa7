/** What a switch is to do, in the terms that nftables and Open vSwitch share: a port for each bucket and each station. */
import { createHash } from "node:crypto";
import type { FilterEntry } from "../management/tables.ts";
import type { SwitchRoleName, SwitchState } from "../supervisor/switch-driver.ts";

/** What a switch steers by, for as long as the appliance lives. */
export interface SteeringIdentity {
  readonly vmac: string;
  /** Of both families. */
  readonly vips: readonly string[];
}

export interface OpenPort {
  readonly number: number;
  readonly interface: string;
  readonly isUplink: boolean;
}

export interface Steering {
  readonly identity: SteeringIdentity;
  readonly generation: number;
  readonly role: SwitchRoleName;
  /** Of all ports, also those that are shut. */
  readonly interfaces: readonly string[];
  /** Those that are not shut, in ascending order. */
  readonly ports: readonly OpenPort[];
  /** By bucket: where its frames leave; null: nowhere. */
  readonly buckets: readonly (number | null)[];
  /** Owners and forward entries: where their frames leave; null: nowhere. */
  readonly stations: ReadonlyMap<string, number | null>;
  readonly filters: readonly FilterEntry[];
}

/** The source MACs that are redirect tags (`assembly/redirect.ts`): first five bits of the second byte, all of the first. */
export const TAG_MAC = "d2:b0:00:00:00:00";
export const TAG_MASK = "ff:f8:00:00:00:00";
/** Group addresses: multicast and broadcast. */
export const GROUP_MAC = "01:00:00:00:00:00";
/** A station that is silent for this long is forgotten (IEEE 802.1Q). */
export const STATION_SECONDS_MAX = 300;
/** Stations a port that are remembered; all others' frames go to every port. */
export const STATIONS_MAX = 16_384;

/** Throws an Error whose message is one sentence when a port that is to be open has no interface. */
export function steeringOf(
  { assignment, role, ports, filters, forward }: SwitchState,
  identity: SteeringIdentity,
  interfaces: Readonly<Record<number, string>>,
): Steering {
  const open = ports.flatMap((portRole, number): OpenPort[] => {
    if (portRole !== "uplink" && portRole !== "fabric") return [];
    const name = interfaces[number];
    if (name === undefined) throw new Error(`Port ${number} has no interface: name it in the appliance file.`);
    return [{ number, interface: name, isUplink: portRole === "uplink" }];
  });
  const isOpen = new Set(open.map(({ number }) => number));
  const exit = (port: number | undefined): number | null => (port !== undefined && isOpen.has(port) ? port : null);
  const owners = assignment.owners.filter((owner) => owner !== null);
  return {
    identity,
    generation: assignment.generation,
    role,
    interfaces: Object.values(interfaces),
    ports: open,
    buckets: assignment.buckets.map(([current]) => exit(current === undefined ? undefined : assignment.owners[current]?.port)),
    stations: new Map([...owners, ...forward].map(({ mac, port }) => [mac, exit(port)])),
    filters,
  };
}

export function vipsByFamily(vips: readonly string[]): { ipv4: readonly string[]; ipv6: readonly string[] } {
  const isIpv6 = (vip: string): boolean => vip.includes(":");
  return { ipv4: vips.filter((vip) => !isIpv6(vip)), ipv6: vips.filter(isIpv6) };
}

/** Of everything but the buckets, the stations and the generation: what seldom changes. */
export function layoutDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
