/**
 * Programming a switch: our own switch image (`image-switch.ts`), or a switch that is there already.
 */
import type { Assignment } from "../model/assignment.ts";

export type SwitchRoleName = "active" | "standby";

export interface SwitchDriver {
  /** For people. */
  readonly name: string;
  readonly role: SwitchRoleName;
  /** Puts an assignment in force, whole or not at all. Repeating the one in force is no error. `problem` is null, or
   *  one sentence that says why the switch still has what it had. */
  program(assignment: Assignment, onDone: (problem: string | null) => void): void;
}

/** Programs all the switches, one after the other: standby ones first, so that a take-over finds the new assignment.
 *  One that fails does not keep the others from getting it. `problems`: one sentence for each that failed. */
export function programSwitches(
  switches: readonly SwitchDriver[],
  assignment: Assignment,
  onDone: (problems: string[]) => void,
): void {
  const order = [...switches].sort((a, b) => Number(a.role === "active") - Number(b.role === "active"));
  const problems: string[] = [];
  const step = (at: number): void => {
    const driver = order[at];
    if (!driver) return onDone(problems);
    driver.program(assignment, (problem) => {
      if (problem !== null) problems.push(`${driver.name}: ${problem}`);
      step(at + 1);
    });
  };
  step(0);
}
