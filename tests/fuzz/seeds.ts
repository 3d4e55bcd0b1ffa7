/** Valid frames and messages that mutations start from. */
import { bucketsRequest, countersRequest, listRequest } from "../../host/management/commands.ts";
import { usesRequest } from "../../host/management/connection-id-table.ts";
import { concat } from "../../host/management/records.ts";
import { ipToBytes, macToBytes } from "../../host/model/address.ts";
import { ACK, ETHERTYPE, FIN, RST, SYN, arp, ethernet, icmp, ipv4, ipv6, tcp, udp } from "../packets/packets.ts";
import { CONNECTION_IDS, QUIC_SERVICE } from "../packets/quic.ts";
import { BROADCAST, CLIENT_MAC, VIP, VIP6, VMAC, macOf, type Node, type OwnerName } from "../conformance/node.ts";
import { quicFrames } from "./quic-seeds.ts";

export interface SeedFrame {
  readonly port: number;
  readonly bytes: Uint8Array;
}

const TAG_KINDS = 8;

/** Every kind of frame that a node knows, from the wire and from hosts, of 16 clients. */
export function seedFrames(): SeedFrame[] {
  const frames: SeedFrame[] = [];
  const toVip = { destination: VMAC, source: CLIENT_MAC };
  for (let n = 0; n < 16; n++) {
    const client = `10.1.${n & 3}.${n}`;
    const inbound = { source: client, destination: VIP };
    const outbound = { source: VIP, destination: client };
    for (const flags of [SYN, ACK, SYN | ACK, FIN | ACK, RST]) {
      const ports = { sourcePort: 1000 + n, destinationPort: 80 };
      frames.push({ port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, tcp(inbound, ports, flags)) });
      for (let kind = 0; kind < TAG_KINDS; kind++) {
        const source = `d2:b${kind}:00:02:00:0${n % 6}`;
        const link = { destination: macOf(n & 1 ? "a" : "b"), source };
        frames.push({ port: 0, bytes: ethernet(link, ETHERTYPE.ipv4, tcp(inbound, ports, flags)) });
      }
      for (const [port, owner] of [[1, "a"], [2, "b"]] as const) {
        const segment = tcp(outbound, { sourcePort: 80, destinationPort: 1000 + n }, flags);
        frames.push({ port, bytes: ethernet({ destination: CLIENT_MAC, source: macOf(owner as OwnerName) }, ETHERTYPE.ipv4, segment) });
      }
    }
    const tagged = { ...toVip, tags: [[ETHERTYPE.qinq, n], [ETHERTYPE.vlan, n]] as const };
    const datagram = udp(inbound, { sourcePort: n, destinationPort: 53 }, new Uint8Array(n));
    frames.push(
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, datagram) },
      { port: 0, bytes: ethernet(tagged, ETHERTYPE.ipv4, tcp(inbound, { sourcePort: n, destinationPort: 80 }, ACK)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, icmp(inbound, 8, 0)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, icmp(inbound, 3, 4, datagram)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, ipv4({ ...inbound, fragment: 0x2000 }, 17, datagram)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, ipv4({ ...inbound, options: new Uint8Array(8) }, 47, datagram)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv6, new Uint8Array(60)) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, icmp(inbound, 3, 4, concat([new Uint8Array(4), tcp(outbound, { sourcePort: 80, destinationPort: 1000 + n }, ACK)]))) },
      { port: 0, bytes: ethernet(toVip, ETHERTYPE.ipv4, ipv4({ ...inbound, fragment: 13 + n }, 17, datagram)) },
    );
    frames.push(...ipv6Frames(n));
    for (const destination of [BROADCAST, VMAC]) {
      const request = arp({ operation: 1, senderMac: CLIENT_MAC, senderIp: client, targetIp: VIP });
      frames.push({ port: 0, bytes: ethernet({ destination, source: CLIENT_MAC }, ETHERTYPE.arp, request) });
    }
    const own = arp({ operation: 1, senderMac: macOf("a"), senderIp: n & 1 ? VIP : "10.0.0.1", targetIp: client });
    frames.push({ port: 1, bytes: ethernet({ destination: BROADCAST, source: macOf("a") }, ETHERTYPE.arp, own) });
  }
  return [...frames, ...quicFrames()];
}

