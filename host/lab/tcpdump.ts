/** Captures of a lab, by tcpdump. */
import type { Service, Services } from "./services.ts";

const READY_MS = 10_000;
/** Bytes of a frame that are kept: all headers. */
const SNAP_BYTES = 128;

export interface TcpdumpOptions {
  readonly name: string;
  readonly namespace: string;
  /** Of pcap-filter(7). */
  readonly filter: string;
  /** Of the pcap file. */
  readonly path: string;
}

/** Begins to capture. End it with SIGTERM or SIGINT, and the file is whole. */
export async function startTcpdump(services: Services, { name, namespace, filter, path }: TcpdumpOptions): Promise<Service> {
  // -U: what was captured is in the file at once. -Z: stay who it is, to write there.
  const command = ["tcpdump", "-n", "-U", "-Z", "root", "-s", String(SNAP_BYTES), "-i", "eth0", "-w", path, filter];
  const service = services.start({ name, namespace, command });
  await service.ready(() => service.said().includes("listening on"), READY_MS);
  return service;
}
