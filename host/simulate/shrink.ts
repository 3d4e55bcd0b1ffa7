/**
 * Makes a failing plan smaller: delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input,
 * 2002) over what it is made of, one kind of piece after another, until nothing can be left out.
 */
import type { FlowPlan, Plan } from "./plan.ts";
import { prune } from "./prune.ts";

/** Whether a plan still fails as the one before did. */
export type Fails = (plan: Plan) => boolean;

/** A kind of piece: the ones that a plan has, and the plan with some of them only. */
interface Dimension {
  readonly name: string;
  readonly pieces: (plan: Plan) => readonly number[];
  readonly keep: (plan: Plan, kept: ReadonlySet<number>) => Plan;
}

const indices = (list: readonly unknown[]): number[] => [...list.keys()];
const only = <T>(list: readonly T[], kept: ReadonlySet<number>): T[] => list.filter((_, index) => kept.has(index));

const DIMENSIONS: readonly Dimension[] = [
  {
    name: "faults",
    pieces: ({ faults }) => indices(faults),
    keep: (plan, kept) => ({ ...plan, faults: only(plan.faults, kept) }),
  },
  {
    name: "flows",
    pieces: ({ flows }) => indices(flows),
    keep: (plan, kept) => ({ ...plan, flows: only(plan.flows, kept) }),
  },
  {
    name: "orders",
    pieces: ({ orders }) => indices(orders),
    keep: (plan, kept) => ({ ...plan, orders: only(plan.orders, kept) }),
  },
  {
    name: "blades",
    pieces: ({ topology }) => indices(topology.blades),
    keep: (plan, kept) => ({ ...plan, topology: { ...plan.topology, blades: only(plan.topology.blades, kept) } }),
  },
  {
    name: "switches",
    pieces: ({ topology }) => indices(topology.switches),
    keep: (plan, kept) => ({ ...plan, topology: { ...plan.topology, switches: only(plan.topology.switches, kept) } }),
  },
  {
    name: "steps",
    pieces: ({ flows }) => indices(flows.flatMap(stepsOf)),
    keep: (plan, kept) => {
      let at = 0;
      return {
        ...plan,
        flows: plan.flows.map((flow) => (flow.kind === "tcp" ? { ...flow, steps: flow.steps.filter(() => kept.has(at++)) } : flow)),
      };
    },
  },
];

/** `isTimeUp`: the smallest plan so far is good enough. */
export function shrink(plan: Plan, fails: Fails, isTimeUp: () => boolean): Plan {
  let smallest = plan;
  for (let before: Plan | null = null; before !== smallest && !isTimeUp(); ) {
    before = smallest;
    for (const dimension of DIMENSIONS) smallest = reduce(smallest, dimension, fails, isTimeUp);
  }
  return smallest;
}

/** Leaves out as many pieces of one kind as can be: halves first, then quarters, ... */
function reduce(plan: Plan, { pieces, keep }: Dimension, fails: Fails, isTimeUp: () => boolean): Plan {
  let current = plan;
  let parts = 2;
  for (let left = pieces(current); left.length > 0; left = pieces(current)) {
    const size = Math.ceil(left.length / parts);
    const smaller = starts(left.length, size)
      .map((from) => left.filter((_, index) => index < from || index >= from + size))
      .map((kept) => (): Plan => prune(keep(current, new Set(kept))))
      .reduce<Plan | null>((found, make) => {
        if (found !== null || isTimeUp()) return found;
        const candidate = make();
        return isWhole(candidate) && fails(candidate) ? candidate : null;
      }, null);
    if (smaller !== null) {
      current = smaller;
      parts = Math.max(2, parts - 1);
    } else {
      if (size === 1 || isTimeUp()) break;
      parts = Math.min(left.length, parts * 2);
    }
  }
  return current;
}

/** Whether there is an appliance to run it on. */
function isWhole({ topology }: Plan): boolean {
  return topology.switches.length > 0 && topology.blades.some(({ starts }) => starts);
}

function starts(length: number, size: number): number[] {
  return Array.from({ length: Math.ceil(length / size) }, (_, part) => part * size);
}

function stepsOf(flow: FlowPlan): readonly unknown[] {
  return flow.kind === "tcp" ? flow.steps : [];
}
