/** Blades on their way in and out: admitted when they serve, offline when no history names them, fenced when they fail. */
import { DobbsError } from "../errors.ts";
import type { Core } from "./core.ts";
import type { Drains } from "./drains.ts";
import type { Cancel } from "./environment.ts";
import type { FlowsCut, Sessions } from "./messages.ts";
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
  /** A blade is forgotten, as this request asked, and has lost `cut` live connections by that; or is not. */
  readonly onRemoved: (id: number, error: DobbsError | null, cut: number) => void;
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
  /** Blades of which it has been said that they stay for their QUIC connections. */
  readonly #lingering = new Set<string>();

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

  /** Its port is to be shut, until it is added again. */
  fence(blade: string): void {
    const { view, fenced } = this.#core.state;
    const { port } = view.members.find((member) => member.blade === blade)!;
    this.#core.change({ fenced: { ...fenced, [blade]: { port, opensAt: null } } });
  }

  /** Its port is shut first, then it leaves all histories. */
  failing(blade: string): void {
    this.fence(blade);
    this.#parts.reconfigurer.dropCut(blade);
    this.#core.change({ cuts: { ...this.#core.state.cuts, [blade]: this.#core.watch.live(blade) } });
    this.#parts.drains.forget(blade);
  }

  /** Returns the live connections that it had. */
  failed(blade: string): number {
    const cut = this.#takeCut(blade, "failed");
    const { tally } = this.#core.state;
    this.#core.change({ tally: { ...tally, declared: tally.declared + 1 } });
    this.#core.watch.forget(blade);
    this.#core.note("failed", { blade, cut });
    this.#core.after(() => this.#hooks.onFailed(blade, cut));
    this.#removeIfAsked(blade, cut);
    return cut;
  }

  /** A blade speaks that is in service no more. One that was declared failed, and has an assignment in force all the same,
   *  was alive: that is counted, once each time. */
  heardOutside(blade: string, { healthy, generation, counts }: Sessions): void {
    const { view, fenced, tally } = this.#core.state;
    const fence = fenced[blade];
    if (!bladesOf(view, "failed").includes(blade) || fence === undefined || fence.alive) return;
    if (!healthy || generation === 0) return;
    this.#core.change({
      fenced: { ...fenced, [blade]: { ...fence, alive: true } },
      tally: { ...tally, declaredFalsely: tally.declaredFalsely + 1 },
    });
    this.#core.note("declared-falsely", { blade, live: counts.reduce((sum, { live }) => sum + live, 0) });
  }

  /** What is new of the flows that a blade has cut is counted, unless the blade is out of service: what that had was cut before. */
  heardFlowsCut(blade: string, heard: FlowsCut, inService: boolean): void {
    const { flowsCut, tally } = this.#core.state;
    const last = flowsCut[blade] ?? { since: heard.since, flows: 0 };
    // A message may be late: of the same traffic manager, or of the one before.
    if (heard.since < last.since) return;
    const flows = heard.since === last.since ? heard.flows - last.flows : heard.flows;
    if (flows <= 0) return;
    this.#core.change({ flowsCut: { ...flowsCut, [blade]: heard } });
    if (!inService) return;
    this.#core.change({ tally: { ...tally, cut: { ...tally.cut, flows: tally.cut.flows + flows } } });
    this.#core.note("flows-overdue", { blade, flows });
  }

  /** The drain of a blade is cancelled: it serves again. */
  stays(blade: string): void {
    this.#parts.drains.forget(blade);
    this.#parts.reconfigurer.dropCut(blade);
    this.#lingering.delete(blade);
    this.#core.note("drain-cancelled", { blade, cut: this.#takeCut(blade, "deadline") });
    const { [blade]: id, ...removals } = this.#core.state.removals;
    if (id === undefined) return;
    // Asked for while that was under way.
    this.#core.change({ removals });
    const why = `the drain of blade "${blade}" has been cancelled`;
    this.#hooks.onRemoved(id, new DobbsError("E_BLADE_STATUS", why, `Drain it first: dobbs drain ${blade}`, 1), 0);
  }

  /** Forgets a blade when it is offline or failed; of a draining one, ends the drain. */
  remove(blade: string, id: number): void {
    const { removals, view } = this.#core.state;
    this.#core.change({ removals: { ...removals, [blade]: id } });
    if (bladesOf(view, "draining").includes(blade)) this.#parts.drains.end(blade);
    else this.#removeIfAsked(blade, 0);
  }

  /** Nothing is under way: blades that are done go offline, and histories may shrink. */
  settle(): void {
    const { state, watch, timing } = this.#core;
    const { generation } = state.assignment;
    if (state.running !== null) return;
    const participants = this.#parts.reconfigurer.participants(state.view);
    if (participants.every((blade) => (watch.lastOf(blade)?.generation ?? 0) >= generation)) {
      for (const blade of drainedBlades(state.view, state.assignment)) {
        const lingers = this.#lingers(blade);
        if (lingers) this.#noteLingering(blade);
        if (lingers === false) this.#offline(blade);
      }
    }
    if (this.#cancelForget === null && watch.drained(generation).length > 0)
      this.#cancelForget = this.#core.timer(timing.forgetMs, () => this.#forget());
  }

  /** Whether QUIC connections live at a blade that no history names any more: their packets come all the same. At its deadline
   *  they are cut, too. Null: it has not said so yet to this appliance manager, or cannot tell now. */
  #lingers(blade: string): boolean | null {
    if (this.#core.state.cuts[blade] !== undefined) return false;
    const lingering = this.#core.watch.lastOf(blade)?.lingering ?? null;
    return lingering && lingering.length > 0;
  }

  #noteLingering(blade: string): void {
    if (this.#lingering.has(blade)) return;
    this.#lingering.add(blade);
    this.#core.note("lingering", { blade });
  }

  #forget(): void {
    this.#cancelForget = null;
    const { running, waiting, assignment } = this.#core.state;
    if (running !== null || waiting.length > 0) return;
    const drained = this.#core.watch.drained(assignment.generation);
    if (drained.length > 0) this.#parts.reconfigurer.forget(drained);
  }

  #offline(blade: string): void {
    const cut = this.#takeCut(blade, "deadline");
    this.#core.change({ view: withStatus(this.#core.state.view, blade, "offline") });
    this.#parts.drains.forget(blade);
    this.#core.watch.forget(blade);
    this.#lingering.delete(blade);
    this.#core.note("offline", { blade, cut });
    this.#core.after(() => this.#hooks.onOffline(blade, cut));
    this.#removeIfAsked(blade, cut);
  }

  #takeCut(blade: string, by: "deadline" | "failed"): number {
    const { cuts: before, tally } = this.#core.state;
    const { [blade]: cut = 0, ...cuts } = before;
    this.#core.change({ cuts, tally: { ...tally, cut: { ...tally.cut, [by]: tally.cut[by] + cut } } });
    return cut;
  }

  /** `cut`: what it has just lost. */
  #removeIfAsked(blade: string, cut: number): void {
    const { removals, view } = this.#core.state;
    const { [blade]: id, ...others } = removals;
    if (id === undefined) return;
    const members = view.members.filter((member) => member.blade !== blade);
    this.#core.change({ view: { ...view, members }, removals: others });
    this.#core.note("removed", { blade });
    this.#hooks.onRemoved(id, null, cut);
  }
}
