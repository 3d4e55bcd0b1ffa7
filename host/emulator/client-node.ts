/** Client sites: each is an access network on one wire to the switch, each client on it a TCP/IP stack of its own. */
import { BROADCAST_MAC, destinationOf } from "./ethernet.ts";
import { ClientConnection } from "./client-connection.ts";
import type { VirtualClock } from "./clock.ts";
import type { Side, Wire } from "./fabric.ts";
import type { ConnectionRecord, Ledger } from "./ledger.ts";
import type { Netstack, SocketEvent } from "./netstack.ts";
import { Station } from "./station.ts";
import { Stream } from "./stream.ts";

const FIRST_CLIENT_PORT = 49_152;

export interface ClientOptions {
  readonly clock: VirtualClock;
  readonly stack: Netstack;
  readonly address: string;
  readonly mac: string;
  readonly ledger: Ledger;
  readonly transmit: (frame: Uint8Array) => void;
}

export class ClientNode {
  readonly address: string;
  readonly mac: string;
  readonly station: Station;
  readonly #options: ClientOptions;
  readonly #sockets = new Map<number, { stream: Stream; connection: ClientConnection }>();
  #nextPort = FIRST_CLIENT_PORT;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.address = options.address;
    this.mac = options.mac;
    this.station = new Station({
      clock: options.clock,
      stack: options.stack,
      transmit: options.transmit,
      onEvent: (event) => this.#handle(event),
    });
  }

  /** Opens a connection to the appliance, and lets it take its course. */
  open(record: ConnectionRecord, vip: string, vipPort: number): void {
    const { clock, ledger } = this.#options;
    const port = this.#nextPort++;
    const id = this.station.stack.connect(clock.now, this.address, port, vip, vipPort);
    ledger.opened(record, port);
    const stream = new Stream(this.station, id);
    this.#sockets.set(id, { stream, connection: new ClientConnection(clock, stream, record) });
    this.station.wake();
  }

  #handle(event: SocketEvent): void {
    if (!this.#sockets.get(event.id)?.connection.handle(event)) return;
    this.#sockets.delete(event.id);
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

  /** As an access switch that has learned its stations: only broadcasts reach all of them. */
  #receive(frame: Uint8Array): void {
    const destination = destinationOf(frame);
    if (destination !== BROADCAST_MAC) return this.#clients.get(destination)?.station.receive(frame);
    for (const client of this.#clients.values()) client.station.receive(frame);
  }
}
