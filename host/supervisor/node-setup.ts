/** What one node of an appliance is told when it starts: who it is, and the first assignment. Pure functions. */
import type { NodeConnectionIds } from "../management/connection-id-table.ts";
import type { NodeIdentity, PortRoleName } from "../management/tables.ts";
import {
  type Appliance, AT_SWITCH, type Blade, filtersAt, forwardAt, ownersOf, ownersOfBlade, type Filter, type Forward, type Service,
} from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { DEFAULT_ASSIGNER } from "./assigner.ts";
import { emptyAssignment, succeed } from "./succession.ts";
import type { Timing } from "./timing.ts";
import { membersOf } from "./view.ts";

export interface NodeSetup {
  readonly identity: NodeIdentity;
  readonly assignment: Assignment;
  readonly services: readonly Service[];
  readonly connectionIds: readonly NodeConnectionIds[];
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
}

/** What all nodes of an appliance share. */
export interface Shared {
  readonly appliance: Appliance;
  /** 16 bytes. */
  readonly seed: Uint8Array;
  readonly redirect: boolean;
}

const FIRST_GENERATION = 1;

/** Generation 1: all blades active, each bucket with one owner. */
export function firstAssignment({ blades, buckets }: Appliance): Assignment {
  const view = { buckets, members: blades.flatMap(membersOf), assigner: DEFAULT_ASSIGNER, moves: [] };
  return succeed(view, emptyAssignment(buckets), FIRST_GENERATION);
}

export function bladeSetup(shared: Shared, blade: Blade): NodeSetup {
  const { appliance } = shared;
  const assignment = firstAssignment(appliance);
  const local = ownersOfBlade(blade);
  const forward = forwardAt(appliance, blade.name);
  const hostPorts = [...local.map((place) => place.hostPort), ...forward.map((entry) => entry.port)];
  return {
    identity: {
      ...common(shared),
      ports: portRoles([[0, "fabric"], ...hostPorts.map((port) => [port, "host"] as const)]),
      localOwners: local.map(({ owner: { name, mac }, hostPort }) => ({
        mac,
        owner: assignment.owners.findIndex((owner) => owner?.name === name),
        port: hostPort,
      })),
    },
    assignment,
    services: appliance.services,
    connectionIds: connectionIdsOf(appliance),
    filters: filtersAt(appliance, blade.name),
    forward,
  };
}

/** What the appliance file says of its traffic managers' times. */
export function timingOf({ udpDrainMs }: Appliance): Partial<Timing> {
  return udpDrainMs === undefined ? {} : { flowDrainMs: udpDrainMs };
}

/** All blades have the same. An owner that is not in the appliance file has no server id. */
export function connectionIdsOf(appliance: Appliance): NodeConnectionIds[] {
  const owners = ownersOf(appliance).map(({ owner }) => owner);
  return appliance.connectionIds.map(({ servers, ...layout }) => ({
    ...layout,
    serverIds: owners.map(({ name, mac }) => ({ mac, id: servers[name]! })),
  }));
}

export function switchSetup(shared: Shared): NodeSetup {
  const { appliance } = shared;
  const forward = forwardAt(appliance, AT_SWITCH);
  // A station on a port of its own is outside the fabric, as clients are; a blade's port stays the blade's.
  const outside = [...forward.map((entry) => entry.port), ...appliance.uplinks];
  const roles = [
    ...outside.map((port) => [port, "uplink"] as const),
    ...ownersOf(appliance).map(({ owner }) => [owner.port, "fabric"] as const),
  ];
  return {
    identity: { ...common(shared), ports: portRoles(roles), localOwners: [] },
    assignment: firstAssignment(appliance),
    services: [],
    connectionIds: [],
    filters: filtersAt(appliance, AT_SWITCH),
    forward,
  };
}

function common({ appliance: { vmac, vips, hash }, seed, redirect }: Shared): Omit<NodeIdentity, "ports" | "localOwners"> {
  return { vmac, vips, hash, seed, redirect };
}

/** By port number, up to the highest that has a role; the last role given to a port counts. */
function portRoles(roles: readonly (readonly [port: number, role: PortRoleName])[]): PortRoleName[] {
  const count = Math.max(...roles.map(([port]) => port)) + 1;
  const ports = Array<PortRoleName>(count).fill("shut");
  for (const [port, role] of roles) ports[port] = role;
  return ports;
}
