/** Which owner a packet's connection id names. */
import { Event } from "../abi";
import { count } from "../counters";
import { Packet, PacketKind } from "../packet";
import { NO_OWNER, ServiceClass } from "../records";
import { swap16 } from "../wire/ethernet";
import { UDP_HEADER_BYTES, UDP_LENGTH } from "../wire/transport";
import { destinationId, idBytes, idOffset } from "./header";
import { serverIdOf } from "./server-id";
import { ownerOfServerId } from "./servers";

/** The owner's number, or NO_OWNER where the rule for flows has to decide. `frame`: where the packet's frame begins. */
export function ownerNamed(packet: Packet, frame: usize): u32 {
  if (packet.serviceClass != ServiceClass.CID || packet.kind != PacketKind.UDP) return NO_OWNER;
  const segment = frame + packet.transport;
  // Of a first fragment there is less than the header says; behind a datagram there may be more.
  const length = swap16(load<u16>(segment, UDP_LENGTH));
  const there = <u32>packet.transportBytes;
  const datagram = segment + UDP_HEADER_BYTES;
  const found = destinationId(datagram, (length < there ? length : there) - UDP_HEADER_BYTES);
  if (found == 0) return NO_OWNER;
  const owner = serverIdOf(datagram + idOffset(found), idBytes(found)) ? ownerOfServerId() : NO_OWNER;
  if (owner == NO_OWNER) count(Event.CID_UNKNOWN);
  return owner;
}
