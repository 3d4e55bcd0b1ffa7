/** Looks regularly who has fallen silent, or whose IPD does not answer, and has those failed of which that is so for too
 *  long. */
import type { Core } from "./core.ts";
import type { Task } from "./state.ts";
import { bladesOf } from "./view.ts";

export interface LookoutHooks {
  /** Called every `checkMs`. */
  readonly onLook: () => void;
  /** A blade has been lost for too long. */
  readonly onFailed: (blade: string) => void;
}

export class Lookout {
  readonly #core: Core;
  /** A blade that is lost for so long has failed; null: nobody fails by itself. */
  readonly #failMs: number | null;
  readonly #hooks: LookoutHooks;
  /** Blades that cannot be failed as things are: nobody would be left. */
  readonly #unfailable = new Set<string>();
  /** Null: it has not begun. */
  #lookedAt: number | null = null;

  constructor(core: Core, failMs: number | null, hooks: LookoutHooks) {
    this.#core = core;
    this.#failMs = failMs;
    this.#hooks = hooks;
  }

  start(): void {
    if (this.#lookedAt !== null) return;
    this.#lookedAt = this.#core.now;
    this.#later();
  }

  /** Nothing can be said of who is silent: all members get their time again. */
  hearAll(): void {
    const { state, watch, now } = this.#core;
    for (const blade of bladesOf(state.view, "active", "draining")) watch.excuse(blade, now);
  }

  /** A blade could not be failed: not asked for again before something has changed. */
  refused(blade: string): void {
    this.#unfailable.add(blade);
  }

  changed(): void {
    this.#unfailable.clear();
  }

  #later(): void {
    this.#core.timer(this.#core.timing.checkMs, () => {
      this.#later();
      this.#look();
    });
  }

  #look(): void {
    const { state, watch, now, timing } = this.#core;
    // This process has slept, and not they.
    if (now - this.#lookedAt! > 2 * timing.checkMs) this.hearAll();
    this.#lookedAt = now;
    const members = bladesOf(state.view, "active", "draining");
    for (const { blade, silent } of watch.changes(members, now)) {
      if (!silent) this.#unfailable.delete(blade);
      this.#core.note(silent ? "silent" : "heard-again", { blade });
    }
    if (this.#failMs !== null) this.#failLost(members, this.#failMs);
    this.#hooks.onLook();
  }

  #failLost(members: readonly string[], failMs: number): void {
    const { state, watch, now } = this.#core;
    // It is the appliance manager that is cut off, or something that is wrong with all of them.
    if (!members.some((blade) => watch.isWell(blade, now))) return;
    for (const blade of members) {
      if (state.waiting.some((task) => isFailOf(task, blade)) || state.fenced[blade]?.opensAt === null) continue;
      const lostMs = watch.lostFor(blade, now);
      if (lostMs <= failMs || this.#unfailable.has(blade)) continue;
      this.#core.note("given-up", { blade, why: watch.isSilent(blade, now) ? "silent" : "its NIC does not answer", ms: lostMs });
      this.#hooks.onFailed(blade);
    }
  }
}

function isFailOf(task: Task, blade: string): boolean {
  return task.kind === "request" && task.request.kind === "fail" && task.request.blade === blade;
}
