/** The stages ahead of the decision: each is done for all frames of a batch before the next, so that cache misses overlap. */
import { bucketOf } from "./buckets";
import { candidates, sameClient } from "./flows";
import { hashClient } from "./hash";
import { NO_VIP } from "./identity";
import { Packet, PacketKind, hasFlow, hashKey, isForVip, packetAt } from "./packet";
import { parseFrame } from "./parse/frame";
import { frameAt, slotAt } from "./ring";
import { NO_SERVICE, classOf, serviceOf } from "./services";

/**
 * First stage: checks lengths once, classifies, and hashes.
 * @param fromHost the client is the destination, not the source
 */
export function parse(slot: u32, fromHost: bool): void {
  const packet = packetAt(slot);
  clear(changetype<usize>(packet));
  packet.vip = <u8>NO_VIP;
  packet.service = <u8>NO_SERVICE;
  packet.drop = <u8>parseFrame(packet, frameAt(slot), slotAt(slot).length, fromHost);
  packet.bucket = <u16>bucketOf(hashClient(packet.client, packet.clientHigh));
}

// @ts-ignore: decorator
@inline
function clear(packet: usize): void {
  for (let at: usize = 0; at < offsetof<Packet>(); at += 8) store<u64>(packet + at, 0);
}

/** Second stage: which ways of the flow table may hold the flow. */
export function match(slot: u32): void {
  const packet = packetAt(slot);
  if (!isForVip(packet)) return;
  classify(packet);
  if (!hasFlow(packet)) return;
  hashKey(packet);
  packet.ways = candidates(packet.hash);
}

function classify(packet: Packet): void {
  if (packet.kind == PacketKind.ICMP_QUERY || packet.kind == PacketKind.FRAGMENT) return;
  packet.service = <u8>serviceOf(packet.vip, packet.protocol, packet.vipPort);
  packet.serviceClass = <u8>classOf(packet.service, packet.protocol);
}

/** Third stage: of these, the ones whose entries have the flow's client. */
export function verify(slot: u32): void {
  const packet = packetAt(slot);
  if (packet.ways) packet.ways = sameClient(packet.ways, packet);
}
