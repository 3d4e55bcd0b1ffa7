/** Random faults. */
import type { Random } from "../emulator/random.ts";
import { APPLIANCE_MANAGER } from "../supervisor/messages.ts";
import { when, type Moments } from "./moment.ts";
import { chance, pick, pickWeighted } from "./pick.ts";
import type { FaultPlan, Moment, TopologyPlan } from "./plan.ts";

const FAULTS_MAX = 12;
const WINDOW_US_MIN = 50_000;
const WINDOW_US_MAX = 2_500_000;
/** A partition is shorter than a client's patience. */
const PARTITION_US_MAX = 1_500_000;

/** Messages of a traffic manager, and of the appliance manager, after which one can be killed. */
const TRAFFIC_MANAGER_SENDS = [
  "HELLO", "PUT", "SEED", "REMOVE", "LIST", "PIN", "UNPIN", "COMPLETE", "SEAL", "UNSEAL", "BUCKETS", "LOCATE",
  "prepared", "installed", "switched", "sessions", "counted",
];
const APPLIANCE_MANAGER_SENDS = ["prepare", "abort", "install", "switch", "lead", "count", "tables"];

/** Focused plans in which frames are so late that an assignment overtakes them, percent; how late, and how many. */
const SLOW = 50;
const SLOW_US_MIN = 300_000;
const SLOW_US_MAX = 900_000;
const SLOW_SHARE = 0.33;
/** Before the focus: lists that current owners have by then tell them as much. */
const BEFORE_FOCUS_US = 600_000;

/** Of the other focused plans, those in which what managers say of one assignment comes under another, percent: their lists, or whatever they say. */
const LATE = 70;
const LATE_US_MIN = 500_000;
const LATE_US_MAX = 2_500_000;
const LATE_SHARE = 0.6;
/** Focused plans in which NICs lose again and again what they have learned, percent; how often, and for how long they are away. */
const RESTLESS = 50;
const RESTARTS_MIN = 4;
const RESTARTS_MAX = 12;
const RESTART_US_MAX = 20_000;
/** The appliance manager asks every blade, for each move. */
const PREPARES = 50;

type MakeFault = (topology: TopologyPlan, moments: Moments, random: Random) => FaultPlan;

function window(moments: Moments, random: Random, mostUs = WINDOW_US_MAX) {
  const fromUs = Math.min(when(moments, random), moments.calmUs - WINDOW_US_MIN);
  return { fromUs, toUs: Math.min(moments.calmUs, fromUs + random.between(WINDOW_US_MIN, mostUs)) };
}

function share(random: Random, mostPercent: number): number {
  return random.between(1, mostPercent) / 100;
}

const blade = ({ blades }: TopologyPlan, random: Random): string => pick(random, blades).name;
const node = (topology: TopologyPlan, random: Random): string => chance(random, 25) ? pick(random, topology.switches) : blade(topology, random);
const manager = (topology: TopologyPlan, random: Random): string => chance(random, 40) ? APPLIANCE_MANAGER : blade(topology, random);

/** Any wire but those between a NIC and its host: these lose nothing to speak of, and what they delay has a bound. */
function link({ sites, switches, blades }: TopologyPlan, random: Random): string {
  const kind = pick(random, ["up", "wire", "wire"]);
  if (chance(random, 25)) return `${kind}/`;
  const end = kind === "up" ? String(random.between(0, sites - 1)) : pick(random, blades).name;
  return chance(random, 30) ? `${kind}/${end}/` : `${kind}/${end}/${pick(random, switches)}`;
}

function moment(who: string, moments: Moments, random: Random): Moment {
  if (chance(random, 25)) return { atUs: when(moments, random) };
  if (who !== APPLIANCE_MANAGER) return { sent: pick(random, TRAFFIC_MANAGER_SENDS), nth: random.between(1, 12) };
  return chance(random, 50) ? { saved: random.between(3, 60) } : { sent: pick(random, APPLIANCE_MANAGER_SENDS), nth: random.between(1, 30) };
}

const kill: MakeFault = (topology, m, random) => {
  const who = manager(topology, random);
  return { kind: "kill", manager: who, when: moment(who, m, random), downUs: random.between(1_000, 1_500_000) };
};

