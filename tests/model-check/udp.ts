/**
 * Flows of UDP at a blade in the model: its host, and time. A flow is over, for its host as for the IPD, when no frame of it has passed the
 * NIC for its service's time; the mirror, which is older, says so no later.
 *
 * A host sends at any time, also in a flow that is over for it or that it has never had: servers do. What is left out: a datagram is at the host
 * at once (the queue is shorter than any service's time).
 */
import { nameOf, replaced, Socket, type AddStep, type BladeState } from "./blade-state.ts";
import type { Ipds } from "./ipd.ts";
import { isLiveRow, Reply } from "./ipd-state.ts";

/** What can happen to the flow of one tuple. */
export function udpSteps(ipds: Ipds, state: BladeState, tuple: number, step: AddStep): void {
  const name = nameOf(tuple)(null);
  const { rows } = ipds.states[state.ipd]!;
  const ipd = ipds.react(state.ipd, { kind: "reply", reply: Reply.ACK, tuple }).after;
  const isOver = state.sockets[tuple] === Socket.NONE;
  step(`its host sends a datagram of ${name}${isOver ? ", which is over" : ""}`, { ...state, ipd });
  if (state.sockets[tuple] === Socket.NONE && !isLiveRow(rows[tuple]!) && state.mirror[tuple] === Socket.NONE) return;
  const none = (values: readonly number[]): number[] => replaced(values, tuple, Socket.NONE);
  step(`no frame of ${name} has passed for its time`, {
    ...state,
    ipd: ipds.expired(state.ipd, tuple),
    sockets: none(state.sockets),
    mirror: none(state.mirror),
    read: none(state.read),
  });
}
