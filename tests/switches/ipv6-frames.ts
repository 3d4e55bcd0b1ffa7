/** IPv6 as a switch looks at it: header, whatever follows, and neighbour solicitations. Checksums are nobody's matter there. */
import { concat } from "../../host/management/records.ts";
import { ipToBytes, macToBytes } from "../../host/model/address.ts";
import { ethernet, ETHERTYPE } from "../packets/packets.ts";

export const NEXT_HEADER = { tcp: 6, udp: 17, fragment: 44, icmpv6: 58 } as const;
const SOLICITATION = 135;

/** An IPv6 packet. */
export function ipv6(source: string, destination: string, nextHeader: number, payload: Uint8Array): Uint8Array {
  const fixed = Uint8Array.from([0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, nextHeader, 255]);
  return concat([fixed, ipToBytes(source), ipToBytes(destination), payload]);
}

/** A segment that opens a connection, but for its checksum. */
export const SYN_SEGMENT = Uint8Array.from([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
/** A datagram with nothing in it, but for its checksum. */
export const EMPTY_DATAGRAM = Uint8Array.from([0x9c, 0x40, 0, 80, 0, 8, 0, 0]);

/** The frame by which `sender` asks for `target`, at the target's solicited-node multicast address (RFC 4861, 4.3). */
export function solicitation(sender: { readonly mac: string; readonly ip: string }, target: string): Uint8Array {
  const asked = ipToBytes(target);
  const tail = [...asked.subarray(13)];
  const group = `ff02::1:ff${hex(tail.slice(0, 1))}:${hex(tail.slice(1))}`;
  const message = concat([Uint8Array.from([SOLICITATION, 0, 0, 0, 0, 0, 0, 0]), asked, Uint8Array.from([1, 1]), macToBytes(sender.mac)]);
  const destination = `33:33:ff:${tail.map((byte) => hex([byte])).join(":")}`;
  return ethernet({ destination, source: sender.mac }, ETHERTYPE.ipv6, ipv6(sender.ip, group, NEXT_HEADER.icmpv6, message));
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
