/**
 * Filter rules and stations at run time: a whole list goes to every node, and is taken back everywhere when one of them
 * refuses it. A blade that cannot be heard is told when it can.
 */
import { DobbsError } from "../errors.ts";
import type { Core } from "./core.ts";
import type { Cancel } from "./environment.ts";
import type { Report, Sessions } from "./messages.ts";
import type { TablesRequest } from "./requests.ts";
import type { Tables, TablesChange, Task } from "./state.ts";
import type { SwitchControl } from "./switch-control.ts";
import type { SwitchProblem } from "./switch-driver.ts";
import { tablesOrder } from "./tables.ts";
import { bladesOf } from "./view.ts";

/** The change that was under way is over: null, or why the lists are what they were. */
export type OnTables = (task: Task, error: DobbsError | null) => void;

export class TablesControl {
  readonly #core: Core;
  readonly #switches: SwitchControl;
  readonly #onDone: OnTables;
  /** What a blade has refused, and why, by blade: it is not asked again. */
  readonly #refused = new Map<string, { readonly revision: number; readonly why: string }>();
  #cancel: Cancel | null = null;

  constructor(core: Core, switches: SwitchControl, onDone: OnTables) {
    this.#core = core;
    this.#switches = switches;
    this.#onDone = onDone;
  }

  /** The lists that hold: not those that may still be refused. */
  get current(): Tables {
    return this.#change?.before ?? this.#core.state.tables;
  }

  /** Why a blade does not have the lists; null: it has not refused them. */
  refusalOf(blade: string): string | null {
    const refused = this.#refused.get(blade);
    return refused?.revision === this.#core.state.tables.revision ? refused.why : null;
  }

  begin(task: Task, request: TablesRequest): void {
    const { state, now } = this.#core;
    const before = state.tables;
    const waiting = this.#heard();
    this.#put(before, request);
    const change: TablesChange = { since: now, before, waiting, switchesWaiting: this.#switches.exist };
    this.#core.change({ running: { kind: "tables", change, task } });
    this.#tell();
    this.#finishIfDone();
  }

  /** Goes on after the appliance manager was started anew. */
  resume(): void {
    if (this.#change === null) return;
    this.#update({ since: this.#core.now });
    this.#tell();
  }

  onReport(from: string, { revision, problem }: Extract<Report, { kind: "tabled" }>): void {
    if (revision !== this.#core.state.tables.revision) return;
    if (problem !== null) {
      this.#refused.set(from, { revision, why: problem.why });
      this.#core.note("tables-refused", { blade: from, why: problem.why });
      if (this.#change !== null)
        this.#takeBack(new DobbsError(problem.code, `${from}: ${problem.why}`, problem.mend, 1));
      return;
    }
    if (this.#change === null) return;
    this.#update({ waiting: this.#change.waiting.filter((blade) => blade !== from) });
    this.#finishIfDone();
  }

  onProgrammed(problems: readonly SwitchProblem[], activeDone: boolean): void {
    if (this.#change === null) return;
    if (!activeDone) {
      const why = problems.map((problem) => `${problem.switch}: ${problem.why}`).join("; ");
      return this.#takeBack(new DobbsError("E_SWITCH", why, "Look after the switch, and ask again.", 1));
    }
    this.#update({ switchesWaiting: false });
    this.#finishIfDone();
  }

  /** Members that have older lists are told. */
  onSessions(from: string, sessions: Sessions): void {
    const { tables } = this.#core.state;
    if (sessions.tables >= tables.revision || this.refusalOf(from) !== null) return;
    if (this.#change?.waiting.includes(from)) return;
    this.tell(from);
  }

  tell(blade: string): void {
    const { tables } = this.#core.state;
    if (tables.revision > 0) this.#core.send(blade, tablesOrder(tables, blade));
  }

  get #change(): TablesChange | null {
    const { running } = this.#core.state;
    return running?.kind === "tables" ? running.change : null;
  }

  #update(part: Partial<TablesChange>): void {
    const { running } = this.#core.state;
    if (running?.kind === "tables")
      this.#core.change({ running: { ...running, change: { ...running.change, ...part } } });
  }

  /** Sends the new lists to those that have not answered, again and again. */
  #tell(): void {
    this.#cancel?.();
    this.#cancel = null;
    const change = this.#change;
    if (change === null) return;
    const core = this.#core;
    for (const blade of change.waiting) this.tell(blade);
    this.#cancel = core.timer(core.timing.retryMs, () => {
      this.#cancel = null;
      if (core.now - (this.#change?.since ?? 0) >= core.timing.installMs) this.#overdue();
      else this.#tell();
    });
  }

  /** Those that are missing are told again whenever they are heard of. */
  #overdue(): void {
    const change = this.#change;
    if (change === null) return;
    const missing = [...change.waiting, ...(change.switchesWaiting ? ["the switches"] : [])];
    this.#core.note("tables-overdue", { missing: missing.join(", ") });
    this.#finish(null);
  }

  #finishIfDone(): void {
    const change = this.#change;
    if (change === null || change.waiting.length > 0 || change.switchesWaiting) return;
    const { revision, filters, forward } = this.#core.state.tables;
    this.#core.note("tabled", { revision, filters: filters.length, forward: forward.length });
    this.#finish(null);
  }

  #takeBack(error: DobbsError): void {
    this.#put(this.#core.state.tables, this.#change!.before);
    for (const blade of this.#heard()) this.tell(blade);
    this.#finish(error);
  }

  #finish(error: DobbsError | null): void {
    const { running } = this.#core.state;
    if (running?.kind !== "tables") return;
    this.#cancel?.();
    this.#cancel = null;
    this.#core.change({ running: null });
    this.#onDone(running.task, error);
  }

  /** A list that is not named stays as it is. */
  #put(last: Tables, lists: Partial<Pick<Tables, "filters" | "forward">>): void {
    const { filters = last.filters, forward = last.forward } = lists;
    this.#core.change({ tables: { revision: last.revision + 1, filters, forward } });
    this.#switches.want({});
  }

  #heard(): string[] {
    const { state, watch, now } = this.#core;
    const members = bladesOf(state.view, "active", "draining");
    return members.filter((blade) => !watch.isSilent(blade, now) && !state.fenced[blade]);
  }
}
