/**
 * Programming a switch: our own switch image (`image-switch.ts`), or a switch that is there already.
 */
import type { FilterEntry, ForwardStation, PortRoleName } from "../management/tables.ts";
import type { Assignment } from "../model/assignment.ts";

export type SwitchRoleName = "active" | "standby";

/** All that a switch is to have. */
export interface SwitchState {
  readonly assignment: Assignment;
  /** A standby switch drops everything. */
  readonly role: SwitchRoleName;
  /** By switch port: `uplink`, `fabric`, or `shut` (nothing in, nothing out; so is a failed blade's). Ports beyond the
   *  last are shut. */
  readonly ports: readonly PortRoleName[];
  /** First match wins. */
  readonly filters: readonly FilterEntry[];
  readonly forward: readonly ForwardStation[];
}

/** What a switch says of itself. */
export interface SwitchFound {
  /** Of the assignment in force; 0: none, a switch that was started anew. */
  readonly generation: number;
  /** Null: the switch cannot be asked, and this driver has not given it one. It is programmed again then. */
  readonly role: SwitchRoleName | null;
}

export interface SwitchDriver {
  /** Unique among the switches of an appliance. */
  readonly name: string;
  /** Puts a state in force, whole or not at all. Repeating the one in force is no error; one of an older generation
   *  than is in force is, and changes nothing. `problem` is null, or one sentence that says why not. */
  program(state: SwitchState, onDone: (problem: string | null) => void): void;
  /** Null: no answer. */
  check(onChecked: (found: SwitchFound | null) => void): void;
}

/** Why a switch has not been programmed. */
export interface SwitchProblem {
  readonly switch: string;
  readonly why: string;
}

/** What all the switches are to have; each has its own role. */
export interface SwitchesState extends Omit<SwitchState, "role"> {
  /** By switch name. */
  readonly roles: Readonly<Record<string, SwitchRoleName>>;
}

/** Programs all the switches that have a role, one after the other: standby ones first, so that a take-over finds the new
 *  assignment, and no two are active at once. One that fails does not keep the others from getting theirs. */
export function programSwitches(
  switches: readonly SwitchDriver[],
  { roles, ...common }: SwitchesState,
  onDone: (problems: SwitchProblem[]) => void,
): void {
  const named = new Map(switches.map((driver) => [driver.name, driver]));
  const order = Object.entries(roles).sort(
    ([a, roleOfA], [b, roleOfB]) =>
      Number(roleOfA === "active") - Number(roleOfB === "active") || (a < b ? -1 : 1),
  );
  const problems: SwitchProblem[] = [];
  const step = (at: number): void => {
    const place = order[at];
    if (!place) return onDone(problems);
    const [name, role] = place;
    const driver = named.get(name);
    const done = (problem: string | null): void => {
      if (problem !== null) problems.push({ switch: name, why: problem });
      step(at + 1);
    };
    if (driver) driver.program({ ...common, role }, done);
    else done("this traffic manager has no way to it");
  };
  step(0);
}

/** Asks those of the switches that are named, one after the other. */
export function checkSwitches(
  switches: readonly SwitchDriver[],
  names: readonly string[],
  onChecked: (found: Record<string, SwitchFound | null>) => void,
): void {
  const found: Record<string, SwitchFound | null> = {};
  const step = (at: number): void => {
    const name = names[at];
    if (name === undefined) return onChecked(found);
    const next = (answer: SwitchFound | null): void => {
      found[name] = answer;
      step(at + 1);
    };
    const driver = switches.find((candidate) => candidate.name === name);
    if (driver) driver.check(next);
    else next(null);
  };
  step(0);
}
