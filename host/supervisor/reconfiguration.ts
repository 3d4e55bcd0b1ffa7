/**
 * One reconfiguration, as a state machine: plain-data state and events in, state and actions out. In this order
 * (design, section 5):
 *
 * ```
 * move:   prepare --all agree--> install --all acknowledge, or time-out--> switch --programmed, or time-out--> finished
 *            '--refused, digests differ, time-out--> called-off
 * forced: prepare --all agree--> release --whoever falls off a history acknowledges--> install --...
 *                                   '--a blade is failed, or at its deadline--> called-off
 * forget:                        install --...--> finished      (no current owner changes: no switch has to know)
 * fail:   fence --the port is shut--> install --...--> switch --...--> finished      (nobody is there to prepare)
 * cut:    the same, of a draining blade at its deadline
 * ```
 *
 * Before the first install everything can be taken back; after it, everything goes forward. A fence has no time-out: as
 * long as clients may reach the failed blade, no other may have its buckets. Neither has a release by itself: an owner that falls off a full
 * history by force is asked by nobody any more, and may know connections that others open anew, until it has put that in force. One that has
 * done so for a move that is called off is taken back into the history: `last` is installed once more, under a generation of its own.
 */
import type { Assignment } from "../model/assignment.ts";
import type { Order, Report } from "./messages.ts";
import { bladesDisplaced, digest, succeed } from "./succession.ts";
import type { SwitchProblem } from "./switch-driver.ts";
import type { Timing } from "./timing.ts";
import type { View } from "./view.ts";

export type Phase = "fence" | "prepare" | "release" | "install" | "switch" | "finished" | "called-off";

export interface Reconfiguration {
  readonly kind: "move" | "forget" | "fail";
  readonly phase: Phase;
  /** ms, when the phase began. */
  readonly since: number;
  readonly view: View;
  readonly last: Assignment;
  readonly next: Assignment;
  readonly digest: string;
  /** Whether there are switches that have to know. */
  readonly steers: boolean;
  /** Blades that take part, in order of name. */
  readonly blades: readonly string[];
  /** Those whose answer is missing in this phase. */
  readonly waiting: readonly string[];
  /** Those that have `next` in force. */
  readonly installed: readonly string[];
  /** Live connections that the losing blades have put into their flow tables. */
  readonly seeded: number;
  /** Live connections that force will cut, as far as is known; from the first install on, that it has cut. */
  readonly cut: number;
  /** Why it was called off, or what did not go well. */
  readonly problem: { readonly code: string; readonly why: string } | null;
}

/** Of a release. */
const OVERDUE = "E_RELEASE";

export type Action =
  | { readonly kind: "send"; readonly to: string; readonly order: Order }
  /** All the switches are to have this. */
  | { readonly kind: "steer"; readonly assignment: Assignment }
  | {
      readonly kind: "note";
      readonly event: string;
      readonly details: Readonly<Record<string, string | number | boolean>>;
    };

export interface Transition {
  readonly state: Reconfiguration;
  readonly actions: readonly Action[];
}

/** What a reconfiguration begins with. */
export interface Beginning {
  readonly view: View;
  readonly last: Assignment;
  readonly blades: readonly string[];
  /** Whether there are switches. */
  readonly steers: boolean;
  readonly now: number;
}

/** Begins with the first phase. Throws what `succeed` throws: nothing has been asked of anyone then. */
export function beginMove(beginning: Beginning, generation: number): Transition {
  const next = succeed(beginning.view, beginning.last, generation);
  return enter(initial("move", beginning, next), "prepare", beginning.now);
}

/** Previous owners leave histories: there is nothing to prepare, and no switch has to know. */
export function beginForget(beginning: Beginning, next: Assignment): Transition {
  return enter(initial("forget", { ...beginning, steers: false }, next), "install", beginning.now);
}

/** A draining blade leaves all histories with what it still has. It is not among `blades`: like a failed one, it is fenced first, for it may
 *  still have the rows of connections that others may open anew now, or not have the assignment in force. */
export function beginCut(beginning: Beginning, next: Assignment): Transition {
  return enter(initial("forget", beginning, next), beginning.steers ? "fence" : "install", beginning.now);
}

/** A failed blade leaves all histories. It is not among `blades`. */
export function beginFail(beginning: Beginning, next: Assignment): Transition {
  return enter(initial("fail", beginning, next), beginning.steers ? "fence" : "install", beginning.now);
}

