/**
 * What tells the fragments of one packet, and the kind of tag that they came with, from all others.
 *
 * ```
 *  0                16   20     21    22         23      24
 *  +----------------+----+------+-----+----------+-------+
 *  | client         | id | kind | vip | protocol | place |
 *  +----------------+----+------+-----+----------+-------+
 * ```
 */
import { Packet } from "./packet";

@unmanaged
export class FragmentKey {
  /** As in `wire/address.ts`. */
  client: u64;
  clientHigh: u64;
  /** Identification, as loaded. */
  id: u32;
  /** `RedirectKind` that the fragment came with. */
  kind: u8;
  vip: u8;
  /** Of IPv4; IPv6 tells packets apart without it (RFC 8200, section 4.5). */
  protocol: u8;
  /** What the place that the key stands in is used for; 0: it is free. */
  place: u8;
}

// @ts-ignore: decorator
@inline
export function setFragmentKey(key: FragmentKey, packet: Packet, kind: u32): void {
  key.client = packet.client;
  key.clientHigh = packet.clientHigh;
  key.id = packet.fragmentId;
  key.kind = <u8>kind;
  key.vip = packet.vip;
  key.protocol = packet.fragmentProtocol;
}

// @ts-ignore: decorator
@inline
export function isFragmentOf(key: FragmentKey, packet: Packet, kind: u32): bool {
  return (
    key.client == packet.client &&
    key.clientHigh == packet.clientHigh &&
    key.id == packet.fragmentId &&
    key.kind == kind &&
    key.vip == packet.vip &&
    key.protocol == packet.fragmentProtocol
  );
}
