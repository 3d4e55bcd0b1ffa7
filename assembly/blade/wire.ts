/** Frames that come in by the blade's wire. */
import { Drop, Event, Verdict, WIRE_PORT } from "../abi";
import { depthOf, generation, localIndexOf, ownerInHistory } from "../buckets";
import { count } from "../counters";
import { passesFilter } from "../filter";
import { forwardPort } from "../forward";
import {
  NO_VIP,
  hasIdentity,
  localOwnerAt,
  localOwnerByMac,
  localOwners,
  macOf,
  ports,
  roleOf,
  virtualMac,
} from "../identity";
import { Packet, PacketKind, isForVip } from "../packet";
import { PortRole } from "../records";
import { RedirectKind, generationAhead, isTag, isTagKind, tagKind } from "../redirect";
import { frameAt, send } from "../ring";
import { PORTS_MAX } from "../sizes";
import { dropped } from "../verdict";
import * as arp from "../wire/arp";
import { DESTINATION, SOURCE, isGroup, loadMac, storeMac } from "../wire/ethernet";
import * as ipv6 from "../wire/ipv6";
import * as nd from "../wire/nd";
import { ICMP_TYPE } from "../wire/transport";
import { ownerOfDirect } from "./deliver";
import { decideWhole } from "./fragment";

export function fromWire(slot: u32, packet: Packet, now: u32): u32 {
  if (packet.drop != Drop.NONE) return dropped(packet.drop);
  if (!hasIdentity()) return dropped(Drop.NO_ASSIGNMENT);
  if (roleOf(WIRE_PORT) == PortRole.SHUT) return dropped(Drop.PORT_SHUT);
  const frame = frameAt(slot);
  const destination = loadMac(frame + DESTINATION);
  const source = loadMac(frame + SOURCE);
  if (!passesFilter(WIRE_PORT, destination, source, packet.ethertype)) return dropped(Drop.FILTERED);
  if (destination == virtualMac()) return direct(slot, packet, now);
  const local = localOwnerByMac(destination);
  if (local >= 0) return addressed(slot, packet, local, source, now);
  if (isGroup(destination)) return group(slot, packet);
  const port = forwardPort(destination);
  if (port < 0) return dropped(Drop.NOT_OURS);
  return forward(slot, port);
}

/** For the VMAC: steered here by the switch. */
function direct(slot: u32, packet: Packet, now: u32): u32 {
  if (packet.kind == PacketKind.ARP || packet.kind == PacketKind.DISCOVERY) return askedForVip(slot, packet);
  if (!isForVip(packet)) return dropped(Drop.NOT_VIP);
  if (localOwners() == 0 || generation() == 0) return dropped(Drop.NO_ASSIGNMENT);
  return decideWhole(slot, packet, ownerOfDirect(packet), RedirectKind.DIRECT, 0, now);
}

/** For the MAC of an owner on this blade: redirected by a peer, or that owner's own traffic. */
function addressed(slot: u32, packet: Packet, local: u32, source: u64, now: u32): u32 {
  if (isTag(source)) {
    if (roleOf(WIRE_PORT) != PortRole.FABRIC) return dropped(Drop.SPOOFED_TAG);
    if (!isForVip(packet)) return dropped(Drop.NOT_VIP);
    if (!isTagKind(tagKind(source))) return dropped(Drop.BAD_TAG);
    if (generation() == 0) return dropped(Drop.NO_ASSIGNMENT);
    return decideWhole(slot, packet, local, tagKind(source), generationAhead(source, generation()), now);
  }
  if (isForVip(packet)) return dropped(Drop.UNTAGGED);
  return forward(slot, localOwnerAt(local).port);
}

function forward(slot: u32, port: u32): u32 {
  if (roleOf(port) != PortRole.HOST) return dropped(Drop.PORT_SHUT);
  send(slot, port);
  return Verdict.FORWARD;
}

/** Multicast and broadcast: who asks for a VIP is answered or not, nothing else for a VIP is taken, the rest floods. */
function group(slot: u32, packet: Packet): u32 {
  const asks = packet.kind == PacketKind.ARP || packet.kind == PacketKind.DISCOVERY;
  if (asks && packet.vip != NO_VIP) return askedForVip(slot, packet);
  if (isForVip(packet)) return dropped(Drop.UNTAGGED);
  let copies: u32 = 0;
  for (let port: u32 = 1; port < PORTS_MAX; port++) {
    if (port >= ports()) break;
    if (roleOf(port) != PortRole.HOST) continue;
    send(slot, port);
    copies++;
  }
  return copies > 0 ? Verdict.FLOOD : dropped(Drop.NOT_OURS);
}

/** Who asks where a VIP is, by ARP or neighbour solicitation, is answered by one blade only: the current owner of the asker's
 *  bucket. */
function askedForVip(slot: u32, packet: Packet): u32 {
  if (packet.vip == NO_VIP) return dropped(Drop.NOT_VIP);
  const frame = frameAt(slot);
  const message = frame + packet.payload;
  const isArp = packet.kind == PacketKind.ARP;
  if (isArp ? load<u16>(message, arp.OPERATION) != arp.REQUEST : !isSolicitation(frame, packet)) {
    return dropped(Drop.NOT_OURS);
  }
  if (depthOf(packet.bucket) == 0) return dropped(Drop.NO_ASSIGNMENT);
  const local = localIndexOf(ownerInHistory(packet.bucket, 0));
  if (local < 0) return dropped(Drop.NEIGHBOUR_NOT_OWNER);
  if (isArp) arp.answer(message, virtualMac());
  else nd.answer(message, packet.transportBytes, virtualMac());
  storeMac(frame + DESTINATION, loadMac(frame + SOURCE));
  // Not from the VMAC: a switch in between must not learn it on one port.
  storeMac(frame + SOURCE, macOf(localOwnerAt(local)));
  send(slot, WIRE_PORT);
  count(isArp ? Event.ARP_ANSWERED : Event.NEIGHBOUR_ANSWERED);
  return Verdict.ANSWER;
}

/** A solicitation that no router has forwarded, from someone who has an address. */
function isSolicitation(frame: usize, packet: Packet): bool {
  const header = frame + packet.payload;
  return (
    load<u8>(frame + packet.transport, ICMP_TYPE) == nd.SOLICITATION &&
    <u32>packet.transport == <u32>packet.payload + ipv6.HEADER_BYTES &&
    load<u8>(header, ipv6.HOP_LIMIT) == nd.HOP_LIMIT_LOCAL &&
    !nd.isUnspecified(header)
  );
}