const FAULTS: readonly (readonly [weight: number, make: MakeFault])[] = [
  [5, (t, m, r) => ({ kind: "loss", link: link(t, r), share: share(r, 40), ...window(m, r) })],
  [5, (t, m, r) => ({ kind: "duplicate", link: link(t, r), share: share(r, 50), us: r.between(0, 400_000), ...window(m, r) })],
  [6, (t, m, r) => ({ kind: "delay", link: link(t, r), share: share(r, 50), us: r.between(1_000, 600_000), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "partition", link: link(t, r), ...window(m, r, PARTITION_US_MAX) })],
  [1, (t, m, r) => ({ kind: "loss", link: "host/", share: share(r, 10), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "mail-loss", who: manager(t, r), share: share(r, 100), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "mail-repeat", who: manager(t, r), share: share(r, 60), us: r.between(0, 1_000_000), ...window(m, r) })],
  [4, (t, m, r) => ({ kind: "mail-delay", who: manager(t, r), share: share(r, 60), us: r.between(1_000, 1_500_000), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "message-loss", node: node(t, r), share: share(r, 100), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "answer-loss", node: node(t, r), share: share(r, 80), ...window(m, r) })],
  [3, (t, m, r) => ({ kind: "message-repeat", node: node(t, r), share: share(r, 60), us: r.between(0, 800_000), ...window(m, r) })],
  [4, (t, m, r) => ({ kind: "message-delay", node: node(t, r), share: share(r, 50), us: r.between(1_000, 1_000_000), ...window(m, r) })],
  [2, (t, m, r) => ({ kind: "message-cut", node: node(t, r), share: share(r, 60), ...window(m, r) })],
  [2, (t, m, r) => ({ kind: "blade-crash", blade: blade(t, r), atUs: when(m, r) })],
  [5, (t, m, r) => ({ kind: "shim-restart", node: node(t, r), atUs: when(m, r), downUs: r.between(0, 800_000) })],
  [4, (t, m, r) => ({ kind: "trap", node: node(t, r), when: { atUs: when(m, r) }, during: pick(r, ["process", "manage"]) })],
  [9, kill],
  [2, (t, m, r) => ({ kind: "sleep", manager: manager(t, r), atUs: when(m, r), us: r.between(50_000, 1_500_000) })],
];

export function generateFaults(topology: TopologyPlan, moments: Moments, random: Random): FaultPlan[] {
  const count = random.between(0, FAULTS_MAX);
  const faults = Array.from({ length: count }, () => pickWeighted(random, FAULTS)(topology, moments, random));
  const slow = overtaken(moments, random.fork("overtaken"));
  return [...faults, ...(slow.length > 0 ? slow : late(topology, moments, random.fork("late"))), ...restless(topology, moments, random.fork("restless"))];
}

/** Between owners, frames that are late by more than it takes to move a bucket; and few handover lists, so that there are frames
 *  between owners. What comes to an owner then is of an assignment that is not in force there any more. */
function overtaken({ focusUs, calmUs }: Moments, random: Random): FaultPlan[] {
  if (focusUs === null || !chance(random, SLOW)) return [];
  const slow = { kind: "delay", link: "wire/", share: SLOW_SHARE, us: random.between(SLOW_US_MIN, SLOW_US_MAX), fromUs: focusUs, toUs: calmUs } as const;
  return [slow, { kind: "handover-loss", share: random.between(50, 100) / 100, fromUs: focusUs - BEFORE_FOCUS_US, toUs: calmUs }];
}

function late(topology: TopologyPlan, { focusUs, calmUs }: Moments, random: Random): FaultPlan[] {
  if (focusUs === null || !chance(random, LATE)) return [];
  const how = { share: LATE_SHARE, us: random.between(LATE_US_MIN, LATE_US_MAX), fromUs: focusUs, toUs: calmUs };
  if (chance(random, 50)) return [{ kind: "handover-delay", ...how }];
  return topology.blades.map(({ name }): FaultPlan => ({ kind: "mail-delay", who: name, ...how, share: how.share / 2 }));
}

/** Blades' NICs that are started anew while buckets move, many just before a move, so that a look at the sockets comes soon after. */
function restless(topology: TopologyPlan, moments: Moments, random: Random): FaultPlan[] {
  if (moments.focusUs === null || !chance(random, RESTLESS)) return [];
  return Array.from({ length: random.between(RESTARTS_MIN, RESTARTS_MAX) }, (): FaultPlan => {
    const name = blade(topology, random);
    if (chance(random, 25)) return { kind: "shim-restart", node: name, atUs: when(moments, random), downUs: random.between(0, RESTART_US_MAX) };
    return { kind: "trap", node: name, when: { sent: "prepare", nth: random.between(1, PREPARES) }, during: "process" };
  });
}
