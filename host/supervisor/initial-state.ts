/** What an appliance manager begins with: on the first day, or with what was saved. Pure functions. */
import { DobbsError } from "../errors.ts";
import type { Filter, Forward } from "../model/appliance.ts";
import { STATE_FORMAT, type ApplianceState } from "./state.ts";
import { emptyAssignment } from "./succession.ts";
import type { SwitchRoleName } from "./switch-driver.ts";

/** A switch, and its role on the first day. */
export interface SwitchPlace {
  readonly name: string;
  readonly role: SwitchRoleName;
}

/** What the appliance file says. */
export interface FirstDay {
  readonly buckets: number;
  readonly assigner: string;
  readonly switches: readonly SwitchPlace[];
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
}

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
    switches: { serial: 0, roles: rolesOf(switches), assignment, behind: false },
    activation: null,
    tables: { revision: 0, filters, forward },
  };
}

/** Goes on with what was saved. Switches that are new in the appliance file come in, those that are gone are forgotten;
 *  everything else is as it was. Throws E_STATE_BUCKETS. */
export function restoredState(saved: ApplianceState, { buckets, switches }: FirstDay): ApplianceState {
  if (saved.view.buckets !== buckets) {
    throw new DobbsError(
      "E_STATE_BUCKETS",
      `the saved state has ${saved.view.buckets} buckets, and the appliance file ${buckets}`,
      "Put the number back, or stop all nodes and begin with an empty state.",
    );
  }
  const before = saved.switches.roles;
  const anyActive = switches.some(({ name }) => before[name] === "active");
  // A new one does not become active beside one that is.
  const roleOf = ({ name, role }: SwitchPlace): SwitchRoleName => before[name] ?? (anyActive ? "standby" : role);
  const roles = rolesOf(switches.map((place) => ({ name: place.name, role: roleOf(place) })));
  const names = Object.keys(before);
  if (names.length === switches.length && names.every((name) => roles[name] !== undefined)) return saved;
  const behind = saved.switches.assignment.generation > 0;
  return { ...saved, switches: { ...saved.switches, serial: saved.switches.serial + 1, roles, behind } };
}

function rolesOf(switches: readonly SwitchPlace[]): Record<string, SwitchRoleName> {
  return Object.fromEntries(switches.map(({ name, role }) => [name, role]));
}
