/** The server behind the VIP, over TCP: a session for each connection that is accepted. */
import type { VirtualClock } from "./clock.ts";
import type { Ledger } from "./ledger.ts";
import type { SocketEvent } from "./netstack.ts";
import { ServerSession } from "./server-session.ts";
import type { Station } from "./station.ts";
import { Stream } from "./stream.ts";
import { tcpCarrier } from "./tcp-carrier.ts";

export class ServerApplication {
  readonly #clock: VirtualClock;
  readonly #station: Station;
  /** Owner that the host stands for. */
  readonly #owner: string;
  readonly #ledger: Ledger;
  /** By socket. */
  readonly #sessions = new Map<number, ServerSession>();

  constructor(clock: VirtualClock, station: Station, owner: string, ledger: Ledger) {
    this.#clock = clock;
    this.#station = station;
    this.#owner = owner;
    this.#ledger = ledger;
  }

  handle({ id, kind }: SocketEvent): void {
    if (kind === "accepted") return this.#accept(id);
    if (!this.#sessions.get(id)?.handle(kind)) return;
    this.#sessions.delete(id);
    this.#station.stack.release(id);
  }

  #accept(id: number): void {
    const row = this.#station.stack.sockets().find((socket) => socket.id === id);
    const record = row && this.#ledger.find(row.remoteAddress, row.remotePort);
    if (!record) throw new Error(`${this.#owner} has accepted a connection that no client has opened`);
    const stream = new Stream(tcpCarrier(this.#station, id));
    this.#sessions.set(id, new ServerSession(this.#clock, stream, record, this.#owner));
  }
}
