/**
 * One reconfiguration, as a state machine: plain-data state and events in, state and actions out. In this order
 * (design, section 5):
 *
 * ```
 * prepare --all agree--> install --all acknowledge, or time-out--> switch --programmed, or time-out--> finished
 *    |                      '--- forgetting changes no current owner ---------------------------------^
 *    '--refused, digests differ, time-out--> called-off
 * ```
 *
 * Before the first install everything can be taken back; after it, everything goes forward.
 */
import type { Assignment } from "../model/assignment.ts";
import type { Order, Report } from "./messages.ts";
import { digest, succeed } from "./succession.ts";
import type { Timing } from "./timing.ts";
import type { View } from "./view.ts";

export type Phase = "prepare" | "install" | "switch" | "finished" | "called-off";

export interface Reconfiguration {
  readonly phase: Phase;
  /** ms, when the phase began. */
  readonly since: number;
  readonly view: View;
  readonly last: Assignment;
  readonly next: Assignment;
  readonly digest: string;
  /** Whether the switches have to know. */
  readonly steers: boolean;
  /** Blades that take part, in order of name. */
  readonly blades: readonly string[];
  /** Those whose answer is missing in this phase. */
  readonly waiting: readonly string[];
  /** Those that have `next` in force. */
  readonly installed: readonly string[];
  /** Times that the switch phase has been asked for. */
  readonly asked: number;
  /** Live connections that the losing blades have put into their flow tables. */
  readonly seeded: number;
  /** Why it was called off, or what did not go well. */
  readonly problem: { readonly code: string; readonly why: string } | null;
}

export type Action =
  | { readonly kind: "send"; readonly to: string; readonly order: Order }
  | {
      readonly kind: "note";
      readonly event: string;
      readonly details: Readonly<Record<string, string | number | boolean>>;
    };

export interface Transition {
  readonly state: Reconfiguration;
  readonly actions: readonly Action[];
}

/** Requests to one leader before the next blade is asked to lead. */
const LEADER_ASKED_MAX = 5;

/** Begins with the first phase. Throws what `succeed` throws: nothing has been asked of anyone then. */
export function beginMove(
  view: View,
  last: Assignment,
  generation: number,
  blades: readonly string[],
  now: number,
): Transition {
  const next = succeed(view, last, generation);
  return enter({ ...initial(view, last, next, blades), steers: true }, "prepare", now);
}

/** Previous owners leave histories: there is nothing to prepare, and no switch has to know. */
export function beginForget(
  view: View,
  last: Assignment,
  next: Assignment,
  blades: readonly string[],
  now: number,
): Transition {
  return enter({ ...initial(view, last, next, blades), steers: false }, "install", now);
}

export function onReport(
  state: Reconfiguration,
  from: string,
  report: Report,
  now: number,
  timing: Timing,
): Transition {
  if (!("generation" in report) || report.generation !== state.next.generation) return { state, actions: [] };
  if (state.phase === "prepare") return onPrepareReport(state, from, report, now);
  if (report.kind === "installed") return onInstalled(state, from, now);
  if (report.kind === "not-installed" && state.waiting.includes(from) && state.problem === null) {
    const problem = { code: "E_NOT_INSTALLED", why: `${from}: ${report.why}` };
    return { state: { ...state, problem }, actions: [note(state, "not-installed", { blade: from, why: report.why })] };
  }
  if (state.phase === "switch" && report.kind === "switched") {
    if (report.problems.length === 0)
      return first([note(state, "switched", { leader: from })], enter({ ...state, problem: null }, "finished", now));
    const problem = { code: "E_SWITCH", why: report.problems.join("; ") };
    const actions = state.problem === null ? [note(state, "not-switched", { why: problem.why })] : [];
    return overdue({ ...state, problem }, now, timing, actions);
  }
  return { state, actions: [] };
}

/** Called every `retryMs`. */
export function onTick(state: Reconfiguration, now: number, timing: Timing): Transition {
  return overdue(state, now, timing, []);
}

function initial(
  view: View,
  last: Assignment,
  next: Assignment,
  blades: readonly string[],
): Omit<Reconfiguration, "steers"> {
  return {
    phase: "prepare",
    since: 0,
    view,
    last,
    next,
    digest: digest(next),
    blades,
    waiting: [],
    installed: [],
    asked: 0,
    seeded: 0,
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
  return first([prepared], enter(after, "install", now));
}

function onInstalled(state: Reconfiguration, from: string, now: number): Transition {
  if (state.installed.includes(from) || !state.blades.includes(from)) return { state, actions: [] };
  const after = {
    ...state,
    installed: [...state.installed, from],
    waiting: state.waiting.filter((blade) => blade !== from),
  };
  return state.phase === "install" && after.waiting.length === 0
    ? allInstalled(after, now)
    : { state: after, actions: [] };
}

function allInstalled(state: Reconfiguration, now: number): Transition {
  const { installed, blades } = state;
  const done = note(state, "installed", { blades: installed.length, missing: blades.length - installed.length });
  return first([done], enter({ ...state, problem: null }, state.steers ? "switch" : "finished", now));
}

/** Asks again, or gives the phase up. */
function overdue(state: Reconfiguration, now: number, timing: Timing, actions: readonly Action[]): Transition {
  const waited = now - state.since;
  const names = state.waiting.join(", ");
  switch (state.phase) {
    case "prepare":
      if (waited >= timing.prepareMs) return callOff(state, "E_PREPARE_OVERDUE", `no answer from ${names}`, now);
      return first(actions, ask(state));
    case "install":
      if (waited < timing.installMs) return first(actions, ask(state));
      // Roll forward: those that are missing are told again whenever they are heard of.
      return first([...actions, note(state, "install-overdue", { blades: names })], allInstalled(state, now));
    case "switch": {
      if (waited < timing.installMs) return first(actions, ask(state));
      const problem = state.problem ?? {
        code: "E_SWITCH",
        why: "no blade has reported that the switches are programmed",
      };
      return first(
        [...actions, note(state, "switch-overdue", { why: problem.why })],
        enter({ ...state, problem }, "finished", now),
      );
    }
    case "finished":
    case "called-off":
      return { state, actions };
  }
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
  const waiting = phase === "prepare" || phase === "install" ? state.blades : [];
  return ask({ ...state, phase, since: now, waiting });
}

/** Sends what the phase has to ask of those that have not answered. */
function ask(state: Reconfiguration): Transition {
  const { view, last, next: assignment, digest } = state;
  const { generation } = assignment;
  const send = (to: string, order: Order): Action => ({ kind: "send", to, order });
  switch (state.phase) {
    case "prepare":
      return { state, actions: state.waiting.map((to) => send(to, { kind: "prepare", generation, view, last })) };
    case "install":
      return { state, actions: state.waiting.map((to) => send(to, { kind: "install", assignment })) };
    case "switch": {
      const leaders = [...state.installed].sort();
      const leader = leaders[Math.floor(state.asked / LEADER_ASKED_MAX) % leaders.length];
      const actions = leader === undefined ? [] : [send(leader, { kind: "switch", assignment, digest })];
      return { state: { ...state, asked: state.asked + 1 }, actions };
    }
    case "finished":
    case "called-off":
      return { state, actions: [] };
  }
}

function first(actions: readonly Action[], then: Transition): Transition {
  return { state: then.state, actions: [...actions, ...then.actions] };
}

function note(state: Reconfiguration, event: string, details: Readonly<Record<string, string | number>>): Action {
  return { kind: "note", event, details: { generation: state.next.generation, ...details } };
}
