/** The load-balancing switch: frames for the VMAC by bucket, all others by L2 table. No flow state. */
import { Drop, Verdict } from "../abi";
import { depthOf, ownerAt, ownerInHistory } from "../buckets";
import { passesFilter } from "../filter";
import { hasIdentity, ports, roleOf, virtualMac } from "../identity";
import { Packet } from "../packet";
import { PortRole, SwitchRole } from "../records";
import { isTag } from "../redirect";
import { frameAt, send } from "../ring";
import { PORTS_MAX } from "../sizes";
import { dropped } from "../verdict";
import { DESTINATION, SOURCE, isGroup, loadMac } from "../wire/ethernet";
import { learn, stationPort } from "./stations";

/** A switch is born standby: two that both believe they are active would carry every flooded frame twice. */
let isActive: bool = false;

export function setRole(role: u32): void {
  isActive = role == SwitchRole.ACTIVE;
}

export function fromPort(slot: u32, packet: Packet, ingress: u32, now: u32): u32 {
  if (packet.drop != Drop.NONE) return dropped(packet.drop);
  if (!hasIdentity()) return dropped(Drop.NO_ASSIGNMENT);
  if (!isActive) return dropped(Drop.STANDBY);
  const ingressRole = roleOf(ingress);
  if (ingressRole == PortRole.SHUT) return dropped(Drop.PORT_SHUT);
  const frame = frameAt(slot);
  const destination = loadMac(frame + DESTINATION);
  const source = loadMac(frame + SOURCE);
  if (!passesFilter(ingress, destination, source, packet.ethertype)) return dropped(Drop.FILTERED);
  if (isTag(source)) {
    if (ingressRole == PortRole.UPLINK) return dropped(Drop.SPOOFED_TAG);
  } else if (!isGroup(source) && source != virtualMac()) {
    learn(source, ingress, now);
  }
  if (destination == virtualMac()) return steer(slot, packet, ingress);
  if (isGroup(destination)) return flood(slot, ingress, isTag(source));
  const port = stationPort(destination, now);
  if (port < 0) return flood(slot, ingress, isTag(source));
  return forward(slot, port, ingress, Verdict.FORWARD);
}

function steer(slot: u32, packet: Packet, ingress: u32): u32 {
  const bucket = <u32>packet.bucket;
  if (depthOf(bucket) == 0) return dropped(Drop.NO_ASSIGNMENT);
  return forward(slot, ownerAt(ownerInHistory(bucket, 0)).port, ingress, Verdict.STEER);
}

function forward(slot: u32, port: u32, ingress: u32, verdict: u32): u32 {
  if (roleOf(port) == PortRole.SHUT) return dropped(Drop.NO_PORT);
  if (port == ingress) return dropped(Drop.HAIRPIN);
  send(slot, port);
  return verdict;
}

/** @param isTagged redirected: it stays inside the fabric */
function flood(slot: u32, ingress: u32, isTagged: bool): u32 {
  let copies: u32 = 0;
  for (let port: u32 = 0; port < PORTS_MAX; port++) {
    if (port >= ports()) break;
    const role = roleOf(port);
    if (port == ingress || role == PortRole.SHUT || (isTagged && role == PortRole.UPLINK)) continue;
    send(slot, port);
    copies++;
  }
  return copies > 0 ? Verdict.FLOOD : dropped(Drop.NO_PORT);
}
