/** Captures of clients of the starter appliance (`dobbs init`), for replays. */
import { PcapngWriter } from "../../host/capture/pcapng-write.ts";
import { concat } from "../../host/management/records.ts";
import { arp, ethernet, ETHERTYPE, SYN, tcp, udp } from "../packets/packets.ts";

export const VIP = "192.0.2.80";
export const VMAC = "02:d0:bb:00:00:50";
export const BLADE_MACS = { "dobbs-ferry": "02:d0:bb:00:01:01", ardsley: "02:d0:bb:00:01:02" } as const;
export const CLIENTS = 100;

export interface TimedFrame {
  readonly port: number;
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
}

const CLIENT_MAC = "06:00:00:00:00:01";
const START_NS = 1_700_000_000_000_000_000n;

/** A SYN of each client to the VIP, 1 ms apart. */
export function syns(): Uint8Array[] {
  return Array.from({ length: CLIENTS }, (_, i) =>
    ethernet(
      { destination: VMAC, source: CLIENT_MAC },
      ETHERTYPE.ipv4,
      tcp({ source: `198.51.100.${i + 1}`, destination: VIP }, { sourcePort: 40_000 + i, destinationPort: 80 }, SYN),
    ),
  );
}

/** One frame each that an image must drop, for reasons of its own, and an ARP request for the VIP. */
export function others(): Uint8Array[] {
  const link = { destination: VMAC, source: CLIENT_MAC };
  const ip = { source: "198.51.100.1", destination: VIP };
  const ports = { sourcePort: 40_000, destinationPort: 80 };
  return [
    Uint8Array.of(1, 2, 3),
    ethernet(link, ETHERTYPE.ipv4, Uint8Array.of(0x45, 0)),
    ethernet(link, ETHERTYPE.ipv4, udp({ ...ip, destination: "192.0.2.81" }, ports)),
    ethernet({ ...link, destination: "ff:ff:ff:ff:ff:ff" }, ETHERTYPE.arp,
      arp({ operation: 1, senderMac: CLIENT_MAC, senderIp: ip.source, targetIp: VIP })),
  ];
}

export function atPort(port: number, frames: readonly Uint8Array[]): TimedFrame[] {
  return frames.map((bytes, i) => ({ port, timeNs: START_NS + BigInt(i) * 1_000_000n, bytes }));
}

/** A pcapng with one interface a name. */
export function pcapngOf(interfaces: readonly string[], frames: readonly TimedFrame[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((block) => blocks.push(block));
  for (const name of interfaces) writer.addInterface(name);
  for (const { port, timeNs, bytes } of frames) writer.addFrame(port, timeNs, bytes);
  return concat(blocks);
}
