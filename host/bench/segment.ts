/** TCP segments of 60 bytes, the shortest that Ethernet carries (FCS left out). */
import { ipToBytes, macToBytes } from "../model/address.ts";
import { VIP } from "./appliance.ts";

export const FRAME_BYTES = 60;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE = 12;
const IP = 14;
const IP_BYTES = 20;
const TCP = IP + IP_BYTES;
const TCP_BYTES = 20;
const TTL = 64;
const PROTOCOL_TCP = 6;
export const VIP_PORT = 443;

/** TCP flags. */
export const SYN = 0x02;
export const ACK = 0x10;

/** Where the addresses and ports of one side are. */
const SOURCE = { address: IP + 12, port: TCP } as const;
const DESTINATION = { address: IP + 16, port: TCP + 2 } as const;

export interface SegmentKind {
  readonly destination: string;
  readonly source: string;
  readonly flags: number;
  /** The client is the destination, not the source. */
  readonly fromHost: boolean;
}

/** Where a segment has its client's address and port. */
export function clientPlace(fromHost: boolean): typeof SOURCE | typeof DESTINATION {
  return fromHost ? DESTINATION : SOURCE;
}

/** A segment with the client left zero. Checksums are zero too: the firmware leaves them to the host. */
export function segment({ destination, source, flags, fromHost }: SegmentKind): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(macToBytes(destination), 0);
  bytes.set(macToBytes(source), 6);
  view.setUint16(ETHERTYPE, ETHERTYPE_IPV4);
  view.setUint8(IP, 0x45);
  view.setUint16(IP + 2, IP_BYTES + TCP_BYTES);
  view.setUint8(IP + 8, TTL);
  view.setUint8(IP + 9, PROTOCOL_TCP);
  const vip = clientPlace(!fromHost);
  bytes.set(ipToBytes(VIP), vip.address);
  view.setUint16(vip.port, VIP_PORT);
  view.setUint8(TCP + 12, (TCP_BYTES / 4) << 4);
  view.setUint8(TCP + 13, flags);
  return bytes;
}
