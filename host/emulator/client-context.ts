/** What a client's sessions over UDP share: its sockets, its clock, and where the run's measurements go. */
import type { VirtualClock } from "./clock.ts";
import type { ConnectionRecord, Ledger } from "./ledger.ts";
import type { Datagram } from "./netstack.ts";
import type { Random } from "./random.ts";
import { SERVICE_PORTS } from "./service-ports.ts";
import type { Path, UdpSocket, UdpSockets } from "./udp-sockets.ts";

export interface ClientContext {
  readonly clock: VirtualClock;
  readonly sockets: UdpSockets;
  readonly ledger: Ledger;
  readonly random: Random;
  /** A port that this client has not used yet. */
  takePort(): number;
}

/** One end of a session at its client: a socket of its own, and the way to the service. */
export interface ClientEnd {
  readonly socket: UdpSocket;
  readonly path: Path;
}

/** Opens an end at `address`. What others send to it is not handed on. */
export function openEnd(
  context: ClientContext,
  record: ConnectionRecord,
  address: string,
  onDatagram: (datagram: Datagram) => void,
): ClientEnd {
  const { vip, kind } = record.plan;
  const port = context.takePort();
  const path = { localAddress: address, localPort: port, remoteAddress: vip, remotePort: SERVICE_PORTS[kind] };
  const socket = context.sockets.open(port, (datagram) => {
    const { localAddress, remoteAddress, remotePort } = datagram;
    const ours = localAddress === address && remoteAddress === vip && remotePort === path.remotePort;
    if (ours) onDatagram(datagram);
  });
  return { socket, path };
}