/** Goes on after the appliance manager was started anew: the phase has its full time again. */
export function resume(state: Reconfiguration, now: number): Transition {
  return ask({ ...state, since: now });
}

export function onReport(state: Reconfiguration, from: string, report: Report, now: number): Transition {
  if (!("generation" in report) || report.generation !== state.next.generation) return { state, actions: [] };
  if (state.phase === "prepare") return onPrepareReport(state, from, report, now);
  if (report.kind === "installed") return onInstalled(state, from, now);
  if (report.kind === "not-installed" && state.waiting.includes(from) && state.problem === null) {
    const problem = { code: "E_NOT_INSTALLED", why: `${from}: ${report.why}` };
    return { state: { ...state, problem }, actions: [note(state, "not-installed", { blade: from, why: report.why })] };
  }
  return { state, actions: [] };
}

/** The switches were programmed as they are to be now, but for `problems`. `activeDone`: those that carry frames were. */
export function onSwitched(
  state: Reconfiguration,
  problems: readonly SwitchProblem[],
  activeDone: boolean,
  now: number,
): Transition {
  // A standby switch drops everything, and is told of the fence before it is made active.
  if (state.phase === "fence" && activeDone)
    return first([note(state, "fenced", {})], enter({ ...state, problem: null }, "install", now));
  if (state.phase !== "switch") return { state, actions: [] };
  if (problems.length === 0) return enter({ ...state, problem: null }, "finished", now);
  const why = problems.map((problem) => `${problem.switch}: ${problem.why}`).join("; ");
  return { state: { ...state, problem: { code: "E_SWITCH", why } }, actions: [] };
}

/** A blade that takes part is being failed: nobody waits for it. Whoever has to let go is waited for until the failure is known to be one. */
export function onGone(state: Reconfiguration, blade: string, now: number): Transition {
  if (!state.waiting.includes(blade) || state.phase === "release") return { state, actions: [] };
  if (state.phase === "prepare") return callOff(state, "E_BLADE_FAILED", `${blade} has failed`, now);
  const after = { ...state, waiting: state.waiting.filter((other) => other !== blade) };
  if (state.phase === "install" && after.waiting.length === 0) return allInstalled(after, now);
  return { state: after, actions: [] };
}

/** A blade can be failed as soon as nothing is under way: it does not wait for those who have to let go. */
export function onFailure(state: Reconfiguration, blade: string, now: number): Transition {
  return state.phase === "release" ? callOff(state, "E_BLADE_FAILED", `${blade} has failed`, now) : { state, actions: [] };
}

/** The deadline of a draining blade has come: it does not wait for those who are overdue with letting go. */
export function onDeadline(state: Reconfiguration, blade: string, now: number): Transition {
  if (state.phase !== "release" || state.problem?.code !== OVERDUE) return { state, actions: [] };
  return callOff(state, "E_DEADLINE", `the deadline of ${blade} has come, and there is ${state.problem.why}`, now);
}

/** Called every `retryMs`. */
export function onTick(state: Reconfiguration, now: number, timing: Timing): Transition {
  const waited = now - state.since;
  const names = state.waiting.join(", ");
  switch (state.phase) {
    case "fence": {
      if (waited < timing.installMs || state.problem !== null) return { state, actions: [] };
      const problem = { code: "E_FENCE", why: "no switch has reported that the port is shut" };
      return { state: { ...state, problem }, actions: [note(state, "fence-overdue", { why: problem.why })] };
    }
    case "prepare":
      if (waited >= timing.prepareMs) return callOff(state, "E_PREPARE_OVERDUE", `no answer from ${names}`, now);
      return ask(state);
    case "release": {
      if (waited < timing.installMs || state.problem?.code === OVERDUE) return ask(state);
      const problem = { code: OVERDUE, why: `no answer from ${names}` };
      return first([note(state, "release-overdue", { blades: names })], ask({ ...state, problem }));
    }
    case "install":
      if (waited < timing.installMs) return ask(state);
      // Roll forward: those that are missing are told again whenever they are heard of.
      return first([note(state, "install-overdue", { blades: names })], allInstalled(state, now));
    case "switch": {
      if (waited < timing.installMs) return { state, actions: [] };
      const why = "no blade has reported that the switches are programmed";
      const problem = state.problem ?? { code: "E_SWITCH", why };
      const overdue = note(state, "switch-overdue", { why: problem.why });
      return first([overdue], enter({ ...state, problem }, "finished", now));
    }
    case "finished":
    case "called-off":
      return { state, actions: [] };
  }
}

