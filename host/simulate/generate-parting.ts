/**
 * A server that dies while its clients still ask for it, and that some hear of late: blades do not agree where packets that name it
 * belong. Connections begin there, their buckets move on, and it dies; of its peers some have the next assignment at once, and others
 * only when it has been delayed.
 */
import type { Random } from "../emulator/random.ts";
import type { Moments } from "./moment.ts";
import { chance, pick } from "./pick.ts";
import type { FaultPlan, OrderPlan, TopologyPlan } from "./plan.ts";

/** Of the plans with a focus in which connection ids name servers, percent. */
const PARTINGS = 60;
const MEMBERS_MIN = 3;
/** It is given most buckets, and connections begin; then the others get theirs, in the storm that begins with the focus. */
const GATHER_US = 900_000;
const BEGIN_US = 500_000;
const DIES_US_MIN = 700_000;
const DIES_US_MAX = 1_100_000;
const FAIL_US_MIN = 50_000;
const FAIL_US_MAX = 300_000;
const GATHERED = 80;
/** How late messages to the others are, percent of these; and for how long. */
const LATE = 50;
const LATE_US = 1_000_000;
const LATE_FOR_US = 1_800_000;
const LATE_SHARE = 0.8;

export interface Parting {
  /** When connections begin that are to be its. */
  readonly beginUs: number;
  readonly orders: readonly OrderPlan[];
  readonly faults: readonly FaultPlan[];
}

/** Null: there is none in this plan. */
export function generateParting({ quic, blades, buckets }: TopologyPlan, { focusUs, calmUs }: Moments, random: Random): Parting | null {
  const members = blades.filter(({ starts }) => starts).map(({ name }) => name);
  if (!quic || focusUs === null || members.length < MEMBERS_MIN || !chance(random, PARTINGS)) return null;
  const blade = pick(random, members);
  const gathered = Array.from({ length: buckets }, (_, bucket) => bucket).filter(() => chance(random, GATHERED));
  const atUs = focusUs + random.between(DIES_US_MIN, DIES_US_MAX);
  const window = { fromUs: atUs, toUs: Math.min(calmUs, atUs + LATE_FOR_US) };
  const late = members.filter((name) => name !== blade && chance(random, LATE));
  return {
    beginUs: focusUs - BEGIN_US,
    orders: [
      { kind: "move", blade, buckets: gathered, atUs: focusUs - GATHER_US, force: false },
      { kind: "fail", blade, atUs: atUs + random.between(FAIL_US_MIN, FAIL_US_MAX), force: false },
    ],
    faults: [
      { kind: "blade-crash", blade, atUs },
      { kind: "handover-loss", share: 1, fromUs: focusUs - GATHER_US, toUs: window.toUs },
      ...late.map((node): FaultPlan => ({ kind: "message-delay", node, share: LATE_SHARE, us: LATE_US, ...window })),
    ],
  };
}
