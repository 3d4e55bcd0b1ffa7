/**
 * The states of blades that were met, by number: an IPD (the image), its host's sockets, the queue between NIC and host, and its traffic
 * manager. What can happen to a state is computed once.
 */
import {
  Cookie,
  cookiesLost,
  INCARNATIONS,
  nameOf,
  Pc,
  Socket,
  SOCKET_INCARNATION_SHIFT,
  SOCKET_STATE_MASK,
  replaced,
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
import { BLADES_MAX, isLiveRow, ROW_COOKIE, ROW_NONE, ROW_STATE_MASK, TUPLES, type IpdState, type Redirect } from "./ipd-state.ts";
import { TrafficManagers } from "./traffic-manager.ts";
import { udpSteps } from "./udp.ts";

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
      cookies: zeros(TUPLES),
      mirror: zeros(TUPLES),
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

  /** Whether the host has this connection, or will take it for one by the cookie that it has sent. */
  has(blade: number, tuple: number, incarnation: number): boolean {
    const { sockets, cookies } = this.states[blade]!;
    const socket = sockets[tuple]!;
    if (cookies[tuple] !== Cookie.NONE) return true;
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
    return this.#number(toHost(this.#configuration, after, segment, tuple, incarnation));
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
      // A mirror forgets the flows of histories that its owner has left.
      const mirror = history.includes(state.owner) ? state.mirror : zeros(TUPLES);
      after = this.#number(this.#managers.idle({ ...state, mirror, ipd: reaction.after }));
      given.set(key, after);
    }
    return after;
  }

  /** A handover list comes to a blade. */
  takeList(blade: number, sender: number, generation: number, flows: number): number {
    const given = this.#given[blade]!;
    const key = -1 - (sender + BLADES_MAX * (generation + 8 * flows));
    let after = given.get(key);
    if (after === undefined) {
      const state = this.states[blade]!;
      const { after: ipd } = this.#ipds.react(state.ipd, { kind: "list", sender, generation, flows });
      given.set(key, (after = this.#number({ ...state, ipd })));
    }
    return after;
  }

  #number(state: BladeState): number {
    const { owner, gone, ipd, sockets, cookies, mirror, inbound, pc, read, sealedSeen } = state;
    const key = String.fromCharCode(
      owner * 4 + (gone ? 2 : 0) + (sealedSeen ? 1 : 0), pc, ipd & 0xffff, ipd >>> 16, ...sockets, ...cookies, ...mirror, ...inbound, ...read,
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
    if (verdict === "DELIVER") return { after: this.#number(toHost(this.#configuration, after, segment, tuple, incarnation)), verdict, redirect };
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
      if (this.#configuration.udp) udpSteps(this.#ipds, state, tuple, step);
      else hostSteps(this.#ipds, this.#configuration, state, tuple, step);
      this.#tableSteps(state, tuple, step);
      if (this.#configuration.cookies) this.#cookieSteps(state, tuple, step);
    }
    if (this.#configuration.restart && this.#isMirrored(state)) {
      step("its NIC restarts", cookiesLost({ ...state, ipd: this.#ipds.react(state.ipd, { kind: "restart" }).after }));
    }
    if (this.#ipds.states[state.ipd]!.lost && !state.cookies.includes(Cookie.OLD)) {
      step("the cookies that were out when rows were lost have run out", { ...state, ipd: this.#ipds.withoutLostCookies(state.ipd) });
    }
    this.#managers.steps(state, step);
    return steps;
  }

  #tableSteps(state: BladeState, tuple: number, step: AddStep): void {
    if (!this.#configuration.eviction || !this.#isMirrored(state)) return;
    const ipd = this.#ipds.states[state.ipd]!;
    if (ipd.rows[tuple] === ROW_NONE) return;
    const { after } = this.#ipds.react(state.ipd, { kind: "pressure", tuple });
    const gone = this.#ipds.states[after]!.rows[tuple] === ROW_NONE;
    const violation = gone && ipd.pinned ? "a pinned row was evicted" : null;
    step(`its flow table needs room: the row of ${nameOf(tuple)(null)} goes`, { ...state, ipd: after }, null, violation);
  }

  /** A cookie is as old as the last SYN+ACK, or older, and its row was touched then: it has run out by when the row may go. */
  #cookieSteps(state: BladeState, tuple: number, step: AddStep): void {
    const row = this.#ipds.states[state.ipd]!.rows[tuple]! & ROW_STATE_MASK;
    if (state.cookies[tuple] === Cookie.NONE && row !== ROW_COOKIE) return;
    const cookies = replaced(state.cookies, tuple, Cookie.NONE);
    step(`a cookie for ${nameOf(tuple)(null)} has run out`, { ...state, cookies, ipd: this.#ipds.withoutCookie(state.ipd, tuple) });
  }

  /** A scan has found all flows of UDP before the NIC restarts or a row is evicted: what it has not found yet is lost. */
  #isMirrored({ ipd, mirror }: BladeState): boolean {
    if (!this.#configuration.udp) return true;
    return this.#ipds.states[ipd]!.rows.every((row, tuple) => !isLiveRow(row) || mirror[tuple] !== Socket.NONE);
  }
}