function initial(kind: Reconfiguration["kind"], beginning: Beginning, next: Assignment): Reconfiguration {
  const { view, last, blades, steers } = beginning;
  return {
    kind,
    phase: "prepare",
    since: 0,
    view,
    last,
    next,
    digest: digest(next),
    steers,
    blades,
    waiting: [],
    installed: [],
    seeded: 0,
    cut: 0,
    problem: null,
  };
}

function onPrepareReport(state: Reconfiguration, from: string, report: Report, now: number): Transition {
  if (!state.waiting.includes(from)) return { state, actions: [] };
  if (report.kind === "refused") return callOff(state, report.code, report.why, now);
  if (report.kind !== "prepared") return { state, actions: [] };
  if (report.digest !== state.digest) {
    return callOff(
      state,
      "E_DIGESTS_DIFFER",
      `${from} has computed another assignment than the appliance manager`,
      now,
    );
  }
  const waiting = state.waiting.filter((blade) => blade !== from);
  const after = { ...state, waiting, seeded: state.seeded + report.seeded };
  if (waiting.length > 0) return { state: after, actions: [] };
  const prepared = note(after, "prepared", { blades: state.blades.length, seeded: after.seeded });
  const isForced = bladesDisplaced(after.last, after.next).length > 0;
  return first([prepared], enter(after, isForced ? "release" : "install", now));
}

function onInstalled(state: Reconfiguration, from: string, now: number): Transition {
  if (state.installed.includes(from) || !state.blades.includes(from)) return { state, actions: [] };
  const after = {
    ...state,
    installed: [...state.installed, from],
    waiting: state.waiting.filter((blade) => blade !== from),
  };
  if (after.waiting.length > 0 || (state.phase !== "release" && state.phase !== "install")) return { state: after, actions: [] };
  // Whoever has let go has installed it.
  return after.installed.length < after.blades.length && state.phase === "release"
    ? enter({ ...after, problem: null }, "install", now)
    : allInstalled(after, now);
}

function allInstalled(state: Reconfiguration, now: number): Transition {
  const { installed, blades } = state;
  const done = note(state, "installed", { blades: installed.length, missing: blades.length - installed.length });
  return first([done], enter({ ...state, problem: null }, state.steers ? "switch" : "finished", now));
}

function callOff(state: Reconfiguration, code: string, why: string, now: number): Transition {
  const problem = { code, why };
  const aborts = state.blades.map((to): Action => ({
    kind: "send",
    to,
    order: { kind: "abort", generation: state.next.generation },
  }));
  return {
    state: { ...state, phase: "called-off", since: now, waiting: [], problem },
    actions: [...aborts, note(state, "called-off", { code, why })],
  };
}

function enter(state: Reconfiguration, phase: Phase, now: number): Transition {
  const waiting = whoAnswers(state, phase);
  const { state: after, actions } = ask({ ...state, phase, since: now, waiting });
  // Asking for it again and again is the business of whoever programs the switches.
  if (phase === "fence") return { state: after, actions: [...actions, { kind: "steer", assignment: state.last }] };
  if (phase === "switch") return { state: after, actions: [...actions, { kind: "steer", assignment: state.next }] };
  return { state: after, actions };
}

function whoAnswers({ blades, installed, last, next }: Reconfiguration, phase: Phase): readonly string[] {
  if (phase === "prepare") return blades;
  if (phase === "release") return bladesDisplaced(last, next);
  return phase === "install" ? blades.filter((blade) => !installed.includes(blade)) : [];
}

/** Sends what the phase has to ask of those that have not answered. */
function ask(state: Reconfiguration): Transition {
  const { view, last, next: assignment } = state;
  const { generation } = assignment;
  const send = (to: string, order: Order): Action => ({ kind: "send", to, order });
  switch (state.phase) {
    case "prepare":
      return { state, actions: state.waiting.map((to) => send(to, { kind: "prepare", generation, view, last })) };
    case "release":
    case "install":
      return { state, actions: state.waiting.map((to) => send(to, { kind: "install", assignment })) };
    default:
      return { state, actions: [] };
  }
}

function first(actions: readonly Action[], then: Transition): Transition {
  return { state: then.state, actions: [...actions, ...then.actions] };
}

function note(state: Reconfiguration, event: string, details: Readonly<Record<string, string | number>>): Action {
  return { kind: "note", event, details: { generation: state.next.generation, ...details } };
}
