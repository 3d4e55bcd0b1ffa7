/** Who asks for a neighbour's MAC, and who answers: ARP (RFC 826), and neighbour discovery (RFC 4861), as far as both are used here. */
import { checksum, draft, keyOf, openPacket, type End } from "./packet.ts";
import { PROTOCOL_ICMPV6 } from "./icmp.ts";

const MAC_BYTES = 6;
const ETHERNET_BYTES = 14;
const ETHERTYPE = 12;
const TYPE_ARP = 0x0806;
const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/** Hardware Ethernet, protocol IPv4, and the lengths of their addresses. */
const ARP_HEAD = Uint8Array.of(0, 1, 8, 0, 6, 4);
const ARP_BYTES = 28;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_IP = 24;
const REQUEST = 1;
const REPLY = 2;

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const CHECKSUM = 2;
const TARGET = 8;
const OPTION = 24;
/** Kind of the option, its length in 8 bytes, and a MAC. */
const OPTION_BYTES = 8;
const SOURCE_MAC = 1;
const TARGET_MAC = 2;
/** Of an IPv6 header. */
const HOP_LIMIT = 7;
/** No router has touched it. */
const HOP_LIMIT_LOCAL = 255;
/** ff02::1:ff00:0, of which the last three bytes are those of the address that is asked for. */
const SOLICITED_NODE = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0);
const SOLICITED_TAIL = 13;
const GROUP_MAC = Uint8Array.of(0x33, 0x33);
const GROUP_TAIL = 12;

export interface Neighbour {
  readonly kind: "question" | "answer";
  /** `End.key`: of whoever asks, and of what is asked for. */
  readonly asker: number;
  readonly asked: number;
  /** The sender's on the wire. */
  readonly from: Uint8Array;
  /** That the sender says it has. */
  readonly mac: Uint8Array;
}

/** The frame by which `asker` asks for the MAC of `vip`: everyone, or the MAC that it has had from it (`unicast`). */
export function encodeNeighbourQuestion(asker: End, vip: End, unicast: boolean): Uint8Array {
  return asker.family === 4 ? encodeRequest(asker, vip, unicast) : encodeSolicitation(asker, vip, unicast);
}

/** Null: it is none, or a byte of it was changed. */
export function decodeNeighbour(bytes: Uint8Array): Neighbour | null {
  if (bytes.length < ETHERNET_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint16(ETHERTYPE) === TYPE_ARP ? decodeArp(bytes, view) : decodeDiscovery(bytes);
}

function encodeRequest(asker: End, vip: End, unicast: boolean): Uint8Array {
  const frame = new Uint8Array(ETHERNET_BYTES + ARP_BYTES);
  const view = new DataView(frame.buffer);
  frame.set(unicast ? vip.mac : BROADCAST, 0);
  frame.set(asker.mac, MAC_BYTES);
  view.setUint16(ETHERTYPE, TYPE_ARP);
  const arp = frame.subarray(ETHERNET_BYTES);
  arp.set(ARP_HEAD);
  arp[OPERATION + 1] = REQUEST;
  arp.set(asker.mac, SENDER_MAC);
  arp.set(asker.address, SENDER_IP);
  arp.set(vip.address, TARGET_IP);
  return frame;
}

function encodeSolicitation(asker: End, vip: End, unicast: boolean): Uint8Array {
  const group = SOLICITED_NODE.slice();
  group.set(vip.address.subarray(SOLICITED_TAIL), SOLICITED_TAIL);
  const to = unicast ? vip : { ...vip, address: group, mac: Uint8Array.of(...GROUP_MAC, ...group.subarray(GROUP_TAIL)) };
  const { bytes, view, at } = draft(asker, to, PROTOCOL_ICMPV6, OPTION + OPTION_BYTES, 0);
  bytes[ETHERNET_BYTES + HOP_LIMIT] = HOP_LIMIT_LOCAL;
  bytes[at] = SOLICITATION;
  bytes.set(vip.address, at + TARGET);
  bytes.set([SOURCE_MAC, 1, ...asker.mac], at + OPTION);
  view.setUint16(at + CHECKSUM, ~checksum(view, at, OPTION + OPTION_BYTES, asker.address, to.address, PROTOCOL_ICMPV6) & 0xffff);
  return bytes;
}

function decodeArp(frame: Uint8Array, view: DataView): Neighbour | null {
  if (frame.length < ETHERNET_BYTES + ARP_BYTES || !ARP_HEAD.every((byte, i) => frame[ETHERNET_BYTES + i] === byte)) return null;
  const operation = view.getUint16(ETHERNET_BYTES + OPERATION);
  if (operation !== REQUEST && operation !== REPLY) return null;
  const [sender, target] = [SENDER_IP, TARGET_IP].map((at) => keyOf(frame, ETHERNET_BYTES + at, 4)) as [number, number];
  const isQuestion = operation === REQUEST;
  return {
    kind: isQuestion ? "question" : "answer",
    asker: isQuestion ? sender : target,
    asked: isQuestion ? target : sender,
    from: frame.subarray(MAC_BYTES, 2 * MAC_BYTES),
    mac: frame.subarray(ETHERNET_BYTES + SENDER_MAC, ETHERNET_BYTES + SENDER_MAC + MAC_BYTES),
  };
}

function decodeDiscovery(frame: Uint8Array): Neighbour | null {
  const packet = openPacket(frame);
  if (packet === null || packet.protocol !== PROTOCOL_ICMPV6) return null;
  const { view, at, end, source, destination, sourceAddress, destinationAddress } = packet;
  const type = frame[at];
  if ((type !== SOLICITATION && type !== ADVERTISEMENT) || end < at + OPTION + OPTION_BYTES) return null;
  const isQuestion = type === SOLICITATION;
  if (checksum(view, at, end - at, sourceAddress, destinationAddress, PROTOCOL_ICMPV6) !== 0xffff) return null;
  if (frame[ETHERNET_BYTES + HOP_LIMIT] !== HOP_LIMIT_LOCAL || frame[at + OPTION] !== (isQuestion ? SOURCE_MAC : TARGET_MAC)) return null;
  return {
    kind: isQuestion ? "question" : "answer",
    asker: isQuestion ? source : destination,
    asked: keyOf(frame, at + TARGET, 6),
    from: frame.subarray(MAC_BYTES, 2 * MAC_BYTES),
    mac: frame.subarray(at + OPTION + 2, at + OPTION + OPTION_BYTES),
  };
}
