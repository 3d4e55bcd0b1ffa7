/** The capture at the clients: every TCP segment that says RST and comes from the VIP. */
import { readCapture } from "../capture/capture.ts";
import { bytesToIp } from "../model/address.ts";
import { CLIENTS, SERVICE_PORT, VIP } from "./addresses.ts";
import type { Reset } from "./ledger.ts";
import type { Service, Services } from "./services.ts";
import { startTcpdump } from "./tcpdump.ts";

const NS_PER_MS = 1_000_000n;
/** Of an untagged Ethernet frame with an IPv4 header: what the capture's filter lets through. */
const IP = 14;
const IP_DESTINATION = IP + 16;
const TCP_DESTINATION_PORT = 2;
const IHL_MASK = 0x0f;
const IHL_UNIT = 4;

/** See `startTcpdump`. */
export function captureResets(services: Services, path: string): Promise<Service> {
  const filter = `src host ${VIP} and tcp src port ${SERVICE_PORT} and tcp[tcpflags] & tcp-rst != 0`;
  return startTcpdump(services, { name: "tcpdump-resets", namespace: CLIENTS, filter, path });
}

export function readResets(path: string): Reset[] {
  return readCapture(path).frames.map(({ bytes, timeNs }) => {
    const tcp = IP + (bytes[IP]! & IHL_MASK) * IHL_UNIT;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      client: bytesToIp(bytes.subarray(IP_DESTINATION, IP_DESTINATION + 4)),
      clientPort: view.getUint16(tcp + TCP_DESTINATION_PORT),
      at: Number(timeNs / NS_PER_MS),
    };
  });
}
