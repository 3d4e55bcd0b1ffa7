/** Frames that come in by the blade's wire. */
import { Drop, Event, Verdict, WIRE_PORT } from "../abi";
import { depthOf, generation, localIndexOf, ownerInHistory } from "../buckets";
import { count } from "../counters";
import { passesFilter } from "../filter";
import { forwardPort } from "../forward";
import {
  hasIdentity,
  isVip,
  localOwnerAt,
  localOwnerByMac,
  localOwners,
  macOf,
  ports,
  roleOf,
  virtualMac,
} from "../identity";
import { Packet, PacketKind, isIpv4 } from "../packet";
import { PortRole } from "../records";
import { RedirectKind, generationAhead, isTag, isTagKind, tagKind } from "../redirect";
import { frameAt, send } from "../ring";
import { PORTS_MAX } from "../sizes";
import { dropped } from "../verdict";
import * as arp from "../wire/arp";
import { DESTINATION, SOURCE, isGroup, loadMac, storeMac } from "../wire/ethernet";
import { byRule, deliverTo, ownerOfDirect } from "./deliver";

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
  if (packet.kind == PacketKind.ARP) return askedForVip(slot, packet);
  if (packet.kind == PacketKind.IPV6) {
    count(Event.IPV6_PASSED);
    return passToHost(slot, packet);
  }
  if (!isIpv4(packet) || !isVip(packet.vip)) return dropped(Drop.NOT_VIP);
  if (localOwners() == 0 || generation() == 0) return dropped(Drop.NO_ASSIGNMENT);
  if (packet.kind == PacketKind.FRAGMENT) {
    count(Event.FRAGMENT_PASSED);
    return passToHost(slot, packet);
  }
  if (packet.kind == PacketKind.ICMP_ERROR) {
    count(Event.ICMP_ERROR_PASSED);
    return passToHost(slot, packet);
  }
  return byRule(slot, packet, ownerOfDirect(packet), RedirectKind.DIRECT, 0, now);
}

/** Undecided traffic goes to the own host. */
function passToHost(slot: u32, packet: Packet): u32 {
  if (localOwners() == 0) return dropped(Drop.NO_ASSIGNMENT);
  return deliverTo(slot, ownerOfDirect(packet));
}

/** For the MAC of an owner on this blade: redirected by a peer, or that owner's own traffic. */
function addressed(slot: u32, packet: Packet, local: u32, source: u64, now: u32): u32 {
  if (isTag(source)) {
    if (roleOf(WIRE_PORT) != PortRole.FABRIC) return dropped(Drop.SPOOFED_TAG);
    if (!isIpv4(packet) || !isVip(packet.vip)) return dropped(Drop.NOT_VIP);
    if (!isTagKind(tagKind(source))) return dropped(Drop.BAD_TAG);
    if (generation() == 0) return dropped(Drop.NO_ASSIGNMENT);
    if (packet.kind == PacketKind.FRAGMENT || packet.kind == PacketKind.ICMP_ERROR) return deliverTo(slot, local);
    return byRule(slot, packet, local, tagKind(source), generationAhead(source, generation()), now);
  }
  if (isIpv4(packet) && isVip(packet.vip)) return dropped(Drop.UNTAGGED);
  return forward(slot, localOwnerAt(local).port);
}

function forward(slot: u32, port: u32): u32 {
  if (roleOf(port) != PortRole.HOST) return dropped(Drop.PORT_SHUT);
  send(slot, port);
  return Verdict.FORWARD;
}

/** Multicast and broadcast: ARP for a VIP is answered or dropped, nothing else for a VIP is taken, the rest floods. */
function group(slot: u32, packet: Packet): u32 {
  if (packet.kind == PacketKind.ARP && isVip(packet.vip)) return askedForVip(slot, packet);
  if (isIpv4(packet) && isVip(packet.vip)) return dropped(Drop.UNTAGGED);
  let copies: u32 = 0;
  for (let port: u32 = 1; port < PORTS_MAX; port++) {
    if (port >= ports()) break;
    if (roleOf(port) != PortRole.HOST) continue;
    send(slot, port);
    copies++;
  }
  return copies > 0 ? Verdict.FLOOD : dropped(Drop.NOT_OURS);
}

/** The VIP's ARP answer comes from one blade only: the current owner of the asker's bucket. */
function askedForVip(slot: u32, packet: Packet): u32 {
  const message = frameAt(slot) + packet.payload;
  if (!isVip(packet.vip)) return dropped(Drop.NOT_VIP);
  if (load<u16>(message, arp.OPERATION) != arp.REQUEST) return dropped(Drop.NOT_OURS);
  if (depthOf(packet.bucket) == 0) return dropped(Drop.NO_ASSIGNMENT);
  const local = localIndexOf(ownerInHistory(packet.bucket, 0));
  if (local < 0) return dropped(Drop.ARP_NOT_OWNER);
  arp.answer(message, virtualMac());
  const frame = frameAt(slot);
  storeMac(frame + DESTINATION, loadMac(frame + SOURCE));
  // Not from the VMAC: a switch in between must not learn it on one port.
  storeMac(frame + SOURCE, macOf(localOwnerAt(local)));
  send(slot, WIRE_PORT);
  count(Event.ARP_ANSWERED);
  return Verdict.ANSWER;
}
