/**
 * The states of blades that were met, by number: an IPD (the image), its host's sockets, the queue between NIC and host, and its traffic
 * manager. What can happen to a state is computed once.
 */
import {
  INCARNATIONS,
  nameOf,
  Pc,
  Socket,
  SOCKET_INCARNATION_SHIFT,
  SOCKET_STATE_MASK,
  toHost,
  zeros,
  type AddStep,
  type BladeState,
  type Event,
  type Step,
} from "./blade-state.ts";
import type { Configuration, Weakening } from "./configuration.ts";
import { hostSteps } from "./host.ts";
import type { Ipds } from "./ipd.ts";
import { BLADES, ROW_NONE, TUPLES, type IpdState, type Redirect } from "./ipd-state.ts";
import { TrafficManagers } from "./traffic-manager.ts";

export interface Arrival {
  readonly after: number;
  /** `DELIVER`, `REDIRECT`, `DROP ...` */
  readonly verdict: string;
  readonly redirect: Redirect | null;
}

export class Blades {
  readonly states: BladeState[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #steps: (readonly Step[] | undefined)[] = [];
  readonly #arrivals: Map<number, Arrival>[] = [];
  /** By assignment or list. */
  readonly #given: Map<number, number>[] = [];
  readonly #ipds: Ipds;
  readonly #configuration: Configuration;
  readonly #managers: TrafficManagers;

  constructor(ipds: Ipds, configuration: Configuration, weakening: Weakening | null) {
    this.#ipds = ipds;
    this.#configuration = configuration;
    this.#managers = new TrafficManagers(ipds, configuration, weakening);
  }

  /** A blade with an assignment and no connections. */
  initial(owner: number, generation: number, history: readonly number[]): number {
    return this.#number({
      owner,
      gone: false,
      ipd: this.#ipds.initial(owner, generation, history),
      sockets: zeros(TUPLES),
      inbound: zeros(TUPLES * INCARNATIONS),
      pc: Pc.IDLE,
      read: zeros(TUPLES),
      sealedSeen: false,
    });
  }

  ipd(blade: number): IpdState {
    return this.#ipds.states[this.states[blade]!.ipd]!;
  }

  socket(blade: number, tuple: number): number {
    return this.states[blade]!.sockets[tuple]! & SOCKET_STATE_MASK;
  }

  /** Whether the host has this connection. */
  has(blade: number, tuple: number, incarnation: number): boolean {
    const socket = this.states[blade]!.sockets[tuple]!;
    return (socket & SOCKET_STATE_MASK) !== Socket.NONE && socket >> SOCKET_INCARNATION_SHIFT === incarnation;
  }

  /** The blade once it is fenced and failed. */
  gone(blade: number): number {
    const { owner } = this.states[blade]!;
    return this.#number({ ...this.states[this.initial(owner, 0, [])]!, gone: true });
  }

  /** What can happen at a blade by itself. */
  steps(blade: number): readonly Step[] {
    let steps = this.#steps[blade];
    if (!steps) this.#steps[blade] = steps = this.#computeSteps(this.states[blade]!);
    return steps;
  }

  /** A frame of a client at a blade's wire. `key` is `tag`, `generation`, segment, tuple and incarnation in one number. */
  arrive(
    blade: number,
    key: number,
    frame: { segment: number; tuple: number; incarnation: number; tag: string; generation: number },
  ): Arrival {
    const arrivals = this.#arrivals[blade]!;
    let arrival = arrivals.get(key);
    if (!arrival) arrivals.set(key, (arrival = this.#computeArrival(this.states[blade]!, frame)));
    return arrival;
  }

  /** A trap: the image is started anew, and the frame is handed to the host. Not what the engine does. */
  failOpen(blade: number, segment: number, tuple: number, incarnation: number): number {
    const state = this.states[blade]!;
    const after = { ...state, ipd: this.#ipds.react(state.ipd, { kind: "restart" }).after };
    return this.#number(toHost(after, segment, tuple, incarnation));
  }

  /** `blade` with an assignment in force; a look that was under way ends, and what was proved is forgotten. */
  install(blade: number, generation: number, historyNumber: number, history: readonly number[]): number {
    const given = this.#given[blade]!;
    const key = generation * 0x10000 + historyNumber;
    let after = given.get(key);
    if (after === undefined) {
      const state = this.states[blade]!;
      const reaction = this.#ipds.react(state.ipd, { kind: "install", generation, history });
      if (reaction.verdict !== "OK") throw new Error(`an assignment was refused: ${reaction.verdict}`);
      after = this.#number(this.#managers.idle({ ...state, ipd: reaction.after }));
      given.set(key, after);
    }
    return after;
  }

  /** A handover list comes to a blade. */
  takeList(blade: number, sender: number, generation: number, flows: number): number {
    const given = this.#given[blade]!;
    const key = -1 - (sender + BLADES * (generation + 8 * flows));
    let after = given.get(key);
    if (after === undefined) {
      const state = this.states[blade]!;
      const { after: ipd } = this.#ipds.react(state.ipd, { kind: "list", sender, generation, flows });
      given.set(key, (after = this.#number({ ...state, ipd })));
    }
    return after;
  }

  #number(state: BladeState): number {
    const { owner, gone, ipd, sockets, inbound, pc, read, sealedSeen } = state;
    const key = String.fromCharCode(
      owner * 4 + (gone ? 2 : 0) + (sealedSeen ? 1 : 0), pc, ipd & 0xffff, ipd >>> 16, ...sockets, ...inbound, ...read,
    );
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.states.length;
      this.states.push(state);
      this.#steps.push(undefined);
      this.#arrivals.push(new Map());
      this.#given.push(new Map());
      this.#numbers.set(key, number);
    }
    return number;
  }

  #computeArrival(
    state: BladeState,
    { segment, tuple, incarnation, tag, generation }: Parameters<Blades["arrive"]>[2],
  ): Arrival {
    const { after: ipd, verdict, redirect } = this.#ipds.react(state.ipd, { kind: "frame", segment, tuple, tag, generation });
    const after = { ...state, ipd };
    if (verdict === "DELIVER") return { after: this.#number(toHost(after, segment, tuple, incarnation)), verdict, redirect };
    return { after: this.#number(after), verdict, redirect };
  }

  #computeSteps(state: BladeState): Step[] {
    if (state.gone) return [];
    const steps: Step[] = [];
    const step = (text: string, after: BladeState | number, event: Event | null = null, violation: string | null = null): void => {
      const number = typeof after === "number" ? after : this.#number(after);
      if (event !== null || violation !== null || number !== this.#number(state)) steps.push({ text, after: number, event, violation });
    };
    for (let tuple = 0; tuple < this.#configuration.tuples; tuple++) {
      hostSteps(this.#ipds, this.#configuration, state, tuple, step);
      this.#tableSteps(state, tuple, step);
    }
    if (this.#configuration.restart) {
      step("its NIC restarts", { ...state, ipd: this.#ipds.react(state.ipd, { kind: "restart" }).after });
    }
    this.#managers.steps(state, step);
    return steps;
  }

  #tableSteps(state: BladeState, tuple: number, step: AddStep): void {
    if (!this.#configuration.eviction) return;
    const ipd = this.#ipds.states[state.ipd]!;
    if (ipd.rows[tuple] === ROW_NONE) return;
    const { after } = this.#ipds.react(state.ipd, { kind: "pressure", tuple });
    const gone = this.#ipds.states[after]!.rows[tuple] === ROW_NONE;
    const violation = gone && ipd.pinned ? "a pinned row was evicted" : null;
    step(`its flow table needs room: the row of ${nameOf(tuple)(null)} goes`, { ...state, ipd: after }, null, violation);
  }


}
