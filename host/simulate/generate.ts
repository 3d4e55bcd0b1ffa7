/** Makes a plan from a seed. The seed decides everything; what becomes of the plan is data from here on. */
import { Random } from "../emulator/random.ts";
import { generateFaults } from "./generate-faults.ts";
import { generateFlows } from "./generate-flows.ts";
import { generateOrders } from "./generate-orders.ts";
import { generateParting } from "./generate-parting.ts";
import { generateTopology } from "./generate-topology.ts";
import { chance } from "./pick.ts";
import type { Plan } from "./plan.ts";

const FIRST_US = 300_000;
const CALM_US_MIN = 4_000_000;
const CALM_US_MAX = 6_500_000;
/** Plans in which much happens at about the same time, percent; and how long before the calm that is. */
const FOCUSED = 75;
const FOCUS_FIRST_US = 1_200_000;
const FOCUS_BEFORE_CALM_US = 1_500_000;

export function generatePlan(seed: number): Plan {
  const random = new Random(`simulation ${seed}`);
  const calmUs = random.between(CALM_US_MIN, CALM_US_MAX);
  const topology = generateTopology(random.fork("topology"));
  const focusUs = chance(random, FOCUSED) ? random.between(FOCUS_FIRST_US, calmUs - FOCUS_BEFORE_CALM_US) : null;
  const moments = { firstUs: FIRST_US, calmUs, focusUs };
  const parting = generateParting(topology, moments, random.fork("parting"));
  return {
    seed,
    topology,
    flows: generateFlows(topology, moments, parting?.beginUs ?? null, random.fork("flows")),
    orders: [...generateOrders(topology, moments, random.fork("orders")), ...(parting?.orders ?? [])].sort((a, b) => a.atUs - b.atUs),
    faults: [...generateFaults(topology, moments, random.fork("faults")), ...(parting?.faults ?? [])],
    calmUs,
  };
}
