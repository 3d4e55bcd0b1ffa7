/**
 * A blade in the model: its IPD (the image, by the numbers of `ipd.ts`), its host's sockets, the queues between NIC and
 * host, and its traffic manager as the steps of `host/supervisor/previous-owner.ts`, `preparation.ts` and
 * `current-owner.ts`. States have numbers; what can happen to a state is computed once.
 *
 * What is left out, without loss: an ACK or FIN goes through the queue to the host at once (what it does there depends on the
 * socket only, and a late one does no more than an early one). A host's reply is never between host and NIC: a host
 * repeats its replies, and a socket does not end before what it has sent has left the NIC (this is an assumption), so a late reply is
 * one that is sent later. Past the NIC a reply is at its client at once or never: a SYN of the same connection
 * may still be on its way (`system.ts`).
 */
import type { Configuration, Weakening } from "./configuration.ts";
import { BLADES, type Ipds, type IpdState, Reply, ROW_NONE, ROW_OPENING, ROW_STATE_MASK, Segment, TUPLES } from "./ipd.ts";

export const Socket = { NONE: 0, HALF_OPEN: 1, ESTABLISHED: 2, CLOSING: 3 } as const;
const SOCKET_STATE_MASK = 3;
const SOCKET_INCARNATION_SHIFT = 2;

/** Of a SYN between NIC and host. `OLD`: it was there when the traffic manager began to wait. */
const Age = { ABSENT: 0, NEW: 1, OLD: 2 } as const;
const INCARNATIONS = 2;

/** Where a traffic manager is in its look. */
export const Pc = {
  IDLE: 0,
  /** UNSEAL was accepted; what is in the queues has to arrive. */
  FILL_WAIT: 1,
  SEED: 2,
  COMPLETE: 3,
  /** Not in the code: the time before which a row must have been touched last to be removed (`untouchedMs`). */
  MARKED: 4,
  DECIDE: 7,
  DECIDE_MARKED: 8,
  PROVE_WAIT: 9,
  PROVE: 10,
  UNSEAL: 11,
  CONFIRM: 12,
  REFILL_WAIT: 13,
  REFILL_SEED: 14,
  PREPARE_READ: 15,
  PREPARE_SEED: 16,
} as const;

export interface BladeState {
  readonly owner: number;
  /** Fenced and declared failed: nothing that it does reaches anyone. */
  readonly gone: boolean;
  readonly ipd: number;
  /** By tuple: a `Socket`, and its incarnation. */
  readonly sockets: readonly number[];
  /** By tuple and incarnation (`tuple * INCARNATIONS + incarnation`): the `Age` of a SYN on its way to the host. */
  readonly inbound: readonly number[];
  readonly pc: number;
  /** By tuple: the `Socket` that the traffic manager has read. */
  readonly read: readonly number[];
  /** BUCKETS has said that the bucket is sealed. */
  readonly sealedSeen: boolean;
}

export type Event =
  /** A SYN+ACK of this blade is at its client. */
  | { readonly kind: "syn-ack"; readonly tuple: number; readonly incarnation: number }
  /** Only if the client has just sent the SYN of this connection. */
  | { readonly kind: "challenged"; readonly tuple: number; readonly incarnation: number }
  /** Only if the client has given this connection up. */
  | { readonly kind: "if-abandoned"; readonly tuple: number; readonly incarnation: number }
  | { readonly kind: "drained"; readonly generation: number }
  /** A handover list leaves: `flows` is a bit a tuple. */
  | { readonly kind: "list"; readonly generation: number; readonly flows: number };

export interface Step {
  readonly after: number;
  readonly text: string;
  readonly event: Event | null;
  /** What must never be, and is. */
  readonly violation: string | null;
}

export interface Arrival {
  readonly after: number;
  /** `DELIVER`, `REDIRECT`, `DROP ...` */
  readonly verdict: string;
  readonly redirect: { readonly kind: string; readonly target: number; readonly generation: number } | null;
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
  readonly #weakening: Weakening | null;

