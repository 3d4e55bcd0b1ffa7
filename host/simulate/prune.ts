/** Keeps a plan of one piece when something has been taken out of it: what names a part that is gone goes too. */
import { APPLIANCE_MANAGER } from "../supervisor/messages.ts";
import type { FaultPlan, FlowPlan, OrderPlan, Plan } from "./plan.ts";

export function prune(plan: Plan): Plan {
  const { topology, flows, orders, faults } = plan;
  const blades = new Set(topology.blades.map(({ name }) => name));
  const switches = new Set(topology.switches);
  const managers = new Set([APPLIANCE_MANAGER, ...blades]);
  const nodes = new Set([...blades, ...switches]);
  const kept = new Set(flows.map(({ id }) => id));
  const orderStays = (order: OrderPlan): boolean =>
    ("blade" in order ? blades.has(order.blade) : true) && ("switch" in order ? switches.has(order.switch) : true);
  const faultStays = (fault: FaultPlan): boolean => {
    if ("link" in fault) return linkStays(fault.link, plan);
    if ("who" in fault) return managers.has(fault.who);
    if ("node" in fault) return nodes.has(fault.node);
    if ("manager" in fault) return managers.has(fault.manager);
    return "blade" in fault ? blades.has(fault.blade) : true;
  };
  const flowStays = (flow: FlowPlan): boolean =>
    flow.site < topology.sites && (flow.kind !== "forged" || (blades.has(flow.to) && (flow.from === null || blades.has(flow.from))));
  return {
    ...plan,
    flows: flows
      .filter(flowStays)
      .map((flow) => (flow.kind === "tcp" && flow.after !== null && !kept.has(flow.after) ? { ...flow, after: null } : flow)),
    orders: orders.filter(orderStays),
    faults: faults.filter(faultStays),
  };
}

function linkStays(link: string, { topology }: Plan): boolean {
  const names = [
    ...Array.from({ length: topology.sites }, (_, site) => topology.switches.map((name) => `up/${site}/${name}`)).flat(),
    ...topology.blades.flatMap((blade) => topology.switches.map((name) => `wire/${blade.name}/${name}`)),
    "host/",
  ];
  return names.some((name) => (link.endsWith("/") ? name.startsWith(link) : name === link));
}
