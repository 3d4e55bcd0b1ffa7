/** What the leading traffic manager does about the switches: programs them, and asks them what they have. */
import type { Assignment } from "../model/assignment.ts";
import type { Clock } from "./environment.ts";
import type { Order, Report } from "./messages.ts";
import { digest } from "./succession.ts";
import { checkSwitches, programSwitches, type SwitchDriver, type SwitchFound } from "./switch-driver.ts";

type SwitchOrder = Extract<Order, { kind: "switch" }>;

/** One that has not been told to lead for this long does not. */
const LEAD_MS = 3_000;

export class SwitchLeader {
  readonly #clock: Clock;
  readonly #report: (report: Report) => void;
  #switches: readonly SwitchDriver[];
  /** Of the newest order: an older one may still be on its way. */
  #serial = 0;
  #programming = false;
  #checking = false;
  #ledAt: number | null = null;
  #found: Record<string, SwitchFound | null> = {};

  constructor(clock: Clock, switches: readonly SwitchDriver[], report: (report: Report) => void) {
    this.#clock = clock;
    this.#switches = switches;
    this.#report = report;
  }

  set switches(switches: readonly SwitchDriver[]) {
    this.#switches = switches;
  }

  /** What the switches said last; null: this one does not lead. */
  get found(): Readonly<Record<string, SwitchFound | null>> | null {
    const leads = this.#ledAt !== null && this.#clock.now() - this.#ledAt <= LEAD_MS;
    return leads ? this.#found : null;
  }

  /** `installed`: what is in force here. Only that, or what came before it, and what everyone has computed, reaches a
   *  switch. */
  program(order: SwitchOrder, installed: Assignment | null): void {
    const { serial, digest: expected, kind: _, ...state } = order;
    const { generation } = state.assignment;
    if (this.#programming || serial < this.#serial) return;
    if (installed === null || installed.generation < generation) return;
    this.#serial = serial;
    if (
      digest(state.assignment) !== expected ||
      (installed.generation === generation && digest(installed) !== expected)
    ) {
      const why = "the assignment differs from the one in force here";
      const problems = Object.keys(state.roles).map((name) => ({ switch: name, why }));
      return this.#report({ kind: "switched", serial, problems });
    }
    this.#programming = true;
    programSwitches(this.#switches, state, (problems) => {
      this.#programming = false;
      for (const [name, role] of Object.entries(state.roles)) {
        const silent = problems.some((problem) => problem.switch === name);
        if (!silent) this.#found[name] = { generation, role };
      }
      this.#report({ kind: "switched", serial, problems });
    });
  }

  /** Asks the switches of these names what they have. */
  lead(names: readonly string[]): void {
    this.#ledAt = this.#clock.now();
    if (this.#checking) return;
    this.#checking = true;
    const serial = this.#serial;
    checkSwitches(this.#switches, names, (found) => {
      this.#checking = false;
      // What was found while they were being programmed may be what they had before.
      if (!this.#programming && serial === this.#serial) this.#found = found;
    });
  }
}
