/** Whether an owner knows a flow, and who else has to be asked of one that it does not know. */
import { State, depthOf, hasFlag, localIndexOf, ownerInHistory, stateOf } from "./buckets";
import { BucketFlag, FlowState } from "./commands";
import { Flow, find, findAmong } from "./flows";
import { isUnlisted } from "./handover";
import { Packet, fingerprintOf } from "./packet";
import { HISTORY_DEPTH } from "./records";
import { idleMs } from "./services";
import { PROTOCOL_TCP } from "./wire/ipv4";
import { SYN } from "./wire/transport";

/** Address of the flow's entry, or 0. An earlier frame of the batch may have changed what the stages found. */
export function rowOf(packet: Packet, local: u32): usize {
  const at = findAmong(packet.ways, packet, local);
  return at != 0 ? at : find(packet, local);
}

/** Whether a flow of a protocol without connections is over. */
export function isExpired(at: usize, packet: Packet, now: u32): bool {
  if (packet.protocol == PROTOCOL_TCP) return false;
  const flow = changetype<Flow>(at);
  return now - flow.touched >= idleMs(packet.service, flow.state == FlowState.PROVISIONAL);
}

/** A SYN does not belong to what a sealed bucket may still hold. */
export function isKnown(at: usize, packet: Packet, state: State, now: u32): bool {
  if (at == 0 || isExpired(at, packet, now)) return false;
  return !(hasFlag(state, BucketFlag.SEALED) && packet.protocol == PROTOCOL_TCP && (packet.tcpFlags & SYN) != 0);
}

/** Place of the first previous owner that may have a flow that the current owner does not know; the history's depth: none may. */
export function firstToAsk(packet: Packet, now: u32): u32 {
  const depth = depthOf(packet.bucket);
  for (let place: u32 = 1; place < HISTORY_DEPTH; place++) {
    if (place >= depth) break;
    if (!hasNot(packet, place, now)) return place;
  }
  return depth;
}

/** Whether the previous owner at `place` says that it has not got the flow: by its handover list or, on this blade, by its table. */
function hasNot(packet: Packet, place: u32, now: u32): bool {
  const local = localIndexOf(ownerInHistory(packet.bucket, place));
  if (local < 0) return isUnlisted(packet.bucket, place, fingerprintOf(packet));
  const state = stateOf(packet.bucket, local);
  return hasFlag(state, BucketFlag.COMPLETE) && !isKnown(rowOf(packet, local), packet, state, now);
}
