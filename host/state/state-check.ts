/** Whether what was read back is the state of an appliance that this program understands. */
import { DobbsError } from "../errors.ts";
import type { Assignment } from "../model/assignment.ts";
import { NO_TALLY } from "../supervisor/initial-state.ts";
import { STATE_FORMAT, type ApplianceState } from "../supervisor/state.ts";

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

/** Owners of whom it was not noted since when they are in: from that assignment on. Nobody takes them for longer known than they are. */
function withSince<T extends Partial<ApplianceState>>(value: T): T {
  const dated = (assignment: Assignment): Assignment => ({
    ...assignment,
    owners: assignment.owners.map((owner) => owner && { ...owner, since: owner.since ?? assignment.generation }),
  });
  const { assignment, running } = value;
  const isMove = running?.kind === "reconfiguration";
  return {
    ...value,
    ...(Array.isArray(assignment?.owners) && { assignment: dated(assignment) }),
    ...(isMove && { running: { ...running, state: { ...running.state, last: dated(running.state.last), next: dated(running.state.next) } } }),
  };
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
  return value.assignment.buckets.length === value.view.buckets ? null : "assignment.buckets";
}

function isOf(kind: Kind, value: unknown): boolean {
  if (value === null) return kind.endsWith("or null");
  if (Array.isArray(value)) return kind === "array";
  return kind.startsWith(typeof value);
}
