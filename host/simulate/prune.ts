/** Keeps a plan of one piece when something has been taken out of it: what names a part that is gone goes too. */
import { APPLIANCE_MANAGER } from "../supervisor/messages.ts";
import type { FaultPlan, FlowPlan, OrderPlan, Plan, TopologyPlan } from "./plan.ts";

/** What a plan's pieces name. */
export interface Parts {
  readonly sites: readonly number[];
  readonly blades: readonly string[];
  readonly switches: readonly string[];
  readonly nodes: readonly string[];
  readonly managers: readonly string[];
  readonly links: readonly string[];
}

/** A field of a piece that names a part that is not there. */
export interface Stray {
  readonly field: string;
  readonly value: string | number;
  /** What it could name. */
  readonly known: readonly (string | number)[];
}

export function partsOf({ sites: count, switches, blades: plans }: TopologyPlan): Parts {
  const sites = Array.from({ length: count }, (_, site) => site);
  const blades = plans.map(({ name }) => name);
  const owners = plans.flatMap(({ name, vms }) => (vms === 0 ? [name] : Array.from({ length: vms }, (_, vm) => `${name}/vm${vm + 1}`)));
  const links = [
    ...sites.flatMap((site) => switches.map((name) => `up/${site}/${name}`)),
    ...blades.flatMap((blade) => switches.map((name) => `wire/${blade}/${name}`)),
    ...owners.map((owner) => `host/${owner}`),
  ];
  return { sites, blades, switches, nodes: [...blades, ...switches], managers: [APPLIANCE_MANAGER, ...blades], links };
}

/** The first stray of a piece; null: it has none. `after` of a flow is none: it is not about the topology. */
export const strayOf = {
  flow(flow: FlowPlan, { sites, blades }: Parts): Stray | null {
    if (!sites.includes(flow.site)) return { field: "site", value: flow.site, known: sites };
    if (flow.kind !== "forged") return null;
    const { from, to } = flow;
    if (!blades.includes(to)) return { field: "to", value: to, known: blades };
    return from !== null && !blades.includes(from) ? { field: "from", value: from, known: blades } : null;
  },
  order(order: OrderPlan, { blades, switches }: Parts): Stray | null {
    if ("blade" in order && !blades.includes(order.blade)) return { field: "blade", value: order.blade, known: blades };
    return "switch" in order && !switches.includes(order.switch) ? { field: "switch", value: order.switch, known: switches } : null;
  },
  fault(fault: FaultPlan, { blades, nodes, managers, links }: Parts): Stray | null {
    const among = (field: string, value: string, known: readonly string[]): Stray | null => (known.includes(value) ? null : { field, value, known });
    if ("link" in fault) return isWire(fault.link, links) ? null : { field: "link", value: fault.link, known: links };
    if ("who" in fault) return among("who", fault.who, managers);
    if ("node" in fault) return among("node", fault.node, nodes);
    if ("manager" in fault) return among("manager", fault.manager, managers);
    return "blade" in fault ? among("blade", fault.blade, blades) : null;
  },
};

export function prune(plan: Plan): Plan {
  const { topology, flows, orders, faults } = plan;
  const parts = partsOf(topology);
  const kept = new Set(flows.map(({ id }) => id));
  return {
    ...plan,
    flows: flows
      .filter((flow) => strayOf.flow(flow, parts) === null)
      .map((flow) => (flow.kind === "tcp" && flow.after !== null && !kept.has(flow.after) ? { ...flow, after: null } : flow)),
    orders: orders.filter((order) => strayOf.order(order, parts) === null),
    faults: faults.filter((fault) => strayOf.fault(fault, parts) === null),
  };
}

function isWire(link: string, links: readonly string[]): boolean {
  return links.some((name) => (link.endsWith("/") ? name.startsWith(link) : name === link));
}
