/** The capture at the clients: every TCP segment that says RST and comes from a VIP. */
import { readCapture } from "../capture/capture.ts";
import { bytesToIp, IPV4_BYTES, IPV6_BYTES } from "../model/address.ts";
import { SERVICE_PORT, VIPS } from "./addresses.ts";
import type { Reset } from "./ledger.ts";
import type { Service, Services } from "./services.ts";
import { startTcpdump } from "./tcpdump.ts";

const NS_PER_MS = 1_000_000n;
/** Of an untagged Ethernet frame with an IPv4 header, or an IPv6 one and TCP behind it: what the capture's filter lets through. */
const IP = 14;
const IPV4_DESTINATION = IP + 16;
const IPV6_DESTINATION = IP + 24;
const IPV6_HEADER_BYTES = 40;
const TCP_DESTINATION_PORT = 2;
const VERSION_SHIFT = 4;
const IHL_MASK = 0x0f;
const IHL_UNIT = 4;
/** tcpdump's `tcp[...]` knows IPv4 only. Bytes of an IPv6 packet: next header, source port, flags. */
const FILTERS = [
  `src host ${VIPS[4]} and tcp src port ${SERVICE_PORT} and tcp[tcpflags] & tcp-rst != 0`,
  `ip6 src host ${VIPS[6]} and ip6[6] = 6 and ip6[40:2] = ${SERVICE_PORT} and ip6[53] & 4 != 0`,
];

/** In the namespace of the clients. See `startTcpdump`. */
export function captureResets(services: Services, namespace: string, path: string): Promise<Service> {
  const filter = FILTERS.map((one) => `(${one})`).join(" or ");
  return startTcpdump(services, { name: "tcpdump-resets", namespace, filter, path });
}

export function readResets(path: string): Reset[] {
  return readCapture(path).frames.map(({ bytes, timeNs }) => ({ ...targetOf(bytes), at: Number(timeNs / NS_PER_MS) }));
}

/** Whom a segment is for. */
export function targetOf(bytes: Uint8Array): Pick<Reset, "client" | "clientPort"> {
  const isIpv4 = bytes[IP]! >> VERSION_SHIFT === 4;
  const tcp = IP + (isIpv4 ? (bytes[IP]! & IHL_MASK) * IHL_UNIT : IPV6_HEADER_BYTES);
  const [destination, length] = isIpv4 ? [IPV4_DESTINATION, IPV4_BYTES] : [IPV6_DESTINATION, IPV6_BYTES];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    client: bytesToIp(bytes.subarray(destination, destination + length)),
    clientPort: view.getUint16(tcp + TCP_DESTINATION_PORT),
  };
}
