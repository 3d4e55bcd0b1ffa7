/** The appliance of a plan, as its operator would write it down. */
import { type Appliance, type Blade, DEFAULT_HOST_PORT, ownersOfBlade } from "../model/appliance.ts";
import { connectionIdsInForm } from "../model/connection-ids.ts";
import { Random } from "../emulator/random.ts";
import { QUIC_IDLE_MS } from "./quic-connections.ts";
import { TUNNEL_IDLE_MS } from "./tunnels.ts";
import type { Plan, TopologyPlan } from "./plan.ts";

export const VIP4 = "10.20.0.1";
export const VIP6 = "fd00:20::1";
/** Questions to this UDP port are the current owner's to answer, whoever answered the one before. */
export const ASK_PORT = 53;
/** Sessions over UDP. */
export const TUNNEL_PORT = 51_820;
/** QUIC. */
export const QUIC_PORT = 443;
/** Encrypted in four rounds, for they are not of 16 bytes. */
const CONNECTION_IDS = { config: 0, serverIdBytes: 2, nonceBytes: 6, key: "8f95f09245765f80256934e50c66207f" } as const;
export const CID_BYTES = 1 + CONNECTION_IDS.serverIdBytes + CONNECTION_IDS.nonceBytes;
const UDP = 17;
const IDLE_MS = 60_000;
const PROVISIONAL_MS = 5_000;
const VMAC = "02:d0:bb:00:00:01";
const HASH_SEED_BYTES = 16;

export function applianceOf({ buckets, hash, sites, blades: plans, quic }: TopologyPlan): Appliance {
  const blades = plans.map(({ name, vms }, number) => bladeOf(name, vms, number, sites + number));
  const owners = blades.flatMap((blade) => ownersOfBlade(blade).map(({ owner }) => owner.name));
  return {
    name: "simulated",
    vips: [VIP4, VIP6],
    vmac: VMAC,
    buckets,
    hash,
    uplinks: Array.from({ length: sites }, (_, site) => site),
    blades,
    services: [
      { protocol: UDP, port: ASK_PORT, class: "none", idleMs: IDLE_MS, provisionalMs: PROVISIONAL_MS },
      { protocol: UDP, port: TUNNEL_PORT, class: "flow", idleMs: TUNNEL_IDLE_MS, provisionalMs: TUNNEL_IDLE_MS },
      ...(quic ? [{ protocol: UDP, port: QUIC_PORT, class: "cid", idleMs: QUIC_IDLE_MS, provisionalMs: QUIC_IDLE_MS } as const] : []),
    ],
    connectionIds: quic ? [connectionIdsInForm(CONNECTION_IDS, owners)] : [],
    filters: [],
    forward: [],
    switches: [],
  };
}

/** Keys the hash of addresses to buckets. */
export function hashSeedOf({ seed }: Plan): Uint8Array {
  return new Random(`simulation ${seed} hash`).fill(new Uint8Array(HASH_SEED_BYTES));
}

function bladeOf(name: string, vms: number, number: number, port: number): Blade {
  const mac = (vm: number): string => `02:b1:00:00:${hex(vm)}:${hex(number + 1)}`;
  return {
    name,
    mac: mac(0),
    port,
    weight: 1,
    vms: Array.from({ length: vms }, (_, vm) => ({ name: `vm${vm + 1}`, mac: mac(vm + 1), port: DEFAULT_HOST_PORT + vm })),
  };
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}
