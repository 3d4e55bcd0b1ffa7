/**
 * Carries requests out: one thing at a time, the others wait in order. A reconfiguration is a state machine
 * (`reconfiguration.ts`); here its actions are done, and its end is drawn the conclusions from.
 */
import { DobbsError } from "../errors.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Core } from "./core.ts";
import type { Cancel } from "./environment.ts";
import { costOf, countForced, mustAnswer, withPrice } from "./forcing.ts";
import type { Drained, Report } from "./messages.ts";
import {
  beginCut, beginFail, beginForget, beginMove, onDeadline, onFailure, onGone, onReport, onSwitched, onTick, resume,
  type Beginning, type Reconfiguration, type Transition,
} from "./reconfiguration.ts";
import { changeView, type Request } from "./requests.ts";
import type { Task } from "./state.ts";
import { bucketCounts, expel, forget, previousBuckets } from "./succession.ts";
import type { SwitchControl } from "./switch-control.ts";
import type { SwitchProblem } from "./switch-driver.ts";
import type { TablesControl } from "./tables-control.ts";
import { GENERATION_MS_MIN } from "./timing.ts";
import { bladesOf, settled, type View } from "./view.ts";

/** What others do about it. */
export interface ReconfigurerHooks {
  /** A request has been carried out (null), or refused: nothing has changed then. `cut`: live connections that it has
   *  cut by force. */
  readonly onOutcome: (task: Task | null, error: DobbsError | null, cut: number) => void;
  /** From here on there is no way back. */
  readonly onCommitted: (state: Reconfiguration, task: Task | null) => void;
  /** A blade is about to be failed. */
  readonly onFailing: (blade: string) => void;
  /** A draining blade is about to be cut off. */
  readonly onCutting: (blade: string) => void;
  /** Nothing is under way. */
  readonly onIdle: () => void;
}

type RequestTask = Extract<Task, { kind: "request" }>;

export class Reconfigurer {
  readonly #core: Core;
  readonly #switches: SwitchControl;
  readonly #tables: TablesControl;
  readonly #hooks: ReconfigurerHooks;
  #cancelTick: Cancel | null = null;
  #cancelPause: Cancel | null = null;

  constructor(core: Core, switches: SwitchControl, tables: TablesControl, hooks: ReconfigurerHooks) {
    this.#core = core;
    this.#switches = switches;
    this.#tables = tables;
    this.#hooks = hooks;
  }

  /** The reconfiguration that is under way. */
  get state(): Reconfiguration | null {
    const { running } = this.#core.state;
    return running?.kind === "reconfiguration" ? running.state : null;
  }

  enqueue(task: Task): void {
    const { waiting } = this.#core.state;
    const failing = task.kind === "request" && task.request.kind === "fail" ? task.request.blade : null;
    if (failing !== null && this.state?.phase === "release") {
      // One that is none must not wait as long as the release may.
      const refusal = this.#whyNoFailure(failing);
      if (refusal !== null) return this.#hooks.onOutcome(task, refusal, 0);
    }
    this.#core.change({ waiting: failing !== null ? [task, ...waiting] : [...waiting, task] });
    this.#giveWay();
    this.next();
  }

  /** A drain of this blade is over: what is still to be done at its deadline is not. */
  dropCut(blade: string): void {
    const { waiting } = this.#core.state;
    const kept = waiting.filter((task) => task.kind !== "cut" || task.blade !== blade);
    if (kept.length < waiting.length) this.#core.change({ waiting: kept });
  }

  /** What is under way waits for no blade whose failure waits; and a release gives way to failures and deadlines that wait. */
  #giveWay(): void {
    const { waiting, view } = this.#core.state;
    const { now } = this.#core;
    for (const task of waiting) {
      const { state } = this;
      if (state === null) return;
      if (task.kind === "cut") {
        if (bladesOf(view, "draining").includes(task.blade)) this.#follow(onDeadline(state, task.blade, now));
      } else if (task.request.kind === "fail") {
        const { blade } = task.request;
        if (state.phase !== "release") this.#follow(onGone(state, blade, now));
        else if (this.#whyNoFailure(blade) === null) this.#follow(onFailure(state, blade, now));
      }
    }
  }

  /** Null: the blade can be failed, as things are. */
  #whyNoFailure(blade: string): DobbsError | null {
    const { view, assignment, generation } = this.#core.state;
    try {
      expel(this.#withSilent(changeView(view, { kind: "fail", blade })), assignment, blade, generation + 1);
      return null;
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      return error;
    }
  }

