/** The server behind the VIP: answers exchanges on every connection until its client closes. */
import type { VirtualClock } from "./clock.ts";
import { decodeRequest, REQUEST_BYTES } from "./exchange.ts";
import type { ConnectionRecord, Ledger } from "./ledger.ts";
import type { SocketEvent } from "./netstack.ts";
import type { Station } from "./station.ts";
import { Stream } from "./stream.ts";
import { receivePayload, sendPayload } from "./transfer.ts";

interface Session {
  readonly stream: Stream;
  readonly record: ConnectionRecord;
}

export class ServerApplication {
  readonly #clock: VirtualClock;
  readonly #station: Station;
  /** Owner that the host stands for. */
  readonly #owner: string;
  readonly #ledger: Ledger;
  readonly #sessions = new Map<number, Session>();

  constructor(clock: VirtualClock, station: Station, owner: string, ledger: Ledger) {
    this.#clock = clock;
    this.#station = station;
    this.#owner = owner;
    this.#ledger = ledger;
  }

  handle(event: SocketEvent): void {
    if (event.kind === "accepted") return this.#accept(event.id);
    const session = this.#sessions.get(event.id);
    if (!session) return;
    const { stream, record } = session;
    switch (event.kind) {
      case "writable":
        return stream.flush();
      case "readable":
        return stream.pull();
      case "peer-closed":
        // What is unread can be no request: the client closes after its last exchange.
        return stream.close();
      case "reset":
        // In LAST-ACK a reset tells the application nothing (RFC 9293, 3.10.7.4): its client has everything, and has
        // left TIME-WAIT while a last ACK was lost.
        if (record.outcome !== "done") record.break("reset", this.#clock.now);
        return this.#forget(event.id, session);
      case "closed":
        return this.#forget(event.id, session);
      case "connected":
        throw new Error("a server opens no connections");
    }
  }

  #accept(id: number): void {
    const row = this.#station.stack.sockets().find((socket) => socket.id === id);
    const record = row && this.#ledger.find(row.remoteAddress, row.remotePort);
    if (!record) throw new Error(`${this.#owner} has accepted a connection that no client has opened`);
    record.servedBy = this.#owner;
    const session = { stream: new Stream(this.#station, id), record };
    this.#sessions.set(id, session);
    this.#awaitRequest(session);
  }

  #awaitRequest(session: Session): void {
    const { stream, record } = session;
    stream.readWhole(REQUEST_BYTES, (bytes) => {
      const exchange = decodeRequest(bytes);
      if (!exchange) return record.break("corrupt", this.#clock.now);
      const onDone = (intact: boolean): void => {
        if (intact) this.#awaitRequest(session);
        else record.break("corrupt", this.#clock.now);
      };
      if (exchange.direction === "upload") receivePayload(stream, exchange, onDone);
      else sendPayload(this.#clock, stream, exchange, onDone);
    });
  }

  #forget(id: number, { stream, record }: Session): void {
    stream.end();
    record.closedUs = this.#clock.now;
    this.#sessions.delete(id);
    this.#station.stack.release(id);
  }
}
