/** What an appliance manager begins with: on the first day, or with what was saved. Pure functions. */
import { isDeepStrictEqual } from "node:util";
import { DobbsError } from "../errors.ts";
import type { Filter, Forward } from "../model/appliance.ts";
import { STATE_FORMAT, type ApplianceState, type Tables, type Tally } from "./state.ts";
import { emptyAssignment } from "./succession.ts";
import type { View } from "./view.ts";
import type { SwitchRoleName } from "./switch-driver.ts";

/** A switch, and its role on the first day. */
export interface SwitchPlace {
  readonly name: string;
  readonly role: SwitchRoleName;
}

type Roles = Readonly<Record<string, SwitchRoleName>>;

/** What the appliance file says. */
export interface FirstDay {
  readonly buckets: number;
  readonly assigner: string;
  readonly switches: readonly SwitchPlace[];
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
  /** Whether buckets are moved by load. */
  readonly byLoad: boolean;
}

export const NO_TALLY: Tally = { cut: { deadline: 0, failed: 0, forced: 0, flows: 0 }, declared: 0, declaredFalsely: 0 };

export function initialState({ buckets, assigner, switches, filters, forward }: FirstDay): ApplianceState {
  const assignment = emptyAssignment(buckets);
  return {
    format: STATE_FORMAT,
    view: { buckets, members: [], assigner, moves: [] },
    assignment,
    generation: 0,
    generationAt: null,
    requests: 0,
    running: null,
    waiting: [],
    drains: {},
    cuts: {},
    removals: {},
    fenced: {},
    tally: NO_TALLY,
    flowsCut: {},
    switches: { serial: 0, roles: rolesOf(switches), assignment, behind: false },
    activation: null,
    tables: { revision: 0, filters, forward },
  };
}

/**
 * Goes on with what was saved. Switches that are new in the appliance file come in, those that are gone are forgotten;
 * filter rules and stations are those of the file until they have been changed at run time; what load has made of weights
 * is forgotten when the file does not say so any more; everything else is as it was.
 * Throws E_STATE_BUCKETS.
 */
export function restoredState(saved: ApplianceState, first: FirstDay): ApplianceState {
  if (saved.view.buckets !== first.buckets) {
    throw new DobbsError(
      "E_STATE_BUCKETS",
      `the saved state has ${saved.view.buckets} buckets, and the appliance file ${first.buckets}`,
      "Put the number back, or stop all nodes and begin with an empty state.",
    );
  }
  const roles = rolesNow(saved.switches.roles, first.switches);
  const tables = tablesNow(saved, first);
  const view = first.byLoad ? saved.view : withoutFactors(saved.view);
  const sameRoles = isDeepStrictEqual(roles, saved.switches.roles);
  if (sameRoles && tables === saved.tables) return view === saved.view ? saved : { ...saved, view };
  const { switches } = saved;
  const behind = switches.assignment.generation > 0;
  return { ...saved, view, tables, switches: { ...switches, serial: switches.serial + 1, roles, behind } };
}

/** The weights are the operators' again. Buckets move back with the next rebalancing. */
function withoutFactors(view: View): View {
  if (view.members.every(({ factor }) => factor === undefined)) return view;
  return { ...view, members: view.members.map(({ factor: _, ...member }) => member) };
}

/** A new one does not become active beside one that is. */
function rolesNow(before: Roles, switches: readonly SwitchPlace[]): Roles {
  const anyActive = switches.some(({ name }) => before[name] === "active");
  return rolesOf(
    switches.map(({ name, role }) => ({ name, role: before[name] ?? (anyActive ? "standby" : role) })),
  );
}

function tablesNow({ tables }: ApplianceState, { filters, forward }: FirstDay): Tables {
  // What was saved has lost the members that are there and undefined.
  const same = JSON.stringify([filters, forward]) === JSON.stringify([tables.filters, tables.forward]);
  if (tables.revision > 0 || same) return tables;
  // Nodes that were started with the file before this one have to be told.
  return { revision: 1, filters, forward };
}

function rolesOf(switches: readonly SwitchPlace[]): Roles {
  return Object.fromEntries(switches.map(({ name, role }) => [name, role]));
}
