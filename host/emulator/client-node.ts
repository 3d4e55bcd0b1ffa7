/** Client sites: each is an access network on one wire to the switch, each client on it a TCP/IP stack of its own. */
import { destinationOf, isGroup } from "./ethernet.ts";
import { ClientConnection } from "./client-connection.ts";
import type { VirtualClock } from "./clock.ts";
import type { Side, Wire } from "./fabric.ts";
import type { ConnectionRecord, Ledger } from "./ledger.ts";
import type { Netstack, SocketEvent } from "./netstack.ts";
import { QueryClient } from "./query/client.ts";
import { QuicClient } from "./quic/client.ts";
import type { Random } from "./random.ts";
import { SERVICE_PORTS } from "./service-ports.ts";
import { Station } from "./station.ts";
import { Stream } from "./stream.ts";
import { tcpCarrier } from "./tcp-carrier.ts";
import { TunnelClient } from "./tunnel/client.ts";
import { UdpSockets } from "./udp-sockets.ts";

const FIRST_CLIENT_PORT = 49_152;

export interface ClientOptions {
  readonly clock: VirtualClock;
  readonly stack: Netstack;
  readonly mac: string;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly transmit: (frame: Uint8Array) => void;
}

export class ClientNode {
  readonly mac: string;
  readonly station: Station;
  readonly #options: ClientOptions;
  /** By TCP socket. */
  readonly #connections = new Map<number, ClientConnection>();
  readonly #sockets: UdpSockets;
  #nextPort = FIRST_CLIENT_PORT;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.mac = options.mac;
    this.station = new Station({
      clock: options.clock,
      stack: options.stack,
      transmit: options.transmit,
      onEvent: (event) => this.#handle(event),
    });
    this.#sockets = new UdpSockets(this.station);
  }

  /** Opens a connection to the appliance, and lets it take its course. */
  open(record: ConnectionRecord): void {
    const { clock, ledger, random } = this.#options;
    const sockets = this.#sockets;
    const takePort = (): number => this.#nextPort++;
    const context = { clock, ledger, sockets, takePort, random: random.fork(`connection ${record.plan.id}`) };
    switch (record.plan.kind) {
      case "upload":
      case "download":
      case "idle":
        return this.#connect(record);
      case "udp":
        return void new TunnelClient(context, record);
      case "quic":
        return void new QuicClient(context, record);
      case "dns":
        return void new QueryClient(context, record);
    }
  }

  #connect(record: ConnectionRecord): void {
    const { clock, ledger } = this.#options;
    const { client, vip, kind } = record.plan;
    const port = this.#nextPort++;
    const id = this.station.stack.connect(clock.now, client, port, vip, SERVICE_PORTS[kind]);
    ledger.opened(record, port);
    const stream = new Stream(tcpCarrier(this.station, id));
    this.#connections.set(id, new ClientConnection(clock, stream, record));
    this.station.wake();
  }

  #handle(event: SocketEvent): void {
    if (this.#sockets.handle(event) || !this.#connections.get(event.id)?.handle(event.kind)) return;
    this.#connections.delete(event.id);
    this.station.stack.release(event.id);
  }
}

export class ClientSite {
  readonly #wire: Wire;
  readonly #side: Side;
  readonly #clients = new Map<string, ClientNode>();

  /** Plugs the site into its end of the wire. */
  constructor(wire: Wire, side: Side) {
    this.#wire = wire;
    this.#side = side;
    wire.plug(side, (frame) => this.#receive(frame));
  }

  add(client: ClientNode): void {
    this.#clients.set(client.mac, client);
  }

  /** For the clients' own frames. */
  transmit(frame: Uint8Array): void {
    this.#wire.send(this.#side, frame);
  }

  /** As an access switch that has learned its stations: only what is for a group reaches all of them. */
  #receive(frame: Uint8Array): void {
    const destination = destinationOf(frame);
    if (!isGroup(frame)) return this.#clients.get(destination)?.station.receive(frame);
    for (const client of this.#clients.values()) client.station.receive(frame);
  }
}
