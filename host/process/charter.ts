/**
 * What the appliance manager tells a traffic manager first: all that it must know of the appliance and of its own blade.
 * So a blade's machine needs no appliance file, and none can be out of date.
 */
import type { NodeConnectionIds } from "../management/connection-id-table.ts";
import type { FilterEntry, ForwardStation, NodeIdentity, PortRoleName } from "../management/tables.ts";
import { ownersOfBlade, type Blade, type HashName, type Service, type SwitchSpec } from "../model/appliance.ts";
import { bladeSetup, type Shared, timingOf } from "../supervisor/node-setup.ts";
import type { Timing } from "../supervisor/timing.ts";

export interface Charter {
  /** The appliance's name. */
  readonly appliance: string;
  readonly vips: readonly string[];
  readonly vmac: string;
  readonly hash: HashName;
  readonly buckets: number;
  /** 32 hex digits. */
  readonly seed: string;
  readonly redirect: boolean;
  readonly blade: {
    readonly name: string;
    readonly mac: string;
    /** The switch's port that it is plugged into. */
    readonly port: number;
    /** The blade itself, or its VMs. At least one. */
    readonly owners: readonly CharterOwner[];
    /** Roles of its own ports, by number. */
    readonly ports: readonly PortRoleName[];
  };
  readonly services: readonly Service[];
  readonly connectionIds: readonly NodeConnectionIds[];
  /** As the appliance file has them; what is set at run time comes by an order. */
  readonly filters: readonly FilterEntry[];
  readonly forward: readonly ForwardStation[];
  /** For when it leads. */
  readonly switches: readonly SwitchSpec[];
  readonly timing: Partial<Timing>;
}

export interface CharterOwner {
  /** `ardsley`, or `ardsley/vm1`. */
  readonly name: string;
  readonly mac: string;
  /** The blade's port that it is behind. */
  readonly hostPort: number;
}

/** `blade` may be one that the appliance file does not have. */
export function charterOf(shared: Shared, blade: Blade, timing: Partial<Timing> = {}): Charter {
  const { appliance, redirect } = shared;
  const { identity, connectionIds, filters, forward } = bladeSetup(shared, blade);
  return {
    appliance: appliance.name,
    vips: appliance.vips,
    vmac: appliance.vmac,
    hash: appliance.hash,
    buckets: appliance.buckets,
    seed: Buffer.from(shared.seed).toString("hex"),
    redirect,
    blade: {
      name: blade.name,
      mac: blade.mac,
      port: blade.port,
      owners: ownersOfBlade(blade).map(({ owner, hostPort }) => ({ name: owner.name, mac: owner.mac, hostPort })),
      ports: identity.ports,
    },
    services: appliance.services,
    connectionIds,
    filters: filters.map(({ at: _, ...rule }) => rule),
    forward: forward.map(({ at: _, ...station }) => station),
    switches: appliance.switches,
    timing: { ...timingOf(appliance), ...timing },
  };
}

/** What every node of the appliance has in common, as a switch driver wants it. */
export function sharedIdentity(charter: Charter): Omit<NodeIdentity, "localOwners" | "ports"> {
  const { vmac, vips, hash, seed, redirect } = charter;
  return { vmac, vips, hash, seed: new Uint8Array(Buffer.from(seed, "hex")), redirect };
}

/** As `TrafficManagerOptions.identity`. */
export function bladeIdentity(charter: Charter): Omit<NodeIdentity, "localOwners"> {
  return { ...sharedIdentity(charter), ports: charter.blade.ports };
}
