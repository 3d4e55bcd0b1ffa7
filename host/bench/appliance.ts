/** The appliance that is measured: a blade with one host, a peer that may be a previous owner, and their switch. */
import type { PortRoleName } from "../management/tables.ts";
import type { AssignedOwner, History } from "../model/assignment.ts";
import type { NodeSetup } from "../supervisor/node-setup.ts";

export const VIP = "192.0.2.10";
export const VMAC = "02:d0:bb:00:00:01";
/** The router behind which all clients are. */
export const ROUTER_MAC = "02:d0:bb:00:00:02";
export const GENERATION = 1;
export const BUCKETS = 256;

/** A blade's host port; its wire has the port number that the image exports. */
export const HOST_PORT = 1;
/** The switch's port to the clients. */
export const UPLINK_PORT = 0;

/** By number: histories name them so. The blade that is measured is SELF. */
export const SELF = 0;
export const PEER = 1;
export const OWNERS: readonly [self: AssignedOwner, peer: AssignedOwner] = [
  { name: "dobbs-ferry", mac: "02:d0:bb:00:01:01", blade: "dobbs-ferry", port: 1, since: 1 },
  { name: "ardsley", mac: "02:d0:bb:00:01:02", blade: "ardsley", port: 2, since: 1 },
];

/** Any 16 bytes do: the hash spreads addresses well under each. */
const HASH_SEED = Uint8Array.from({ length: 16 }, (_, index) => 0xd0 + index);

/** The blade of one owner; `history` is that of every bucket. */
export function bladeSetup(owner: typeof SELF | typeof PEER, history: History): NodeSetup {
  const localOwners = [{ mac: OWNERS[owner].mac, owner, port: HOST_PORT }];
  return setup(["fabric", "host"], localOwners, history);
}

export function switchSetup(history: History): NodeSetup {
  return setup(["uplink", "fabric", "fabric"], [], history);
}

function setup(
  ports: readonly PortRoleName[],
  localOwners: NodeSetup["identity"]["localOwners"],
  history: History,
): NodeSetup {
  return {
    identity: { vmac: VMAC, vips: [VIP], hash: "mix", seed: HASH_SEED, redirect: true, ports, localOwners },
    assignment: { generation: GENERATION, owners: OWNERS, buckets: Array<History>(BUCKETS).fill(history) },
    services: [],
    connectionIds: [],
    filters: [],
    forward: [],
  };
}
