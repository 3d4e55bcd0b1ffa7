/** A server's host, or a VM of it: a TCP/IP stack behind a blade's host port that answers for the VIP. */
import type { HostSocket, HostSockets } from "../supervisor/environment.ts";
import { US_PER_MS, type VirtualClock } from "./clock.ts";
import type { Side, Wire } from "./fabric.ts";
import type { Ledger, LiveConnection } from "./ledger.ts";
import type { Netstack, SocketRow, TcpState } from "./netstack.ts";
import { answerQueries } from "./query/server.ts";
import type { MakeCid } from "./quic/cid.ts";
import { QuicServer } from "./quic/server.ts";
import type { Random } from "./random.ts";
import { ServerApplication } from "./server-application.ts";
import { DNS_PORT, QUIC_PORT, STREAM_PORT, TUNNEL_PORT } from "./service-ports.ts";
import { Station } from "./station.ts";
import { TunnelServer } from "./tunnel/server.ts";
import { UdpSockets } from "./udp-sockets.ts";

/** What the stack calls live, in the supervisor's words. `listen` and `closed` rows are no connections. */
const STATES: Readonly<Partial<Record<TcpState, HostSocket["state"]>>> = {
  "syn-received": "half-open",
  established: "established",
  "fin-wait-1": "closing",
  "fin-wait-2": "closing",
  "close-wait": "closing",
  closing: "closing",
  "last-ack": "closing",
  "time-wait": "time-wait",
};

export interface HostOptions {
  readonly clock: VirtualClock;
  readonly stack: Netstack;
  /** The owner that this host stands for. */
  readonly owner: string;
  readonly vips: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
  /** Names this owner in the connection IDs that its QUIC server gives out. */
  readonly makeCid: MakeCid;
  readonly wire: Wire;
  readonly side: Side;
  /** Longest time that a frame waits in the blade's queue, beyond the wire. */
  readonly nicQueueUs: number;
  /** From the traffic manager to the socket table, one way. */
  readonly readUs: number;
}

export class HostNode {
  readonly owner: string;
  readonly station: Station;
  readonly #options: HostOptions;
  readonly #tunnels: TunnelServer;
  readonly #quic: QuicServer;

  constructor(options: HostOptions) {
    const { clock, stack, owner, ledger, random, makeCid, wire, side } = options;
    this.#options = options;
    this.owner = owner;
    this.station = new Station({
      clock,
      stack,
      transmit: (frame) => wire.send(side, frame),
      onEvent: (event) => {
        if (!sockets.handle(event)) application.handle(event);
      },
    });
    const application = new ServerApplication(clock, this.station, owner, ledger);
    stack.listen(STREAM_PORT);
    const sockets = new UdpSockets(this.station);
    const shared = { clock, sockets, owner, ledger };
    this.#tunnels = new TunnelServer({ ...shared, port: TUNNEL_PORT, random: random.fork("tunnels") });
    this.#quic = new QuicServer({ ...shared, port: QUIC_PORT, random: random.fork("quic"), makeCid });
    answerQueries(sockets, DNS_PORT);
    wire.plug(side, (frame) => this.station.receive(frame));
  }

  /** What its clients would lose if it were gone: connections, and sessions over UDP. */
  live(): LiveConnection[] {
    const connections = this.connections().filter(({ state }) => state !== "time-wait");
    return [...connections, ...this.#tunnels.live(), ...this.#quic.live()];
  }

  /** Its TCP connections with clients of the appliance now. */
  connections(): HostSocket[] {
    const { vips } = this.#options;
    return this.station.stack.sockets().filter((row) => vips.includes(row.localAddress)).flatMap(hostSocket);
  }

  /** The socket table as the blade's traffic manager reads it. */
  sockets(): HostSockets {
    const { clock, wire, nicQueueUs, readUs } = this.#options;
    const queueUs = wire.timing.latencyUs + wire.timing.jitterUs + nicQueueUs;
    return {
      read: (onRows) => {
        clock.after(readUs, () => {
          if (this.station.isOff) return;
          const rows = this.connections();
          clock.after(readUs, () => onRows(rows));
        });
      },
      // Its stack has no SYN cookies.
      cookiesSent: () => 0,
      // The supervisor's clock cuts off fractions of a millisecond: one more, to be sure.
      queueMs: Math.ceil(queueUs / US_PER_MS) + 1,
    };
  }
}

function hostSocket(row: SocketRow): HostSocket[] {
  const state = STATES[row.state];
  if (!state) return [];
  return [{ client: row.remoteAddress, clientPort: row.remotePort, vip: row.localAddress, vipPort: row.localPort, state }];
}
