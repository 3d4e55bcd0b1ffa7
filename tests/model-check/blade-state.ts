/** A blade in the model: what a state of it has, and what changes one. */
import type { Configuration } from "./configuration.ts";
import { Segment } from "./ipd-state.ts";

export const Socket = { NONE: 0, HALF_OPEN: 1, ESTABLISHED: 2, CLOSING: 3 } as const;
export const SOCKET_STATE_MASK = 3;
export const SOCKET_INCARNATION_SHIFT = 2;

/** Of a SYN between NIC and host. `OLD`: it was there when the traffic manager began to wait. */
export const Age = { ABSENT: 0, NEW: 1, OLD: 2 } as const;
export const INCARNATIONS = 2;

/** A SYN cookie that a client has, and the host knows nothing of. `OLD`: it was out when its IPD has lost a row that may have told of it. */
export const Cookie = { NONE: 0, OUT: 1, OLD: 2 } as const;

/** Where a traffic manager is in its look. */
export const Pc = {
  IDLE: 0,
  /** UNSEAL was accepted; what is in the queues has to arrive. */
  FILL_WAIT: 1,
  SEED: 2,
  COMPLETE: 3,
  /** Not in the code: the time before which a row must have been touched last to be removed (`untouchedMs`). */
  MARKED: 4,
  DECIDE: 5,
  DECIDE_MARKED: 6,
  PROVE_WAIT: 7,
  PROVE: 8,
  UNSEAL: 9,
  CONFIRM: 10,
  REFILL_WAIT: 11,
  REFILL_SEED: 12,
  PREPARE_READ: 13,
  PREPARE_SEED: 14,
  /** A scan has found flows that are over. */
  OVER: 15,
} as const;

export interface BladeState {
  readonly owner: number;
  /** Fenced and declared failed: nothing that it does reaches anyone. */
  readonly gone: boolean;
  readonly ipd: number;
  /** By tuple: a `Socket`, and its incarnation. A flow of UDP that is not over is ESTABLISHED. */
  readonly sockets: readonly number[];
  /** By tuple: a `Cookie`. */
  readonly cookies: readonly number[];
  /** By tuple: the `Socket` of a flow of UDP in the traffic manager's mirror. */
  readonly mirror: readonly number[];
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

/** Adds what can happen: in words, the state or its number after it. Nothing that changes nothing is added. */
export type AddStep = (text: string, after: BladeState | number, event?: Event | null, violation?: string | null) => void;

/** What a host does with a segment. An ACK or FIN of a connection that it does not have draws a RST: whether that
 *  matters is for `system.ts` to say. */
export function toHost({ udp }: Configuration, state: BladeState, segment: number, tuple: number, incarnation: number): BladeState {
  if (udp) return { ...state, sockets: replaced(state.sockets, tuple, Socket.ESTABLISHED) };
  if (segment === Segment.SYN) {
    const place = tuple * INCARNATIONS + incarnation;
    if (state.inbound[place] !== Age.ABSENT) return state;
    return { ...state, inbound: replaced(state.inbound, place, Age.NEW) };
  }
  const socket = state.sockets[tuple]!;
  if (socket === Socket.NONE && segment === Segment.ACK && state.cookies[tuple] !== Cookie.NONE) {
    const sockets = replaced(state.sockets, tuple, Socket.ESTABLISHED);
    return { ...state, sockets, cookies: replaced(state.cookies, tuple, Cookie.NONE) };
  }
  if ((socket & SOCKET_STATE_MASK) === Socket.NONE || socket >> SOCKET_INCARNATION_SHIFT !== incarnation) return state;
  const isClosing = segment === Segment.FIN || (socket & SOCKET_STATE_MASK) === Socket.CLOSING;
  return { ...state, sockets: replaced(state.sockets, tuple, socketOf(isClosing ? Socket.CLOSING : Socket.ESTABLISHED, incarnation)) };
}

/**
 * A SYN at a host (RFC 9293, 3.10.7.4). One of another incarnation than the socket's draws an ACK; a client that has sent
 * this SYN answers it with a RST (`challenged`). A socket that is closing may be reused at once.
 */
export function synAtHost(state: BladeState, tuple: number, incarnation: number): BladeState {
  const socket = state.sockets[tuple]!;
  const socketState = socket & SOCKET_STATE_MASK;
  const isReused = socketState === Socket.CLOSING && socket >> SOCKET_INCARNATION_SHIFT < incarnation;
  if (socketState !== Socket.NONE && !isReused) return state;
  return { ...state, sockets: replaced(state.sockets, tuple, socketOf(Socket.HALF_OPEN, incarnation)) };
}

/** All that is between NIC and host is old from now on. */
export function waiting(state: BladeState): BladeState {
  return { ...state, inbound: state.inbound.map((age) => (age === Age.ABSENT ? age : Age.OLD)) };
}

export function renewed(state: BladeState): BladeState {
  return { ...state, inbound: state.inbound.map((age) => (age === Age.ABSENT ? age : Age.NEW)) };
}

/** The IPD has lost rows: of the cookies that are out it may not tell any more. */
export function cookiesLost(state: BladeState): BladeState {
  return { ...state, cookies: state.cookies.map((cookie) => (cookie === Cookie.NONE ? cookie : Cookie.OLD)) };
}

export function hasOld({ inbound }: BladeState): boolean {
  return inbound.includes(Age.OLD);
}

export function socketOf(state: number, incarnation: number): number {
  return state | (incarnation << SOCKET_INCARNATION_SHIFT);
}

export function replaced(values: readonly number[], at: number, value: number): number[] {
  return values.map((old, index) => (index === at ? value : old));
}

export function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** `A`, and `A'` for the connection that reuses its tuple. */
export function nameOf(tuple: number): (incarnation: number | null) => string {
  return (incarnation) => "AB"[tuple]! + (incarnation === 1 ? "'" : "");
}

export function describe(byTuple: readonly number[]): string {
  const names = byTuple.flatMap((value, tuple) => (value === 0 ? [] : ["AB"[tuple]!]));
  return names.length === 0 ? "none" : names.join(" and ");
}
