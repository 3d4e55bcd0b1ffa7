/** Whether what was read back is the state of an appliance that this program understands. */
import { DobbsError } from "../errors.ts";
import type { Assignment } from "../model/assignment.ts";
import { NO_TALLY } from "../supervisor/initial-state.ts";
import { STATE_FORMAT, type ApplianceState } from "../supervisor/state.ts";
import { digest } from "../supervisor/succession.ts";
import { wrongPlace } from "./state-schema.ts";

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
  const wrong = wrongPlace(value) ?? wrongBuckets(value as ApplianceState);
  if (wrong !== null) throw damaged(path, `${wrong} is missing or wrong`);
  return withSince(value as ApplianceState);
}

export function damaged(path: string, why: string): DobbsError {
  return new DobbsError("E_STATE_DAMAGED", `the state file ${path} is damaged: ${why}`, BEGIN_ANEW);
}

export function newer(path: string, format: number): DobbsError {
  const message = `the state file ${path} has format ${format}, and this program knows up to ${STATE_FORMAT}`;
  return new DobbsError("E_STATE_NEWER", message, "Run the release of Dobbs that wrote it, or a newer one.");
}

/** What came later than the first files of this format, but for `since`. */
function withLaterMembers(value: Partial<ApplianceState>): Partial<ApplianceState> {
  const { tally = NO_TALLY, ...others } = value;
  const isWhole = typeof tally?.cut === "object";
  return { flowsCut: {}, ...withCut(others), tally: isWhole ? { ...tally, cut: { ...NO_TALLY.cut, ...tally.cut } } : tally };
}

function withCut<T extends Partial<ApplianceState>>(value: T): T {
  const { running } = value;
  const isThere = running?.kind === "reconfiguration" && typeof running.state === "object" && running.state !== null;
  return isThere ? { ...value, running: { ...running, state: { ...running.state, cut: running.state.cut ?? 0 } } } : value;
}

/**
 * Of owners it was not always noted since when they are in. Then they are since the assignment that is in force, or was before the one that is on its
 * way: nobody takes them for longer known than they are. What the switches are to have is one of these, or was before them.
 */
function withSince(saved: ApplianceState): ApplianceState {
  const { assignment, running, switches } = saved;
  const state = running?.kind === "reconfiguration" ? running.state : null;
  if (![assignment, switches.assignment, state?.last, state?.next].some(isUndated)) return saved;
  const last = state && dated(state.last, null);
  const next = state && dated(state.next, last);
  const sameAs = ({ generation }: Assignment, ...known: (Assignment | null)[]) => known.find((one) => one?.generation === generation);
  const inForce = sameAs(assignment, next, last) ?? dated(assignment, last);
  const steered = sameAs(switches.assignment, inForce, next, last) ?? dated(switches.assignment, null);
  return {
    ...saved,
    assignment: inForce,
    running: running?.kind === "reconfiguration" ? { ...running, state: { ...running.state, last: last!, next: next!, digest: digest(next!) } } : running,
    switches: { ...switches, assignment: steered },
  };
}

function isUndated(assignment: Assignment | undefined): boolean {
  return assignment?.owners.some((owner) => owner !== null && owner.since === undefined) ?? false;
}

/** `before`: an assignment that may have had the same owners, by number. */
function dated(assignment: Assignment, before: Assignment | null): Assignment {
  const since = (name: string, number: number): number => {
    const known = before?.owners[number];
    return known?.name === name && !known.away ? known.since : assignment.generation;
  };
  return { ...assignment, owners: assignment.owners.map((owner, number) => owner && { ...owner, since: owner.since ?? since(owner.name, number) }) };
}

/** What a schema cannot say: histories of as many buckets as there are, that name owners that there are. Null: all do. */
function wrongBuckets({ view, assignment, switches, running }: ApplianceState): string | null {
  const assignments: [string, Assignment][] = [["assignment", assignment], ["switches.assignment", switches.assignment]];
  if (running?.kind === "reconfiguration") {
    const { last, next } = running.state;
    assignments.push(["running.state.last", last], ["running.state.next", next]);
  }
  for (const [name, { owners, buckets }] of assignments) {
    if (buckets.length !== view.buckets) return `${name}.buckets`;
    const bucket = buckets.findIndex((history) => history.some((number) => (owners[number] ?? null) === null));
    if (bucket >= 0) return `${name}.buckets[${bucket}]`;
  }
  return null;
}
