/** Makes a plan from a seed. The seed decides everything; what becomes of the plan is data from here on. */
import { Random } from "../emulator/random.ts";
import { generateFaults } from "./generate-faults.ts";
import { generateFlows } from "./generate-flows.ts";
import { generateOrders } from "./generate-orders.ts";
import { generateTopology } from "./generate-topology.ts";
import type { Plan } from "./plan.ts";

const CALM_US_MIN = 4_000_000;
const CALM_US_MAX = 7_000_000;

export function generatePlan(seed: number): Plan {
  const random = new Random(`simulation ${seed}`);
  const calmUs = random.between(CALM_US_MIN, CALM_US_MAX);
  const topology = generateTopology(random.fork("topology"));
  return {
    seed,
    topology,
    flows: generateFlows(topology, calmUs, random.fork("flows")),
    orders: generateOrders(topology, calmUs, random.fork("orders")),
    faults: generateFaults(topology, calmUs, random.fork("faults")),
    calmUs,
  };
}
