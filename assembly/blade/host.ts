/** Frames that come from a host or VM of the blade. */
import { Drop, Verdict, WIRE_PORT } from "../abi";
import { generation } from "../buckets";
import { passesFilter } from "../filter";
import { forwardPort } from "../forward";
import { NO_VIP, hasIdentity, localOwnerAt, localOwnerByMac, localOwnerByPort, ports, roleOf, vipIndex } from "../identity";
import { Packet, PacketKind, hasFlow, isForVip } from "../packet";
import { PortRole } from "../records";
import { isTag } from "../redirect";
import { frameAt, send } from "../ring";
import { PORTS_MAX } from "../sizes";
import { isOpeningSyn, teach } from "../teach";
import { dropped } from "../verdict";
import { mappedHigh } from "../wire/address";
import * as arp from "../wire/arp";
import { DESTINATION, SOURCE, isGroup, loadMac } from "../wire/ethernet";
import * as ipv6 from "../wire/ipv6";
import * as nd from "../wire/nd";
import { ICMP_TYPE } from "../wire/transport";

export function fromHost(slot: u32, packet: Packet, port: u32, now: u32): u32 {
  if (packet.drop != Drop.NONE) return dropped(packet.drop);
  if (!hasIdentity()) return dropped(Drop.NO_ASSIGNMENT);
  if (roleOf(port) != PortRole.HOST) return dropped(Drop.PORT_SHUT);
  const frame = frameAt(slot);
  const destination = loadMac(frame + DESTINATION);
  const source = loadMac(frame + SOURCE);
  if (!passesFilter(port, destination, source, packet.ethertype)) return dropped(Drop.FILTERED);
  if (isTag(source)) return dropped(Drop.SPOOFED_TAG);
  // It would bind a VIP to one blade's MAC in every neighbour's cache.
  if (announcesVip(frame, packet)) return dropped(Drop.NEIGHBOUR_FROM_HOST);
  if (isForVip(packet) && hasFlow(packet) && packet.kind != PacketKind.ICMP_ERROR) {
    // What a blade itself opens uses its own address: the answer to this one may come to another blade.
    if (packet.kind == PacketKind.TCP && isOpeningSyn(packet.tcpFlags)) return dropped(Drop.SYN_FROM_HOST);
    const local = localOwnerByPort(port);
    if (local >= 0 && generation() != 0) teach(packet, local, now);
  }
  return leave(slot, destination, port);
}

/** Whether a host says that it has a VIP: by ARP with it as the sender, by an advertisement or a solicitation from it. */
function announcesVip(frame: usize, packet: Packet): bool {
  const message = frame + packet.payload;
  if (packet.kind == PacketKind.ARP) return vipIndex(0, mappedHigh(load<u32>(message, arp.SENDER_IP))) != NO_VIP;
  if (packet.kind != PacketKind.DISCOVERY) return false;
  if (vipIndex(load<u64>(message, ipv6.SOURCE), load<u64>(message, ipv6.SOURCE + 8)) != NO_VIP) return true;
  return packet.vip != NO_VIP && load<u8>(frame + packet.transport, ICMP_TYPE) == nd.ADVERTISEMENT;
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