  constructor(ipds: Ipds, configuration: Configuration, weakening: Weakening | null) {
    this.#ipds = ipds;
    this.#configuration = configuration;
    this.#weakening = weakening;
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
      after = this.#idle({ ...state, ipd: reaction.after });
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
      this.#hostSteps(state, tuple, step);
      this.#tableSteps(state, tuple, step);
    }
    if (this.#configuration.restart) {
      step("its NIC restarts", { ...state, ipd: this.#ipds.react(state.ipd, { kind: "restart" }).after });
    }
    this.#managerSteps(state, step);
    return steps;
  }

  #hostSteps(state: BladeState, tuple: number, step: AddStep): void {
    const { close, halfOpenTimeout } = this.#configuration;
    const name = nameOf(tuple);
    const socket = state.sockets[tuple]!;
    const socketState = socket & SOCKET_STATE_MASK;
    const incarnation = socket >> SOCKET_INCARNATION_SHIFT;
    const closed = { ...state, sockets: replaced(state.sockets, tuple, 0) };
    for (let of = 0; of < INCARNATIONS; of++) {
      const place = tuple * INCARNATIONS + of;
      if (state.inbound[place] === Age.ABSENT) continue;
      const inbound = replaced(state.inbound, place, Age.ABSENT);
      step(`its host takes the SYN of ${name(of)}`, synAtHost({ ...state, inbound }, tuple, of));
      if (socketState === Socket.NONE || incarnation >= of) continue;
      step(
        `its host answers the SYN of ${name(of)} for ${name(incarnation)}, and the client resets that`,
        this.#replied({ ...closed, inbound }, Reply.ACK, tuple),
        { kind: "challenged", tuple, incarnation: of },
      );
    }
    if (socketState === Socket.NONE) return;
    if (socketState === Socket.HALF_OPEN) {
      const replied = this.#replied(state, Reply.SYN_ACK, tuple);
      step(`its host sends a SYN+ACK of ${name(incarnation)}, which is lost on its way to the client`, replied);
      step(`its host sends a SYN+ACK of ${name(incarnation)}`, replied, { kind: "syn-ack", tuple, incarnation });
      if (halfOpenTimeout) step(`its host gives ${name(incarnation)} up, half-open`, closed);
    } else if (socketState === Socket.ESTABLISHED) {
      step(`its host sends an ACK of ${name(incarnation)}`, this.#replied(state, Reply.ACK, tuple));
      if (close) step(`its host gives ${name(incarnation)} up`, closed, { kind: "if-abandoned", tuple, incarnation });
    } else {
      step(`its host sends a FIN of ${name(incarnation)}`, this.#replied(state, Reply.FIN, tuple));
      step(`its host has closed ${name(incarnation)}`, closed);
    }
  }

  /** A segment of the host has left the NIC. */
  #replied(state: BladeState, reply: number, tuple: number): BladeState {
    return { ...state, ipd: this.#ipds.react(state.ipd, { kind: "reply", reply, tuple }).after };
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

  #managerSteps(state: BladeState, step: AddStep): void {
    const { configuration, weakening } = { configuration: this.#configuration, weakening: this.#weakening };
    const ipd = this.#ipds.states[state.ipd]!;
    if (ipd.generation === 0) return;
    const index = ipd.history.indexOf(state.owner);
    const command = (name: "UNSEAL" | "COMPLETE" | "SEAL" | "PIN"): { status: string; ipd: number } => {
      const { after, verdict } = this.#ipds.react(state.ipd, { kind: "command", command: name });
      return { status: verdict, ipd: after };
    };
    const at = (pc: number, changes: Partial<BladeState> = {}): BladeState => ({ ...state, pc, ...changes });
    const live = (sockets: readonly number[]): boolean => sockets.some((socket) => socket !== Socket.NONE);
    const readNow = (): number[] => state.sockets.map((socket) => socket & SOCKET_STATE_MASK);
    const tm = "its traffic manager";
    const isUnsealed = weakening === "drain-without-the-seal";

    if (state.pc !== Pc.IDLE && configuration.crash) step(`${tm} ends its look, or is started anew`, this.#idle(state));

    switch (state.pc) {
      case Pc.IDLE: {
        if (index > 0 && !ipd.complete && !ipd.sealed && configuration.seeding) {
          const { ipd: after } = command("UNSEAL");
          step(`${tm} sends UNSEAL, and waits for the queue`, waiting(at(Pc.FILL_WAIT, { ipd: after })));
        }
        if (index > 0 && (ipd.complete || ipd.sealed)) {
          if (configuration.drain) {
            step(`${tm} looks at the buckets, and reads the sockets: ${describe(readNow())}`, at(Pc.DECIDE, { read: readNow(), sealedSeen: ipd.sealed }));
          }
          if (configuration.tidy && ipd.rows.some((row) => row !== ROW_NONE)) {
            step(`(rows touched from here on are not to be removed)`, waiting(at(Pc.MARKED, { ipd: this.#ipds.marked(state.ipd) })));
          }
        }
        if (index > 0 && configuration.lists) this.#listStep(state, ipd, step);
        if (index === 0 && configuration.refill && !live(ipd.rows)) {
          step(`${tm} waits for the queue, to refill the table`, waiting(at(Pc.REFILL_WAIT)));
        }
        if (index === 0 && configuration.prepare && !ipd.pinned) step(`${tm} sends PIN`, at(Pc.PREPARE_READ, { ipd: command("PIN").ipd }));
        return;
      }
      case Pc.FILL_WAIT:
        if (hasOld(state) && weakening !== "seeding-before-the-queue-has-drained") return;
        return step(`${tm} reads the sockets: ${describe(readNow())}`, renewed(at(Pc.SEED, { read: readNow() })));
      case Pc.SEED: {
        const seeded = weakening === "no-seeding" ? state.ipd : this.#ipds.react(state.ipd, { kind: "seed", sockets: state.read }).after;
        return step(`${tm} sends SEED: ${describe(state.read)}`, at(Pc.COMPLETE, { ipd: seeded, read: zeros(TUPLES) }));
      }
      case Pc.COMPLETE: {
        const { status, ipd: after } = command("COMPLETE");
        return step(`${tm} sends COMPLETE: ${status}`, this.#idle({ ...state, ipd: after }));
      }
      case Pc.MARKED:
        if (hasOld(state)) return;
        return step(
          `${tm} looks at the buckets, and reads the sockets: ${describe(readNow())}`,
          renewed(at(Pc.DECIDE_MARKED, { read: readNow(), sealedSeen: ipd.sealed })),
        );
      case Pc.DECIDE_MARKED: {
        const dead = ipd.rows.map((row, tuple) => row !== ROW_NONE && state.read[tuple] === Socket.NONE);
        const { after } = this.#ipds.react(state.ipd, { kind: "remove", dead });
        return step(
          `${tm} sends REMOVE for what has no socket: ${describe(dead.map(Number))}`,
          at(Pc.DECIDE, { ipd: this.#ipds.unmarked(after) }),
        );
      }
      case Pc.DECIDE: {
        if (!configuration.drain) return step(`${tm} ends its look`, this.#idle(state));
        if (live(state.read)) {
          if (!state.sealedSeen) return step(`${tm} ends its look`, this.#idle(state));
          return step(`${tm} sends UNSEAL`, at(Pc.SEED, { ipd: command("UNSEAL").ipd, sealedSeen: false }));
        }
        const waitingFor = { read: zeros(TUPLES), sealedSeen: false };
        if (state.sealedSeen || isUnsealed) return step(`${tm} waits for the queue`, waiting(at(Pc.PROVE_WAIT, waitingFor)));
        const { status, ipd: after } = command("SEAL");
        if (status !== "OK") return step(`${tm} sends SEAL: ${status}`, this.#idle({ ...state, ipd: after }));
        return step(`${tm} sends SEAL, and waits for the queue`, waiting(at(Pc.PROVE_WAIT, { ...waitingFor, ipd: after })));
      }
      case Pc.PROVE_WAIT:
        if (weakening === "seal-without-the-second-look") return step(`${tm} looks no second time`, renewed(at(Pc.PROVE)));
        if (hasOld(state)) return;
        return step(`${tm} reads the sockets: ${describe(readNow())}`, renewed(at(Pc.PROVE, { read: readNow() })));
      case Pc.PROVE: {
        if (live(state.read)) return step(`${tm} sends UNSEAL`, at(Pc.SEED, { ipd: command("UNSEAL").ipd }));
        if (isUnsealed) return step(`${tm} looks once more`, at(Pc.CONFIRM));
        const { status, ipd: after } = command("COMPLETE");
        if (status === "OK") return step(`${tm} sends COMPLETE: OK`, at(Pc.CONFIRM, { ipd: after }));
        if (status === "BUCKET_NOT_EMPTY") return step(`${tm} sends COMPLETE: ${status}`, at(Pc.UNSEAL, { ipd: after }));
        return step(`${tm} sends COMPLETE: ${status}`, this.#idle({ ...state, ipd: after }));
      }
      case Pc.UNSEAL:
        return step(`${tm} sends UNSEAL`, this.#idle({ ...state, ipd: command("UNSEAL").ipd }));
      case Pc.CONFIRM:
        return this.#reportStep(state, ipd, step, ipd.complete && index > 0 && (isUnsealed || (ipd.sealed && !live(ipd.rows))));
      case Pc.REFILL_WAIT:
        if (hasOld(state)) return;
        return step(`${tm} reads the sockets: ${describe(readNow())}`, renewed(at(Pc.REFILL_SEED, { read: readNow() })));
      case Pc.PREPARE_READ:
        return step(`${tm} reads the sockets: ${describe(readNow())}`, at(Pc.PREPARE_SEED, { read: readNow() }));
      case Pc.REFILL_SEED:
      case Pc.PREPARE_SEED: {
        const { after } = this.#ipds.react(state.ipd, { kind: "seed", sockets: state.read });
        return step(`${tm} sends SEED: ${describe(state.read)}`, this.#idle({ ...state, ipd: after }));
      }
    }
  }

  #reportStep(state: BladeState, { generation }: IpdState, step: AddStep, proved: boolean): void {
    const after = this.#idle(state);
    if (!proved) return step("its traffic manager has proved nothing", after);
    const alive = state.sockets.findIndex((socket) => (socket & SOCKET_STATE_MASK) !== Socket.NONE);
    step(
      `its traffic manager reports under generation ${generation} that the bucket has drained`,
      after,
      { kind: "drained", generation },
      alive < 0 ? null : `a bucket is reported as drained whose host has ${nameOf(alive)(null)}`,
    );
  }

  #listStep(state: BladeState, { complete, generation, rows }: IpdState, step: AddStep): void {
    const weakening = this.#weakening;
    if (!complete && weakening !== "list-from-an-incomplete-table") return;
    const isListed = (tuple: number): boolean => {
      if (weakening === "list-from-the-socket-table") return (state.sockets[tuple]! & SOCKET_STATE_MASK) !== Socket.NONE;
      const row = rows[tuple]! & ROW_STATE_MASK;
      return row !== ROW_NONE && !(weakening === "list-without-half-open-rows" && row === ROW_OPENING);
    };
    const flows = rows.reduce((bits, _, tuple) => bits | (isListed(tuple) ? 1 << tuple : 0), 0);
    const last = weakening === "list-tagged-by-the-traffic-manager" ? this.#configuration.generations : generation;
    for (let tag = generation; tag <= last; tag++) {
      const text = `its traffic manager sends a list under generation ${tag}: ${describe(rows.map((_, tuple) => (flows >> tuple) & 1))}`;
      step(text, this.#number(state), { kind: "list", generation: tag, flows });
    }
  }

  /** Between two looks: nothing is remembered. */
  #idle(state: BladeState): number {
    const idle = { pc: Pc.IDLE, read: zeros(TUPLES), sealedSeen: false, ipd: this.#ipds.unmarked(state.ipd) };
    return this.#number(renewed({ ...state, ...idle }));
  }
}

type AddStep = (text: string, after: BladeState | number, event?: Event | null, violation?: string | null) => void;

/** What a host does with a segment. An ACK or FIN of a connection that it does not have draws a RST: whether that
 *  matters is for `system.ts` to say. */
function toHost(state: BladeState, segment: number, tuple: number, incarnation: number): BladeState {
  if (segment === Segment.SYN) {
    const place = tuple * INCARNATIONS + incarnation;
    if (state.inbound[place] !== Age.ABSENT) return state;
    return { ...state, inbound: replaced(state.inbound, place, Age.NEW) };
  }
  const socket = state.sockets[tuple]!;
  if ((socket & SOCKET_STATE_MASK) === Socket.NONE || socket >> SOCKET_INCARNATION_SHIFT !== incarnation) return state;
  const isClosing = segment === Segment.FIN || (socket & SOCKET_STATE_MASK) === Socket.CLOSING;
  return { ...state, sockets: replaced(state.sockets, tuple, socketOf(isClosing ? Socket.CLOSING : Socket.ESTABLISHED, incarnation)) };
}

/**
 * A SYN at a host (RFC 9293, 3.10.7.4). One of another incarnation than the socket's draws an ACK; a client that has sent
 * this SYN answers it with a RST (`challenged`). A socket that is closing may be reused at once.
 */
function synAtHost(state: BladeState, tuple: number, incarnation: number): BladeState {
  const socket = state.sockets[tuple]!;
  const socketState = socket & SOCKET_STATE_MASK;
  const isReused = socketState === Socket.CLOSING && socket >> SOCKET_INCARNATION_SHIFT < incarnation;
  if (socketState !== Socket.NONE && !isReused) return state;
  return { ...state, sockets: replaced(state.sockets, tuple, socketOf(Socket.HALF_OPEN, incarnation)) };
}

/** All that is between NIC and host is old from now on. */
function waiting(state: BladeState): BladeState {
  return { ...state, inbound: state.inbound.map((age) => (age === Age.ABSENT ? age : Age.OLD)) };
}

function renewed(state: BladeState): BladeState {
  return { ...state, inbound: state.inbound.map((age) => (age === Age.ABSENT ? age : Age.NEW)) };
}

function hasOld({ inbound }: BladeState): boolean {
  return inbound.includes(Age.OLD);
}

function socketOf(state: number, incarnation: number): number {
  return state | (incarnation << SOCKET_INCARNATION_SHIFT);
}

function replaced(values: readonly number[], at: number, value: number): number[] {
  return values.map((old, index) => (index === at ? value : old));
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** `A`, and `A'` for the connection that reuses its tuple. */
export function nameOf(tuple: number): (incarnation: number | null) => string {
  return (incarnation) => "AB"[tuple]! + (incarnation === 1 ? "'" : "");
}

function describe(byTuple: readonly number[]): string {
  const names = byTuple.flatMap((value, tuple) => (value === 0 ? [] : ["AB"[tuple]!]));
  return names.length === 0 ? "none" : names.join(" and ");
}
