/** QUIC-shaped frames that mutations start from. */
import { CLIENT_MAC, macOf, VIP, VIP6, VMAC } from "../conformance/node.ts";
import { ETHERTYPE, ethernet, udp } from "../packets/packets.ts";
import { CONFIGS, connectionIdOf, longHeader, QUIC_SERVICE, shortHeader, VERSION_1, VERSION_2 } from "../packets/quic.ts";
import type { SeedFrame } from "./seeds.ts";

const UNKNOWN_VERSION = 0x0a1a2a3a;
const UNKNOWN_SERVER = "z";

/** In each configuration, to each owner and to none, in both families, steered and redirected. */
export function quicFrames(): SeedFrame[] {
  const redirected = { destination: macOf("a"), source: "d2:b4:00:02:00:02" };
  const links = [{ destination: VMAC, source: CLIENT_MAC }, redirected];
  return CONFIGS.flatMap((config) =>
    [..."abcf", UNKNOWN_SERVER].flatMap((owner, n) => {
      const inbounds = [{ source: `10.1.3.${n}`, destination: VIP }, { source: `2001:db8:1::${n}`, destination: VIP6 }];
      return payloads(connectionIdOf(owner, config, n)).flatMap((payload) =>
        inbounds.flatMap((inbound) => {
          const type = inbound.source.includes(":") ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
          const datagram = udp(inbound, { sourcePort: 3000 + n, destinationPort: QUIC_SERVICE.port }, payload);
          return links.map((link) => ({ port: 0, bytes: ethernet(link, type, datagram) }));
        }),
      );
    }),
  );
}

function payloads(connectionId: Uint8Array): Uint8Array[] {
  const long = [VERSION_1, VERSION_2, UNKNOWN_VERSION].flatMap((version) =>
    (["initial", "0-rtt", "handshake"] as const).map((type) => longHeader(type, version, connectionId)),
  );
  return [shortHeader(connectionId), ...long];
}
