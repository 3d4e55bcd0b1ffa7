/**
 * The appliance manager's hold on the switches: what they are to have, told to the leading traffic manager until it says
 * that they have it, and told again when one of them turns out to have something else.
 */
import type { PortRoleName } from "../management/tables.ts";
import { AT_SWITCH } from "../model/appliance.ts";
import type { Core } from "./core.ts";
import type { Cancel } from "./environment.ts";
import type { Order, Report, Sessions } from "./messages.ts";
import type { SwitchPlan } from "./state.ts";
import { digest } from "./succession.ts";
import type { SwitchFound, SwitchProblem } from "./switch-driver.ts";
import { filtersFor, forwardFor, switchPorts } from "./tables.ts";
import { bladesOf, type MemberStatus } from "./view.ts";

/** The switches were programmed as they are to be now, but for `problems`. `activeDone`: the active ones were. */
export type OnProgrammed = (problems: readonly SwitchProblem[], activeDone: boolean) => void;

/** Requests to one leader before the next blade is asked to lead. */
const LEADER_ASKED_MAX = 5;
/** After so many requests they become rare. */
const ASKED_OFTEN_MAX = 30;

export class SwitchControl {
  readonly #core: Core;
  readonly #basePorts: readonly PortRoleName[];
  readonly #onProgrammed: OnProgrammed;
  /** By switch name, as the leader said last. */
  #found: Readonly<Record<string, SwitchFound | null>> = {};
  /** What was wrong last time, in words. */
  #problem = "";
  #asked = 0;
  /** Who was asked last. */
  #told: string | null = null;
  #cancel: Cancel | null = null;

  constructor(core: Core, basePorts: readonly PortRoleName[], onProgrammed: OnProgrammed) {
    this.#core = core;
    this.#basePorts = basePorts;
    this.#onProgrammed = onProgrammed;
  }

  get #plan(): SwitchPlan {
    return this.#core.state.switches;
  }

  /** Whether there are any. */
  get exist(): boolean {
    return Object.keys(this.#plan.roles).length > 0;
  }

  /** The first active blade that can be heard, and has in force what the switches are to have; after some requests in vain
   *  the next one. One that is fenced programs them too, if there is no other: how else would its own port be shut? */
  get leader(): string | null {
    const { state, watch, now } = this.#core;
    const heard = (...statuses: MemberStatus[]): string[] => bladesOf(state.view, ...statuses).filter((blade) => !watch.isSilent(blade, now));
    const isOpen = (blade: string): boolean => state.fenced[blade]?.opensAt !== null;
    const choices = [heard("active").filter(isOpen), heard("draining").filter(isOpen), heard("active", "draining", "failed")];
    const blades = choices.find((choice) => choice.length > 0) ?? [];
    const ready = blades.filter((blade) => (watch.lastOf(blade)?.generation ?? 0) >= this.#plan.assignment.generation);
    const candidates = ready.length > 0 ? ready : blades;
    return candidates[Math.floor(this.#asked / LEADER_ASKED_MAX) % candidates.length] ?? null;
  }

  /** Changes what the switches are to have: this, or the ports and tables, which follow from the rest of the state. */
  want(part: Partial<Pick<SwitchPlan, "roles" | "assignment">>): void {
    if (!this.exist) return;
    const plan = { ...this.#plan, ...part, serial: this.#plan.serial + 1, behind: true };
    this.#core.change({ switches: plan });
    this.#problem = "";
    this.#begin();
  }

  /** Goes on after the appliance manager was started anew. */
  resume(): void {
    if (this.#plan.behind) this.#begin();
  }

  /** Called every `checkMs`. */
  look(): void {
    const leader = this.leader;
    if (!this.exist || leader === null) return;
    this.#core.send(leader, { kind: "lead", switches: Object.keys(this.#plan.roles).sort() });
    if (this.#plan.behind && this.#cancel === null) this.#ask();
  }

  onReport(from: string, { serial, problems }: Extract<Report, { kind: "switched" }>): void {
    const { roles, behind, assignment } = this.#plan;
    if (serial < this.#plan.serial && from !== this.#told) {
      // One that was given up as leader was late with what it had been told, and may have put it over what is newer.
      this.#core.note("switch-late", { serial, leader: from });
      return this.want({});
    }
    if (serial !== this.#plan.serial || !behind) return;
    const text = problems.map((problem) => `${problem.switch}: ${problem.why}`).join("; ");
    if (problems.length === 0) {
      this.#core.change({ switches: { ...this.#plan, behind: false } });
      this.#stopAsking();
      this.#core.note("switched", { generation: assignment.generation, serial, leader: from });
    } else if (text !== this.#problem) {
      this.#core.note("not-switched", { generation: assignment.generation, serial, why: text });
    }
    this.#problem = text;
    this.#onProgrammed(problems, problems.every((problem) => roles[problem.switch] !== "active"));
  }

  /** What the leader has found. */
  onSessions(from: string, { switches }: Sessions): void {
    if (switches === null || from !== this.leader) return;
    for (const name of Object.keys(this.#plan.roles)) {
      const found = switches[name];
      const before = this.#found[name];
      if (found === undefined) continue;
      if (found === null && before !== null) this.#core.note("switch-silent", { switch: name });
      if (found !== null && before === null) this.#core.note("switch-answers", { switch: name });
    }
    this.#found = switches;
    if (this.#plan.behind) return;
    const lost = Object.entries(switches).filter(([name, found]) => found !== null && !this.#isRight(name, found));
    if (lost.length === 0) return;
    for (const [name, found] of lost)
      this.#core.note("switch-behind", { switch: name, generation: found!.generation, role: found!.role ?? "unknown" });
    this.#core.change({ switches: { ...this.#plan, behind: true } });
    this.#begin();
  }

  /** As the leader said last; null: no answer, or none yet. */
  found(name: string): SwitchFound | null {
    return this.#found[name] ?? null;
  }

  /** Whether a switch has been asked, and has not answered. */
  isSilent(name: string): boolean {
    return this.#found[name] === null;
  }

  #isRight(name: string, { generation, role }: SwitchFound): boolean {
    return this.#plan.roles[name] === undefined ||
      (generation >= this.#plan.assignment.generation && role === this.#plan.roles[name]);
  }

  #begin(): void {
    this.#asked = 0;
    this.#ask();
  }

  #ask(): void {
    this.#cancel?.();
    this.#cancel = null;
    const leader = this.leader;
    if (leader !== null) this.#core.send(leader, this.#order());
    this.#told = leader;
    this.#asked++;
    // From then on at every look.
    if (this.#asked < ASKED_OFTEN_MAX) this.#cancel = this.#core.timer(this.#core.timing.retryMs, () => this.#ask());
  }

  #stopAsking(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #order(): Order {
    const { state } = this.#core;
    const { serial, roles, assignment } = this.#plan;
    const ports = switchPorts(this.#basePorts, state);
    const filters = filtersFor(state.tables, AT_SWITCH);
    const forward = forwardFor(state.tables, AT_SWITCH);
    return { kind: "switch", serial, assignment, digest: digest(assignment), roles, ports, filters, forward };
  }
}
