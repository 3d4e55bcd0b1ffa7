/** A server's host, or a VM of it: a TCP/IP stack behind a blade's host port that answers for the VIP. */
import type { HostSocket, HostSockets } from "../supervisor/environment.ts";
import { US_PER_MS, type VirtualClock } from "./clock.ts";
import type { Side, Wire } from "./fabric.ts";
import type { Ledger } from "./ledger.ts";
import type { Netstack, SocketRow, TcpState } from "./netstack.ts";
import { ServerApplication } from "./server-application.ts";
import { Station } from "./station.ts";

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
  readonly port: number;
  readonly ledger: Ledger;
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

  constructor(options: HostOptions) {
    const { clock, stack, owner, ledger, wire, side } = options;
    this.#options = options;
    this.owner = owner;
    this.station = new Station({
      clock,
      stack,
      transmit: (frame) => wire.send(side, frame),
      onEvent: (event) => application.handle(event),
    });
    const application = new ServerApplication(clock, this.station, owner, ledger);
    stack.listen(options.port);
    wire.plug(side, (frame) => this.station.receive(frame));
  }

  /** Its connections with clients of the appliance now. */
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
