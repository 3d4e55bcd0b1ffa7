/** Blades on their way in and out: admitted when they serve, offline when no history names them, fenced when they fail. */
import type { Core } from "./core.ts";
import type { Drains } from "./drains.ts";
import type { Cancel } from "./environment.ts";
import { bladesAdded, type Reconfigurer } from "./reconfigurer.ts";
import type { Reconfiguration } from "./reconfiguration.ts";
import { drainedBlades, withStatus } from "./requests.ts";
import type { Fence, Task } from "./state.ts";
import type { SwitchControl } from "./switch-control.ts";
import { bladesOf } from "./view.ts";

export interface MembersHooks {
  /** `cut`: live connections that the blade had at its deadline. */
  readonly onOffline: (blade: string, cut: number) => void;
  /** `cut`: live connections that the blade had when it was last heard. */
  readonly onFailed: (blade: string, cut: number) => void;
  /** A blade is forgotten, as this request asked. */
  readonly onRemoved: (id: number) => void;
}

export interface MembersParts {
  readonly core: Core;
  readonly switches: SwitchControl;
  readonly drains: Drains;
  readonly reconfigurer: Reconfigurer;
}

export class Members {
  readonly #core: Core;
  readonly #parts: MembersParts;
  readonly #hooks: MembersHooks;
  #cancelForget: Cancel | null = null;

  constructor(parts: MembersParts, hooks: MembersHooks) {
    this.#core = parts.core;
    this.#parts = parts;
    this.#hooks = hooks;
  }

  ownersOf(blade: string): string[] {
    return this.#core.state.view.members.filter((member) => member.blade === blade).map(({ name }) => name);
  }

  /** An assignment is on its way to the IPDs: the fences of blades that it brings in can be opened once they have it. */
  committed({ next }: Reconfiguration, task: Task | null): void {
    const added = bladesAdded(task);
    const fences = Object.entries(this.#core.state.fenced);
    if (added.length === 0 || fences.length === 0) return;
    const kept = fences.filter(([name, { port }]) => !added.some((blade) => blade.name === name || blade.port === port));
    const ports = new Set(fences.map(([, { port }]) => port));
    const names = new Set(fences.map(([name]) => name));
    const opening = added
      .filter(({ name, port }) => names.has(name) || ports.has(port))
      .map(({ name, port }): [string, Fence] => [name, { port, opensAt: next.generation }]);
    this.#core.change({ fenced: Object.fromEntries([...kept, ...opening]) });
  }

  /** A blade has `generation` in force. */
  installed(blade: string, generation: number): void {
    const { [blade]: fence, ...fenced } = this.#core.state.fenced;
    if (fence === undefined || fence.opensAt === null || generation < fence.opensAt) return;
    this.#core.change({ fenced });
    this.#core.note("unfenced", { blade, port: fence.port });
    this.#parts.switches.want({});
  }

  /** Its port is shut first, then it leaves all histories. */
  failing(blade: string): void {
    const { view, fenced, cuts } = this.#core.state;
    const { port } = view.members.find((member) => member.blade === blade)!;
    this.#core.change({
      fenced: { ...fenced, [blade]: { port, opensAt: null } },
      cuts: { ...cuts, [blade]: this.#core.watch.live(blade) },
    });
    this.#parts.drains.forget(blade);
  }

  failed(blade: string): void {
    const cut = this.#takeCut(blade);
    this.#core.watch.forget(blade);
    this.#core.note("failed", { blade, cut });
    this.#core.after(() => this.#hooks.onFailed(blade, cut));
    this.#removeIfAsked(blade);
  }

  /** Forgets a blade when it is offline or failed; of a draining one, ends the drain. */
  remove(blade: string, id: number): void {
    const { removals, view } = this.#core.state;
    this.#core.change({ removals: { ...removals, [blade]: id } });
    if (bladesOf(view, "draining").includes(blade)) this.#parts.drains.end(blade);
    else this.#removeIfAsked(blade);
  }

  /** Nothing is under way: blades that are done go offline, and histories may shrink. */
  settle(): void {
    const { state, watch, timing } = this.#core;
    const { generation } = state.assignment;
    if (state.running !== null) return;
    const participants = this.#parts.reconfigurer.participants(state.view);
    if (participants.every((blade) => (watch.lastOf(blade)?.generation ?? 0) >= generation)) {
      for (const blade of drainedBlades(state.view, state.assignment)) this.#offline(blade);
    }
    if (this.#cancelForget === null && watch.drained(generation).length > 0)
      this.#cancelForget = this.#core.timer(timing.forgetMs, () => this.#forget());
  }

  #forget(): void {
    this.#cancelForget = null;
    const { running, waiting, assignment } = this.#core.state;
    if (running !== null || waiting.length > 0) return;
    const drained = this.#core.watch.drained(assignment.generation);
    if (drained.length > 0) this.#parts.reconfigurer.forget(drained);
  }

  #offline(blade: string): void {
    const cut = this.#takeCut(blade);
    this.#core.change({ view: withStatus(this.#core.state.view, blade, "offline") });
    this.#parts.drains.forget(blade);
    this.#core.watch.forget(blade);
    this.#core.note("offline", { blade, cut });
    this.#core.after(() => this.#hooks.onOffline(blade, cut));
    this.#removeIfAsked(blade);
  }

  #takeCut(blade: string): number {
    const { [blade]: cut = 0, ...cuts } = this.#core.state.cuts;
    this.#core.change({ cuts });
    return cut;
  }

  #removeIfAsked(blade: string): void {
    const { removals, view } = this.#core.state;
    const { [blade]: id, ...others } = removals;
    if (id === undefined) return;
    const members = view.members.filter((member) => member.blade !== blade);
    this.#core.change({ view: { ...view, members }, removals: others });
    this.#core.note("removed", { blade });
    this.#hooks.onRemoved(id);
  }
}
