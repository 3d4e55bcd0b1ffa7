/** Whether what was read back is the state of an appliance that this program understands. */
import { DobbsError } from "../errors.ts";
import type { Assignment } from "../model/assignment.ts";
import { NO_TALLY } from "../supervisor/initial-state.ts";
import { STATE_FORMAT, type ApplianceState } from "../supervisor/state.ts";
import { digest } from "../supervisor/succession.ts";

const BEGIN_ANEW = "Restore the file from a copy, or move it away, stop all nodes and begin anew.";

/** `path` is for people. Throws E_STATE_NEWER or E_STATE_DAMAGED. */
export function parseState(json: string, path: string): ApplianceState {
  let value: Partial<ApplianceState> | null;
  try {
    value = JSON.parse(json) as Partial<ApplianceState> | null;
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
  const format = value?.format as number | undefined;
  if (typeof format === "number" && format > STATE_FORMAT) throw newer(path, format);
  if (value !== null && typeof value === "object") value = withLaterMembers(value);
  const missing = value === null ? "everything" : whatIsWrong(value);
  if (missing !== null) throw damaged(path, `${missing} is missing or wrong`);
  return value as ApplianceState;
}

export function damaged(path: string, why: string): DobbsError {
  return new DobbsError("E_STATE_DAMAGED", `the state file ${path} is damaged: ${why}`, BEGIN_ANEW);
}

export function newer(path: string, format: number): DobbsError {
  const message = `the state file ${path} has format ${format}, and this program knows up to ${STATE_FORMAT}`;
  return new DobbsError("E_STATE_NEWER", message, "Run the release of Dobbs that wrote it, or a newer one.");
}

/** What came later than the first files of this format. */
function withLaterMembers(value: Partial<ApplianceState>): Partial<ApplianceState> {
  const { tally = NO_TALLY, ...others } = value;
  const isWhole = typeof tally?.cut === "object";
  return { flowsCut: {}, ...withSince(others), tally: isWhole ? { ...tally, cut: { ...NO_TALLY.cut, ...tally.cut } } : tally };
}

/**
 * Of owners it was not always noted since when they are in. Then they are since the assignment that is in force, or was before the one that is on its
 * way: nobody takes them for longer known than they are.
 */
function withSince<T extends Partial<ApplianceState>>(value: T): T {
  const { assignment, running } = value;
  if (!Array.isArray(assignment?.owners)) return value;
  const state = running?.kind === "reconfiguration" ? running.state : null;
  if (!Array.isArray(state?.last?.owners) || !Array.isArray(state.next?.owners)) return { ...value, assignment: dated(assignment, null) };
  const last = dated(state.last, null);
  const next = dated(state.next, last);
  return {
    ...value,
    assignment: assignment.generation === next.generation ? next : dated(assignment, last),
    running: { ...running, state: { ...state, last, next, digest: digest(next) } },
  };
}

/** `before`: an assignment that may have had the same owners, by number. */
function dated(assignment: Assignment, before: Assignment | null): Assignment {
  const since = (name: string, number: number): number => {
    const known = before?.owners[number];
    return known?.name === name && !known.away ? known.since : assignment.generation;
  };
  return { ...assignment, owners: assignment.owners.map((owner, number) => owner && { ...owner, since: owner.since ?? since(owner.name, number) }) };
}

type Kind = "number" | "object" | "array" | "object or null" | "number or null";

/** Every member of the state, and what it has to be. */
const MEMBERS: Readonly<Record<keyof ApplianceState, Kind>> = {
  format: "number",
  view: "object",
  assignment: "object",
  generation: "number",
  generationAt: "number or null",
  requests: "number",
  running: "object or null",
  waiting: "array",
  drains: "object",
  cuts: "object",
  removals: "object",
  fenced: "object",
  tally: "object",
  flowsCut: "object",
  switches: "object",
  activation: "object or null",
  tables: "object",
};

/** The name of the first member that is not what it has to be; null: all are. */
function whatIsWrong(value: Partial<ApplianceState>): string | null {
  const wrong = Object.entries(MEMBERS).find(([name, kind]) => !isOf(kind, value[name as keyof ApplianceState]));
  if (wrong) return wrong[0];
  if (!Array.isArray(value.view?.members)) return "view.members";
  if (!Array.isArray(value.assignment?.buckets) || !Array.isArray(value.assignment.owners)) return "assignment.buckets";
  if (value.assignment.buckets.length !== value.view.buckets) return "assignment.buckets";
  const { running } = value;
  const isWhole = running?.kind !== "reconfiguration" || [running.state?.last, running.state?.next].every((assignment) => Array.isArray(assignment?.owners));
  return isWhole ? null : "running.state";
}

function isOf(kind: Kind, value: unknown): boolean {
  if (value === null) return kind.endsWith("or null");
  if (Array.isArray(value)) return kind === "array";
  return kind.startsWith(typeof value);
}
