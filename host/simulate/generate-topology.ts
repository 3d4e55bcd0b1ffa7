/** Random appliances. */
import type { HashName } from "../model/appliance.ts";
import type { Random } from "../emulator/random.ts";
import { chance, pick, pickWeighted } from "./pick.ts";
import type { BladePlan, TopologyPlan } from "./plan.ts";

const NAMES = [
  "ardsley", "bedford", "croton", "dobbs-ferry", "elmsford", "glenwood", "hastings", "irvington",
  "katonah", "ossining", "peekskill", "rye", "scarsdale", "tarrytown", "valhalla", "yonkers",
];
const SWITCHES = ["west", "east"];
/** Appliances with a service whose connection ids name the server, percent. */
const QUIC = 35;
/** Appliances whose blades have small tables, percent. */
const CRAMPED = 15;
/** Appliances whose hosts take their time over what their NICs give them, percent. */
const SLOW_HOSTS = 30;
const SLOW_QUEUE_US_MIN = 20_000;
const SLOW_QUEUE_US_MAX = 150_000;
/** ms before an image's 32 bits of time wrap. */
const BEFORE_WRAP_MS = 3_000;
/** Better than the clocks of real machines are worse. */
const SKEW_PPM_MAX = 500;

export function generateTopology(random: Random): TopologyPlan {
  const count = pickWeighted(random, [[2, 2], [5, 3], [5, 4], [4, 5], [3, 6], [2, 8], [1, 12], [1, 16]]);
  const starting = random.between(Math.min(2, count), count);
  return {
    buckets: pick(random, [8, 16, 32, 64]),
    hash: pickWeighted<HashName>(random, [[4, "mix"], [1, "toeplitz"], [1, "low-bits"]]),
    sites: random.between(1, 2),
    switches: SWITCHES.slice(0, random.between(1, 2)),
    blades: NAMES.slice(0, count).map((name, number): BladePlan => ({
      name,
      vms: chance(random, 20) ? 2 : 0,
      starts: number < starting,
      skew: { ppm: random.between(-SKEW_PPM_MAX, SKEW_PPM_MAX), aheadMs: aheadMs(random) },
    })),
    batchUs: random.between(10, 300),
    hostQueueUs: hostQueueUs(random.between(200, 5_000), random.fork("queue")),
    wireUs: random.between(50, 2_000),
    timing: {
      pollMs: random.between(100, 400),
      retryMs: random.between(50, 150),
      prepareMs: random.between(1_000, 3_000),
      installMs: random.between(1_000, 3_000),
      forgetMs: random.between(50, 300),
      silentMs: random.between(1_000, 2_000),
      checkMs: random.between(400, 1_000),
    },
    failMs: chance(random, 25) ? random.between(2_500, 4_000) : null,
    quic: chance(random, QUIC),
    cramped: chance(random, CRAMPED),
  };
}

function aheadMs(random: Random): number {
  return chance(random, 20) ? 2 ** 32 - BEFORE_WRAP_MS : random.between(0, 1_000_000);
}

function hostQueueUs(mostly: number, random: Random): number {
  return chance(random, SLOW_HOSTS) ? random.between(SLOW_QUEUE_US_MIN, SLOW_QUEUE_US_MAX) : mostly;
}
