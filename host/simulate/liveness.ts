/** Whether everything has come to rest once nothing fails any more. */
import { bladesOf } from "../supervisor/view.ts";
import type { QuicFlow } from "./quic-flow.ts";
import type { TunnelFlow } from "./tunnel-flow.ts";
import { AskFlow } from "./ask-flow.ts";
import { NeighbourFlow } from "./neighbour-flow.ts";
import type { Safety, Violation } from "./safety.ts";
import type { TcpFlow } from "./tcp-flow.ts";
import type { World } from "./world.ts";

/** What has not, in words. */
export function unsettled(world: World, flows: readonly TcpFlow[], others: readonly (AskFlow | TunnelFlow | QuicFlow | NeighbourFlow)[], safety: Safety): Pick<Violation, "kind" | "flow" | "what">[] {
  const unanswered = others
    .filter((flow) => !flow.isOver && (flow instanceof AskFlow || flow instanceof NeighbourFlow || !safety.isLost(flow)))
    .map(({ plan, answered }) => ({ kind: "stuck", flow: plan.id, what: `packet ${answered + 1} of ${plan.count} is not answered` }) as const);
  return [...openFlows(flows, safety), ...unanswered, ...unsettledAppliance(world).map((what) => ({ kind: "unsettled", flow: null, what }) as const)];
}

function openFlows(flows: readonly TcpFlow[], safety: Safety): Pick<Violation, "kind" | "flow" | "what">[] {
  const byId = new Map(flows.map((flow) => [flow.plan.id, flow]));
  /** One whose tuple has not become free because the connection before it was lost. */
  const waitsInVain = ({ plan, outcome }: TcpFlow): boolean => {
    const before = plan.after === null ? undefined : byId.get(plan.after);
    return outcome === "waiting" && before !== undefined && (safety.isLost(before) || waitsInVain(before));
  };
  return flows
    .filter((flow) => !flow.isOver && !safety.isLost(flow) && !waitsInVain(flow))
    .map((flow) => ({ kind: "stuck", flow: flow.plan.id, what: `${flow.outcome} at step ${flow.step}` }) as const);
}

function unsettledAppliance({ saved, manager, blades, switches }: World): string[] {
  if (saved === null || manager === null) return ["there is no appliance manager"];
  const { phase, waiting } = manager.status();
  const problems: string[] = [];
  if (phase !== "idle") problems.push(`a reconfiguration is in the phase ${phase}`);
  if (waiting.length > 0) problems.push(`requests wait: ${waiting.join(", ")}`);
  if (saved.switches.behind) problems.push("the switches do not have what they are to have");
  const long = saved.assignment.buckets.filter((history) => history.length !== 1).length;
  if (long > 0) problems.push(`${long} buckets have a history that is not empty`);
  const draining = bladesOf(saved.view, "draining");
  if (draining.length > 0) problems.push(`still draining: ${draining.join(", ")}`);
  const { generation } = saved.assignment;
  for (const blade of bladesOf(saved.view, "active")) {
    const inForce = blades.get(blade)!.manager?.status().generation ?? 0;
    if (inForce !== generation) problems.push(`${blade} has generation ${inForce}, and not ${generation}`);
  }
  for (const [name, node] of switches) if (!node.isOn) problems.push(`switch ${name} is off`);
  return problems;
}
