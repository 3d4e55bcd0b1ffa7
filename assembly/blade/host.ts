/** Frames that come from a host or VM of the blade. */
import { Drop, Verdict, WIRE_PORT } from "../abi";
import { generation } from "../buckets";
import { passesFilter } from "../filter";
import { forwardPort } from "../forward";
import { hasIdentity, isVip, localOwnerAt, localOwnerByMac, localOwnerByPort, ports, roleOf } from "../identity";
import { Packet, PacketKind } from "../packet";
import { PortRole } from "../records";
import { isTag } from "../redirect";
import { frameAt, send } from "../ring";
import { PORTS_MAX } from "../sizes";
import { isOpeningSyn, teach } from "../teach";
import { dropped } from "../verdict";
import * as arp from "../wire/arp";
import { DESTINATION, SOURCE, isGroup, loadMac } from "../wire/ethernet";

export function fromHost(slot: u32, packet: Packet, port: u32, now: u32): u32 {
  if (packet.drop != Drop.NONE) return dropped(packet.drop);
  if (!hasIdentity()) return dropped(Drop.NO_ASSIGNMENT);
  if (roleOf(port) != PortRole.HOST) return dropped(Drop.PORT_SHUT);
  const frame = frameAt(slot);
  const destination = loadMac(frame + DESTINATION);
  const source = loadMac(frame + SOURCE);
  if (!passesFilter(port, destination, source, packet.ethertype)) return dropped(Drop.FILTERED);
  if (isTag(source)) return dropped(Drop.SPOOFED_TAG);
  // The host's own ARP would bind a VIP to one blade's MAC in every client's cache.
  if (packet.kind == PacketKind.ARP && isVip(load<u32>(frame + packet.payload, arp.SENDER_IP))) {
    return dropped(Drop.ARP_FROM_HOST);
  }
  if (packet.kind == PacketKind.TCP && isVip(packet.vip)) {
    // What a blade itself opens uses its own address: the answer to this one may come to another blade.
    if (isOpeningSyn(packet.tcpFlags)) return dropped(Drop.SYN_FROM_HOST);
    const local = localOwnerByPort(port);
    if (local >= 0 && generation() != 0) teach(packet, local, now);
  }
  return leave(slot, destination, port);
}

/** L2 forwarding between the hosts of a blade and its wire. */
function leave(slot: u32, destination: u64, ingress: u32): u32 {
  if (isGroup(destination)) return flood(slot, ingress);
  const local = localOwnerByMac(destination);
  const port = local >= 0 ? <i32>localOwnerAt(local).port : forwardPort(destination);
  if (port < 0) {
    send(slot, WIRE_PORT);
    return Verdict.FORWARD;
  }
  if (<u32>port == ingress) return dropped(Drop.HAIRPIN);
  if (roleOf(port) != PortRole.HOST) return dropped(Drop.PORT_SHUT);
  send(slot, port);
  return Verdict.FORWARD;
}

function flood(slot: u32, ingress: u32): u32 {
  send(slot, WIRE_PORT);
  for (let port: u32 = 1; port < PORTS_MAX; port++) {
    if (port >= ports()) break;
    if (port != ingress && roleOf(port) == PortRole.HOST) send(slot, port);
  }
  return Verdict.FLOOD;
}
