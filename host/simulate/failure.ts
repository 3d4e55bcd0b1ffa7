/** A failed seed, made small and written down for a person. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_BOARD } from "../boards/board.ts";
import { generatePlan } from "./generate.ts";
import { describe } from "./operator.ts";
import type { FaultPlan, Plan } from "./plan.ts";
import type { Violation } from "./safety.ts";
import { shrink } from "./shrink.ts";
import type { Simulator } from "./simulator.ts";

/** What was run. */
export interface Ran {
  readonly seed: number;
  /** File of the plan; absent: that of the seed. */
  readonly plan?: string;
  /** Absent: the default one. */
  readonly board?: string;
}

export interface Failure {
  readonly ran: Ran;
  /** The first of the run as it was. */
  readonly violation: Violation;
  readonly plan: Plan;
  /** Null: the plan was run again, and did not fail. */
  readonly shrunk: { readonly violation: Violation; readonly trace: readonly string[] } | null;
}

/** A smaller plan may fail so much later, µs. */
const LATER_US = 3_000_000;

/** `isTimeUp`: whether to look no longer for a smaller plan. */
export function explain(simulator: Simulator, ran: Ran, violation: Violation, isTimeUp: () => boolean): Failure {
  // What has to come to an end shows at the end only.
  const untilUs = violation.kind === "unsettled" || violation.kind === "stuck" ? Infinity : violation.atUs + LATER_US;
  const fails = (plan: Plan): boolean => simulator.runPlan(plan, null, untilUs).violations[0]?.kind === violation.kind;
  const plan = shrink(generatePlan(ran.seed), fails, isTimeUp);
  const [found] = simulator.runPlan(plan).violations;
  if (!found) return { ran, violation, plan, shrunk: null };
  const flows = new Set(found.flow === null ? [] : [found.flow]);
  const { trace, violations } = simulator.runPlan(plan, flows);
  return { ran, violation, plan, shrunk: { violation: violations[0] ?? found, trace } };
}

/** Writes the trace as text and the plan as JSON into `folder`; returns their paths. */
export function writeFailure(folder: string, failure: Failure): { readonly text: string; readonly plan: string } {
  mkdirSync(folder, { recursive: true });
  const { seed } = failure.ran;
  const paths = { text: join(folder, `seed-${seed}.txt`), plan: join(folder, `seed-${seed}.json`) };
  writeFileSync(paths.text, failureText(failure));
  writeFileSync(paths.plan, `${JSON.stringify(failure.plan, null, 2)}\n`);
  return paths;
}

export function failureText({ ran, violation, plan, shrunk }: Failure): string {
  const lines = [`seed ${ran.seed}: ${violationText(violation)}`, `replay: ${replayCommand(ran)}`, ""];
  if (shrunk === null) return [...lines, "It did not fail when it was run again.", ""].join("\n");
  return [...lines, `made smaller: ${violationText(shrunk.violation)}`, ...planLines(plan), "", ...shrunk.trace, ""].join("\n");
}

/** For a shell. */
export function replayCommand({ seed, plan, board = DEFAULT_BOARD }: Ran): string {
  const what = plan === undefined ? `--seeds ${seed}` : `--plan ${shellWord(plan)}`;
  return `dobbs simulate ${what}${board === DEFAULT_BOARD ? "" : ` --board ${shellWord(board)}`}`;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function violationText({ kind, atUs, flow, what }: Violation): string {
  return `${kind} at ${(atUs / 1_000_000).toFixed(6)}s${flow === null ? "" : `, flow ${flow}`}: ${what}`;
}

function planLines({ topology, flows, orders, faults, calmUs }: Plan): string[] {
  const seconds = (us: number): string => `${(us / 1_000_000).toFixed(3)}s`;
  const blades = topology.blades.map(({ name, vms, starts }) => `${name}${vms > 0 ? ` (${vms} VMs)` : ""}${starts ? "" : " (later)"}`);
  return [
    `  blades: ${blades.join(", ")}; switches: ${topology.switches.join(", ")}; ${topology.buckets} buckets`,
    `  ${flows.length} ${flows.length === 1 ? "flow" : "flows"}${flows.length <= 4 ? `: ${flows.map((flow) => JSON.stringify(flow)).join(" ")}` : ""}`,
    ...orders.map((order) => `  order ${seconds(order.atUs)}: ${describe(order)}`),
    ...faults.map((fault) => `  fault: ${faultText(fault)}`),
    `  calm from ${seconds(calmUs)} on`,
  ];
}

function faultText({ kind, ...rest }: FaultPlan): string {
  return `${kind} ${Object.entries(rest).map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ")}`;
}
