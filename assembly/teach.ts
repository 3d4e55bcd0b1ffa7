/**
 * What a segment teaches the flow table. A segment from the host, not RST, proves that the host has the flow; a SYN
 * that is delivered makes a provisional entry; RST makes none.
 */
import { Event } from "./abi";
import { stateOf } from "./buckets";
import { count } from "./counters";
import { Flow, find, findAmong, insert } from "./flows";
import { Packet } from "./packet";
import { BucketFlag, FlowState } from "./records";
import { ACK, FIN, RST, SYN } from "./wire/transport";

/** Opens a connection: SYN without ACK. An inbound SYN+ACK does not. */
// @ts-ignore: decorator
@inline
export function isOpeningSyn(flags: u32): bool {
  return (flags & (SYN | ACK | RST)) == SYN;
}

/** A segment for a known flow is delivered. */
export function touch(at: usize, flags: u32, now: u32): void {
  const flow = changetype<Flow>(at);
  flow.touched = now;
  if (flags & (FIN | RST)) flow.state = <u8>FlowState.CLOSING;
}

/** A segment for an unknown flow is delivered by a current owner. */
export function record(packet: Packet, owner: u32, now: u32): void {
  if (!isOpeningSyn(packet.tcpFlags)) return;
  // An earlier frame of the batch may have recorded it since the lookup.
  if (find(packet, owner) != 0) return;
  if (insert(packet, owner, FlowState.PROVISIONAL, now) != 0) count(Event.FLOW_OPENED);
}

/** A segment leaves the host. */
export function teach(packet: Packet, owner: u32, now: u32): void {
  const flags = <u32>packet.tcpFlags;
  let at = findAmong(packet.ways, packet, owner);
  if (at == 0) at = find(packet, owner);
  if (at == 0) {
    if (!(flags & RST)) learn(packet, owner, stateAfter(flags, FlowState.ESTABLISHED), now);
    return;
  }
  const flow = changetype<Flow>(at);
  flow.touched = now;
  flow.state = <u8>stateAfter(flags, flow.state);
}

/** A table without a flow that its host has is not complete, and no seeding or drain under way may call it so. */
function learn(packet: Packet, owner: u32, flowState: u32, now: u32): void {
  if (insert(packet, owner, flowState, now) != 0) return;
  const state = stateOf(packet.bucket, owner);
  state.flags &= <u16>BucketFlag.PINNED;
}

function stateAfter(flags: u32, state: u32): u32 {
  if (flags & (FIN | RST)) return FlowState.CLOSING;
  if ((flags & (SYN | ACK)) == (SYN | ACK)) return FlowState.HALF_OPEN;
  return state == FlowState.CLOSING ? FlowState.CLOSING : FlowState.ESTABLISHED;
}
