/** What a plan file can get wrong beyond its schema: names and ports that lead nowhere, and what there may be only once. */
import { fieldName, type Path, type Problem } from "../files/problem.ts";
import { APPLIANCE_MANAGER, isTakenName } from "../model/taken-name.ts";
import { ASK_PORT, QUIC_PORT, TUNNEL_PORT } from "./appliance-plan.ts";
import type { FlowPlan, Plan } from "./plan.ts";
import { partsOf, strayOf, type Stray } from "./prune.ts";
import { PORTS } from "./services.ts";

type Problems = Generator<Omit<Problem, "code">, void>;

/** All problems of a plan that has passed the schema, in the order of the file. */
export function* checkPlan(plan: Plan): Problems {
  const { topology, flows, orders, faults } = plan;
  const parts = partsOf(topology);
  yield* checkNames(plan);
  const ids = new Map<number, number>();
  for (const [index, flow] of flows.entries()) {
    const path = ["flows", index];
    const first = ids.get(flow.id);
    if (first !== undefined) yield { path: [...path, "id"], message: `flows[${first}] has the id ${flow.id}, too`, mend: "Give each flow an id of its own." };
    else ids.set(flow.id, index);
    yield* checkAfter(flow, flows.slice(0, index), path);
    yield* checkService(flow, plan, path);
    yield* checkStray(strayOf.flow(flow, parts), path);
  }
  for (const [index, order] of orders.entries()) {
    const path = ["orders", index];
    yield* checkStray(strayOf.order(order, parts), path);
    const bucket = order.kind === "move" ? order.buckets.findIndex((number) => number >= topology.buckets) : -1;
    if (bucket >= 0) yield { path: [...path, "buckets", bucket], message: "there is no such bucket", mend: `Write a number below ${topology.buckets}.` };
  }
  for (const [index, fault] of faults.entries()) yield* checkStray(strayOf.fault(fault, parts), ["faults", index]);
}

function* checkNames({ topology: { blades, switches } }: Plan): Problems {
  const places = new Map<string, Path>();
  const named: [Path, string][] = [
    ...switches.map((name, index): [Path, string] => [["topology", "switches", index], name]),
    ...blades.map(({ name }, index): [Path, string] => [["topology", "blades", index, "name"], name]),
  ];
  for (const [path, name] of named) {
    const first = places.get(name);
    if (first) yield { path, message: `${fieldName(first)} is called "${name}", too`, mend: "Rename one of the two." };
    places.set(name, path);
    if (name === APPLIANCE_MANAGER || isTakenName(name)) yield { path, message: `no blade or switch can be called "${name}"`, mend: "Give it another name." };
  }
  if (!blades.some(({ starts }) => starts)) {
    yield { path: ["topology", "blades"], message: "no blade is a member from the beginning", mend: "Write `starts: true` at one of them." };
  }
}

function* checkAfter(flow: FlowPlan, before: readonly FlowPlan[], path: Path): Problems {
  if (flow.kind !== "tcp" || flow.after === null || before.some(({ kind, id }) => kind === "tcp" && id === flow.after)) return;
  yield { path: [...path, "after"], message: `no flow of the kind tcp before this one has the id ${flow.after}`, mend: "Name one that stands before it, or write null." };
}

/** Whether there is a service of its kind at its port of the VIP. */
function* checkService(flow: FlowPlan, { topology }: Plan, path: Path): Problems {
  const ports = portsOf(flow);
  if (flow.kind === "quic" && !topology.quic) {
    yield { path: [...path, "kind"], message: "there is no service for QUIC", mend: "Set `topology.quic` to true." };
  } else if (ports !== null && "vipPort" in flow && !ports.includes(flow.vipPort)) {
    yield { path: [...path, "vipPort"], message: `nothing for flows of the kind ${flow.kind} is at port ${flow.vipPort}`, mend: `Write ${oneOf(ports)}.` };
  }
}

/** Null: any will do. */
function portsOf({ kind }: FlowPlan): readonly number[] | null {
  switch (kind) {
    case "tcp":
      return Object.values(PORTS);
    case "ask":
      return [ASK_PORT];
    case "tunnel":
      return [TUNNEL_PORT];
    case "quic":
      return [QUIC_PORT];
    default:
      return null;
  }
}

function* checkStray(stray: Stray | null, path: Path): Problems {
  if (stray === null) return;
  const { field, value, known } = stray;
  yield { path: [...path, field], message: `${JSON.stringify(value)} is not in the topology`, mend: `Name ${oneOf(known)}.` };
}

function oneOf(values: readonly (string | number)[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
}