/** The same over IPv6, with extension headers, fragments, errors and neighbour discovery. */
function ipv6Frames(n: number): SeedFrame[] {
  const client = `2001:db8:1::${n.toString(16)}`;
  const toVip = { destination: VMAC, source: CLIENT_MAC };
  const inbound = { source: client, destination: VIP6 };
  const segment = tcp(inbound, { sourcePort: 1000 + n, destinationPort: 80 }, n & 1 ? SYN : ACK);
  const datagram = udp(inbound, { sourcePort: n, destinationPort: 53 }, new Uint8Array(n)).subarray(40);
  const answer = tcp({ source: VIP6, destination: client }, { sourcePort: 80, destinationPort: 1000 + n }, ACK);
  const extensions = [60, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
  const fragment = (next: number, field: number): number[] => [next, 0, field >>> 8, field & 0xff, 0, 0, 0, n];
  const target = [...ipToBytes(VIP6), 1, 1, ...macToBytes(CLIENT_MAC)];
  const packets = [
    segment,
    ipv6(inbound, 17, datagram),
    ipv6(inbound, 0, Uint8Array.from([...extensions, ...segment.subarray(40)])),
    ipv6(inbound, 44, Uint8Array.from([...fragment(17, 1), ...datagram])),
    ipv6(inbound, 44, Uint8Array.from([...fragment(17, 64), ...datagram])),
    icmp(inbound, 128, 0),
    icmp({ source: "2001:db8:2::1", destination: VIP6 }, 2, 0, concat([new Uint8Array(4), answer])),
    icmp(inbound, 135, 0, Uint8Array.from([0, 0, 0, 0, ...target]), 255),
  ];
  const own = icmp({ source: "fe80::1", destination: client }, 136, 0, Uint8Array.from([0, 0, 0, 0, ...target]), 255);
  const tagged = { destination: macOf("a"), source: `d2:b${1 + (n % 6)}:00:02:00:04` };
  return [
    ...packets.flatMap((packet) => [toVip, tagged].map((link) => ({ port: 0, bytes: ethernet(link, ETHERTYPE.ipv6, packet) }))),
    { port: 1, bytes: ethernet({ destination: CLIENT_MAC, source: macOf("a") }, ETHERTYPE.ipv6, answer) },
    { port: 1, bytes: ethernet({ destination: CLIENT_MAC, source: macOf("a") }, ETHERTYPE.ipv6, own) },
  ];
}

/** Brings a blade into service and uses every message once: some buckets are current here, some previous. */
export function setUpBlade(node: Node): void {
  node.identifyBlade();
  node.services([
    QUIC_SERVICE,
    { protocol: 17, port: 53, class: "none", idleMs: 1, provisionalMs: 1 },
    { vip: VIP6, protocol: 17, class: "flow", idleMs: 50, provisionalMs: 5 },
  ]);
  node.connectionIds(CONNECTION_IDS);
  node.filters([{ action: "drop", ethertype: 0x88cc }]);
  node.forward([{ mac: "02:00:00:00:99:99", port: 3 }]);
  node.assign("a");
  node.command("PIN", 0, [1, 2, 3]);
  node.command("UNPIN", 0, [1]);
  node.assign("ca", "ca", "cab", "a", "ac", "bac", "ca", "ca");
  const flow = { client: "10.1.0.5", clientPort: 1005, vip: VIP, vipPort: 80, protocol: 6, state: "established" } as const;
  node.seed(0, [flow]);
  node.command("COMPLETE", 0, [0, 1, 2, 6, 7, 8, 9]);
  node.command("SEAL", 0, [6, 7]);
  node.command("COMPLETE", 0, [7]);
  node.command("UNSEAL", 0, [6]);
  node.tell({ type: "HELLO", payload: new Uint8Array() });
  node.tell(listRequest(node.records, 0, {}));
  node.tell(bucketsRequest(node.records, 0, 0));
  node.tell(usesRequest());
  node.tell(countersRequest(node.records, "DROP_COUNTER", 0));
}

export function setUpSwitch(node: Node): void {
  node.identifySwitch();
  node.forward([{ mac: "02:00:00:00:99:99", port: 3 }]);
  node.assign("ca", "b", "ac");
  node.tell({ type: "HELLO", payload: new Uint8Array() });
  node.tell(countersRequest(node.records, "DROP_COUNTER", 0));
}
