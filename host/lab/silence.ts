/** Whether idle sessions are: what was captured on their connections between their exchanges. */
import { readCapture, type CaptureFrame } from "../capture/capture.ts";
import { bytesToIp } from "../model/address.ts";
import { CLIENTS, SERVICE_PORT, VIP } from "./addresses.ts";
import type { Service, Services } from "./services.ts";
import type { SessionResult } from "./sessions.ts";
import { startTcpdump } from "./tcpdump.ts";

export interface Silences {
  /** Sessions that were silent for a while. */
  readonly sessions: number;
  /** The shortest of the whiles, ms; 0: there was none. */
  readonly shortestMs: number;
  /** TCP segments on these connections meanwhile, in either direction. */
  readonly segments: number;
}

const NS_PER_MS = 1_000_000n;
/** For the last acknowledgement, which may be delayed. */
const SETTLE_MS = 500;
/** Of an untagged Ethernet frame with an IPv4 header: what the capture's filter lets through. */
const IP = 14;
const IP_SOURCE = IP + 12;
const IP_DESTINATION = IP + 16;
const IP_BYTES = 4;
const IHL_MASK = 0x0f;
const IHL_UNIT = 4;

/** Of every segment between the clients and the VIP. */
export function captureSegments(services: Services, path: string): Promise<Service> {
  const filter = `host ${VIP} and tcp port ${SERVICE_PORT}`;
  return startTcpdump(services, { name: "tcpdump-segments", namespace: CLIENTS, filter, path });
}

export function readSilences(path: string, clientOf: (id: number) => string, results: Iterable<SessionResult>): Silences {
  return countSilences(readCapture(path).frames, clientOf, results);
}

export function countSilences(frames: Iterable<CaptureFrame>, clientOf: (id: number) => string, results: Iterable<SessionResult>): Silences {
  const silences = new Map<string, { readonly from: number; readonly until: number }>();
  for (const { id, clientPort, silence } of results) {
    if (!silence) continue;
    const from = silence.from + SETTLE_MS;
    if (from < silence.until) silences.set(`${clientOf(id)}:${clientPort}`, { from, until: silence.until });
  }
  let segments = 0;
  for (const { bytes, timeNs } of frames) {
    const silence = silences.get(clientEnd(bytes));
    const at = Number(timeNs / NS_PER_MS);
    if (silence && at > silence.from && at < silence.until) segments++;
  }
  const lengths = [...silences.values()].map(({ from, until }) => until - from);
  return { sessions: silences.size, shortestMs: lengths.length === 0 ? 0 : Math.min(...lengths), segments };
}

/** `<address>:<port>` of the end that is not the VIP's. */
function clientEnd(bytes: Uint8Array): string {
  const tcp = IP + (bytes[IP]! & IHL_MASK) * IHL_UNIT;
  const port = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  const source = bytesToIp(bytes.subarray(IP_SOURCE, IP_SOURCE + IP_BYTES));
  if (source !== VIP) return `${source}:${port(tcp)}`;
  return `${bytesToIp(bytes.subarray(IP_DESTINATION, IP_DESTINATION + IP_BYTES))}:${port(tcp + 2)}`;
}
