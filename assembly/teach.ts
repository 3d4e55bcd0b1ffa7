/**
 * What a packet teaches the flow table. A segment from the host, not RST, proves that the host has the flow; a SYN
 * that is delivered makes a provisional entry; RST makes none. Of protocols without connections, a packet that is
 * delivered to a current owner makes a provisional entry, and the host's answer to that an established one. What the host of an
 * owner sends that is not in the history teaches nothing: it was cut off, and others may have the same flow by now.
 */
import { Event } from "./abi";
import { depthOf, indexInHistory, stateOf } from "./buckets";
import { loseCookie } from "./cookies";
import { count } from "./counters";
import { Flow, insert } from "./flows";
import { localOwnerAt } from "./identity";
import { firstToAsk, isExpired, rowOf } from "./known";
import { Packet } from "./packet";
import { BucketFlag, FlowState } from "./commands";
import { ServiceClass } from "./records";
import { PROTOCOL_TCP } from "./wire/ipv4";
import { ACK, FIN, RST, SYN } from "./wire/transport";

/** Opens a connection: SYN without ACK. An inbound SYN+ACK does not. */
// @ts-ignore: decorator
@inline
export function isOpeningSyn(flags: u32): bool {
  return (flags & (SYN | ACK | RST)) == SYN;
}

/** A packet for a known flow is delivered. */
export function touch(at: usize, packet: Packet, now: u32): void {
  const flow = changetype<Flow>(at);
  flow.touched = now;
  if (packet.protocol == PROTOCOL_TCP && packet.tcpFlags & (FIN | RST)) flow.state = <u8>FlowState.CLOSING;
}

/** A packet of an unknown flow is delivered by a current owner: a SYN opens a flow, and so does any packet of a protocol
 *  without connections. `at`: its row, where that is expired, or 0. */
export function record(at: usize, packet: Packet, owner: u32, now: u32): void {
  if (packet.protocol == PROTOCOL_TCP && !isOpeningSyn(packet.tcpFlags)) return;
  if (at != 0) {
    const flow = changetype<Flow>(at);
    flow.touched = now;
    flow.state = <u8>FlowState.PROVISIONAL;
  } else if (insert(packet, owner, FlowState.PROVISIONAL, now) == 0) return;
  count(Event.FLOW_OPENED);
}

/** A packet of a flow leaves the host. */
export function teach(packet: Packet, owner: u32, now: u32): void {
  const index = indexInHistory(packet.bucket, localOwnerAt(owner).owner);
  if (index < 0) return;
  const at = rowOf(packet, owner);
  if (packet.protocol == PROTOCOL_TCP) teachSegment(at, packet, owner, now);
  else teachAnswer(at, packet, owner, index == 0, now);
}

function teachSegment(at: usize, packet: Packet, owner: u32, now: u32): void {
  const flags = <u32>packet.tcpFlags;
  if (at == 0) {
    if (!(flags & RST)) learn(packet, owner, stateAfter(flags, FlowState.ESTABLISHED), now);
    return;
  }
  const flow = changetype<Flow>(at);
  flow.touched = now;
  flow.state = <u8>stateAfter(flags, flow.state);
}

/**
 * Of a protocol without connections, what a host sends is no proof that it has the flow: a server may go on sending to a client whose packets
 * another owner gets by now. So it makes no flow, and brings none back that is over, where a previous owner may have it; and never at
 * a previous owner, whose set of flows can only shrink.
 */
function teachAnswer(at: usize, packet: Packet, owner: u32, isCurrent: bool, now: u32): void {
  const isCid = packet.serviceClass == ServiceClass.CID;
  const flow = changetype<Flow>(at);
  // A QUIC connection outlives its flow: its connection id keeps it where it is, once the host has answered.
  if (isCid && (at == 0 || flow.state == FlowState.ESTABLISHED)) return;
  if (at == 0 || isExpired(at, packet, now)) {
    if (!isCurrent || firstToAsk(packet, now) < depthOf(packet.bucket)) return;
    if (at == 0) {
      insert(packet, owner, FlowState.ESTABLISHED, now);
      return;
    }
  }
  flow.touched = now;
  flow.state = <u8>FlowState.ESTABLISHED;
}

/** A table without a flow that its host has is not complete, and no seeding or drain under way may call it so. */
function learn(packet: Packet, owner: u32, flowState: u32, now: u32): void {
  if (insert(packet, owner, flowState, now) != 0) return;
  const state = stateOf(packet.bucket, owner);
  state.flags &= <u16>BucketFlag.PINNED;
  if (flowState == FlowState.HALF_OPEN) loseCookie(state, now);
}

function stateAfter(flags: u32, state: u32): u32 {
  if (flags & (FIN | RST)) return FlowState.CLOSING;
  if ((flags & (SYN | ACK)) == (SYN | ACK)) return FlowState.HALF_OPEN;
  return state == FlowState.CLOSING ? FlowState.CLOSING : FlowState.ESTABLISHED;
}
