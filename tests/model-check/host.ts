/**
 * The host of a blade in the model.
 *
 * What is left out, without loss: an ACK or FIN goes through the queue to the host at once (what it does there depends on the
 * socket only, and a late one does no more than an early one). A host's reply is never between host and NIC: a host
 * repeats its replies, and a socket does not end before what it has sent has left the NIC (this is an assumption), so a late reply is
 * one that is sent later. Past the NIC a reply is at its client at once or never: a SYN of the same connection
 * may still be on its way (`system.ts`).
 */
import {
  Age,
  Cookie,
  cookiesLost,
  INCARNATIONS,
  nameOf,
  replaced,
  Socket,
  SOCKET_INCARNATION_SHIFT,
  SOCKET_STATE_MASK,
  synAtHost,
  type AddStep,
  type BladeState,
} from "./blade-state.ts";
import type { Configuration } from "./configuration.ts";
import type { Ipds } from "./ipd.ts";
import { Reply, ROW_NONE } from "./ipd-state.ts";

/** What a host can do about one tuple. */
export function hostSteps(
  ipds: Ipds,
  { close, cookies, eviction, halfOpenTimeout }: Configuration,
  state: BladeState,
  tuple: number,
  step: AddStep,
): void {
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
    if (cookies && socketState === Socket.NONE) cookieSteps(ipds, eviction, { ...state, inbound }, tuple, of, step);
    if (socketState === Socket.NONE || incarnation >= of) continue;
    step(
      `its host answers the SYN of ${name(of)} for ${name(incarnation)}, and the client resets that`,
      replied(ipds, { ...closed, inbound }, Reply.ACK, tuple),
      { kind: "challenged", tuple, incarnation: of },
    );
  }
  if (socketState === Socket.NONE) return;
  if (socketState === Socket.HALF_OPEN) {
    const sent = replied(ipds, state, Reply.SYN_ACK, tuple);
    step(`its host sends a SYN+ACK of ${name(incarnation)}, which is lost on its way to the client`, sent);
    step(`its host sends a SYN+ACK of ${name(incarnation)}`, sent, { kind: "syn-ack", tuple, incarnation });
    if (halfOpenTimeout) step(`its host gives ${name(incarnation)} up, half-open`, closed);
  } else if (socketState === Socket.ESTABLISHED) {
    step(`its host sends an ACK of ${name(incarnation)}`, replied(ipds, state, Reply.ACK, tuple));
    if (close) step(`its host gives ${name(incarnation)} up`, closed, { kind: "if-abandoned", tuple, incarnation });
  } else {
    step(`its host sends a FIN of ${name(incarnation)}`, replied(ipds, state, Reply.FIN, tuple));
    step(`its host has closed ${name(incarnation)}`, closed);
  }
}

/** The host answers a SYN, and keeps nothing of it. `eviction`: the row of its answer may find no room. */
function cookieSteps(ipds: Ipds, eviction: boolean, state: BladeState, tuple: number, incarnation: number, step: AddStep): void {
  const text = `its host answers the SYN of ${nameOf(tuple)(incarnation)} with a cookie`;
  const event = { kind: "syn-ack", tuple, incarnation } as const;
  const sent = { ...state, cookies: replaced(state.cookies, tuple, Cookie.OUT) };
  const told = replied(ipds, sent, Reply.SYN_ACK, tuple);
  step(`${text}, which is lost on its way to the client`, told);
  step(text, told, event);
  if (!eviction || ipds.states[state.ipd]!.rows[tuple] !== ROW_NONE) return;
  const { after } = ipds.react(state.ipd, { kind: "reply", reply: Reply.SYN_ACK, tuple, crowded: true });
  step(`${text}, and there is no room for its row`, cookiesLost({ ...sent, ipd: after }), event);
}

/** A segment of the host has left the NIC. */
function replied(ipds: Ipds, state: BladeState, reply: number, tuple: number): BladeState {
  return { ...state, ipd: ipds.react(state.ipd, { kind: "reply", reply, tuple }).after };
}