  /** Goes on after the appliance manager was started anew. */
  resume(): void {
    const { state } = this;
    const { generation, assignment, view, running } = this.#core.state;
    if (state !== null) {
      this.#follow(resume(state, this.#core.now));
      // The appliance file may name none any more.
      if (!this.#switches.exist) this.onProgrammed([], true);
      this.#tick();
    } else if (running === null && generation > assignment.generation) {
      // The last one was called off: word of it may not have gone out.
      for (const blade of bladesOf(view, "active", "draining")) this.#core.send(blade, { kind: "abort", generation });
    }
    this.next();
  }

  /** Begins what is next, if nothing is under way. Generations grow at most once in GENERATION_MS_MIN. */
  next(): void {
    const { running, waiting, generationAt } = this.#core.state;
    const [task, ...rest] = waiting;
    if (running !== null || this.#cancelPause !== null || task === undefined) return;
    const pause = (generationAt ?? -Infinity) + GENERATION_MS_MIN - this.#core.now;
    if (pause > 0) return this.#pause(pause);
    this.#core.change({ waiting: rest });
    if (task.kind === "cut") return this.#cut(task);
    const { request } = task;
    if (request.kind === "filters" || request.kind === "forward") return this.#tables.begin(task, request);
    try {
      this.#move(task, request);
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      this.#hooks.onOutcome(task, error, 0);
      this.next();
    }
  }

  #pause(ms: number): void {
    this.#cancelPause = this.#core.timer(ms, () => {
      this.#cancelPause = null;
      this.next();
    });
  }

  /** Has histories forget what has drained. */
  forget(drained: readonly Drained[]): void {
    this.#shrink(drained, null);
  }

  onReport(from: string, report: Report): void {
    if (this.state !== null) this.#follow(onReport(this.state, from, report, this.#core.now));
  }

  onProgrammed(problems: readonly SwitchProblem[], activeDone: boolean): void {
    if (this.state !== null) this.#follow(onSwitched(this.state, problems, activeDone, this.#core.now));
  }

  #move(task: RequestTask, request: Parameters<typeof changeView>[1]): void {
    const { view: before, generation, removals, cuts } = this.#core.state;
    const view = this.#withSilent(changeView(before, request));
    if (request.kind === "fail") return this.#fail(task, view, request.blade);
    if (request.kind === "undrain" && removals[request.blade] !== undefined) throw leaving(request.blade);
    if (request.kind === "undrain" && cuts[request.blade] !== undefined) throw cutOff(request.blade);
    const beginning = this.#beginning(view);
    if (beginning.blades.length === 0) throw noOneHeard();
    let transition: Transition;
    try {
      transition = beginMove(beginning, generation + 1);
    } catch (error) {
      if (error instanceof DobbsError && error.code === "E_HISTORY_FULL") throw withPrice(this.#core, error, view);
      throw error;
    }
    const { state, actions } = transition;
    mustAnswer(state);
    const cut = view.force ? costOf(this.#core, state) : 0;
    if (cut !== null) return this.#begin(task, { state: { ...state, cut }, actions });
    // Right after a restart nobody has said yet what is to be counted.
    this.#core.change({ waiting: [task, ...this.#core.state.waiting] });
    this.#pause(this.#core.timing.retryMs);
  }

  #fail(task: Task, view: View, blade: string): void {
    const { assignment, generation } = this.#core.state;
    const beginning = this.#beginning(view);
    const next = expel(view, assignment, blade, generation + 1, this.#core.watch.liveByPlace());
    if (beginning.blades.length === 0) throw noOneHeard();
    this.#hooks.onFailing(blade);
    this.#begin(task, beginFail(beginning, next));
  }

  /** Takes a blade out of all histories, whatever it still has. */
  #cut(task: Extract<Task, { kind: "cut" }>): void {
    const { view, assignment, cuts } = this.#core.state;
    if (!bladesOf(view, "draining").includes(task.blade)) return this.next();
    const beginning = this.#beginning(view, task.blade);
    if (beginning.blades.length === 0 && this.participants(view).length === 0) {
      // Nobody at all can be heard: it is not the blade that is cut off.
      this.#core.change({ waiting: [...this.#core.state.waiting, task] });
      return this.#pause(this.#core.timing.checkMs);
    }
    this.#core.change({ cuts: { ...cuts, [task.blade]: task.live } });
    this.#core.note("deadline", { blade: task.blade, cut: task.live });
    this.#hooks.onCutting(task.blade);
    const owners = view.members.filter((member) => member.blade === task.blade);
    const left = owners.map(({ name }) => ({ owner: name, buckets: previousBuckets(assignment, name) }));
    const next = forget(assignment, left, this.#core.state.generation + 1, task.blade);
    this.#begin(task, beginCut(beginning, next));
  }

  #shrink(drained: readonly Drained[], task: Task | null, leaving: string | null = null): void {
    const { view, assignment, generation } = this.#core.state;
    const next = forget(assignment, drained, generation + 1, leaving);
    this.#begin(task, beginForget(this.#beginning(view), next));
  }

  /** `without`: a blade that is not asked. */
  #beginning(view: View, without: string | null = null): Beginning {
    const { now } = this.#core;
    return {
      view,
      last: this.#core.state.assignment,
      blades: this.participants(view).filter((blade) => blade !== without),
      steers: this.#switches.exist,
      now,
    };
  }

  /** Those that do not take part get nothing. */
  #withSilent(view: View): View {
    const participants = this.participants(view);
    const silent = bladesOf(view, "active").filter((blade) => !participants.includes(blade));
    return silent.length === 0 ? view : { ...view, silent };
  }

  /** Who has to agree: those that are to get buckets for the first time, or again; and all others but those that are behind a fence,
   *  or have fallen silent, who keep no one waiting: they are told when they are heard again. */
  participants(view: View): string[] {
    const { state, watch, now } = this.#core;
    const serving = new Set(bladesOf(state.view, "active"));
    const coming = new Set(bladesOf(view, "active").filter((blade) => !serving.has(blade)));
    const blades = bladesOf(view, "active", "draining");
    const takesPart = (blade: string): boolean => !watch.isSilent(blade, now) && state.fenced[blade]?.opensAt !== null;
    return blades.filter((blade) => coming.has(blade) || takesPart(blade));
  }

  #begin(task: Task | null, transition: Transition): void {
    const { state } = transition;
    this.#core.change({
      generation: state.next.generation,
      generationAt: this.#core.now,
      running: { kind: "reconfiguration", state, task },
    });
    if (task?.kind === "request" && task.request.kind === "add")
      for (const { name } of task.request.blades) this.#tables.tell(name);
    this.#follow(transition);
    this.#tick();
  }

  #tick(): void {
    this.#cancelTick?.();
    this.#cancelTick = null;
    if (this.state === null) return;
    this.#cancelTick = this.#core.timer(this.#core.timing.retryMs, () => {
      if (this.state !== null) this.#follow(onTick(this.state, this.#core.now, this.#core.timing));
      this.#giveWay();
      this.#tick();
    });
  }

  #follow({ state, actions }: Transition): void {
    const { running, assignment } = this.#core.state;
    if (running?.kind !== "reconfiguration") return;
    if (running.state !== state) this.#core.change({ running: { ...running, state } });
    if (state.phase === "install" || state.phase === "switch" || state.phase === "finished")
      if (assignment.generation < state.next.generation) this.#commit(state, running.task);
    for (const action of actions) {
      if (action.kind === "send") this.#core.send(action.to, action.order);
      else if (action.kind === "steer") this.#switches.want({ assignment: action.assignment });
      else this.#core.note(action.event, action.details);
    }
    if (state.phase === "finished" || state.phase === "called-off") this.#finish(state, running.task, running.state.phase === "release");
  }

  /** From the first install on there is no way back, but for those who let go of what force takes from them. */
  #commit(state: Reconfiguration, task: Task | null): void {
    if (state.view.force) countForced(this.#core, state);
    this.#core.change({ generationAt: this.#core.now, assignment: state.next, view: settled(state.view) });
    this.#hooks.onCommitted(state, task);
  }

  /** `hasReleased`: somebody may have let go of what a move that is called off was to take. */
  #finish(state: Reconfiguration, task: Task | null, hasReleased: boolean): void {
    const { cut } = this.state ?? state;
    this.#core.change({ running: null });
    this.#cancelTick?.();
    this.#cancelTick = null;
    if (state.phase === "called-off") {
      const { code, why } = state.problem!;
      this.#hooks.onOutcome(task, new DobbsError(code, why, "Mend the cause and ask again.", 1), 0);
      if (!hasReleased) return this.next();
      this.#shrink([], null);
      return this.#giveWay();
    }
    if (state.kind === "forget") {
      this.#core.note("forgot", { generation: state.next.generation, places: places(state.last) - places(state.next) });
    } else {
      this.#core.note("reconfigured", {
        generation: state.next.generation,
        before: countsText(state.last),
        after: countsText(state.next),
        moved: state.next.buckets.filter(([current], bucket) => current !== state.last.buckets[bucket]![0]).length,
      });
    }
    this.#hooks.onOutcome(task, null, cut);
    this.#hooks.onIdle();
    this.next();
  }
}

/** Blades that a request brings in. */
export function bladesAdded(task: Task | null): Extract<Request, { kind: "add" }>["blades"] {
  return task?.kind === "request" && task.request.kind === "add" ? task.request.blades : [];
}

function leaving(blade: string): DobbsError {
  return new DobbsError("E_BLADE_LEAVING", `blade "${blade}" is being removed`, "Wait until it is gone, and add it again.", 1);
}

/** Its port is shut, and its connections are lost. */
function cutOff(blade: string): DobbsError {
  return new DobbsError("E_BLADE_STATUS", `blade "${blade}" was cut off at its deadline`, "Wait until it is offline, and add it again.", 1);
}

function noOneHeard(): DobbsError {
  return new DobbsError(
    "E_NO_BLADE_HEARD",
    "no blade can be heard",
    "Check the traffic managers and their network.",
    1,
  );
}

function places({ buckets }: Assignment): number {
  return buckets.reduce((sum, history) => sum + history.length, 0);
}

function countsText(assignment: Assignment): string {
  const counts = Object.entries(bucketCounts(assignment));
  return counts.map(([owner, count]) => `${owner} ${count}`).join(", ") || "none";
}
