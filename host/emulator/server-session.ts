/** A server's end of one connection: answers exchanges until the client closes. */
import type { VirtualClock } from "./clock.ts";
import { decodeRequest, REQUEST_BYTES } from "./exchange.ts";
import type { ConnectionRecord } from "./ledger.ts";
import type { ConnectionEvent } from "./netstack.ts";
import type { Stream } from "./stream.ts";
import { receivePayload, sendPayload } from "./transfer.ts";

export class ServerSession {
  readonly #clock: VirtualClock;
  readonly #stream: Stream;
  readonly #record: ConnectionRecord;

  /** Of a connection that is established with `owner`'s host. */
  constructor(clock: VirtualClock, stream: Stream, record: ConnectionRecord, owner: string) {
    this.#clock = clock;
    this.#stream = stream;
    this.#record = record;
    record.servedBy = owner;
    this.#awaitRequest();
  }

  /** Returns whether the connection is over: it can be forgotten. */
  handle(event: ConnectionEvent): boolean {
    switch (event) {
      case "writable":
        this.#stream.flush();
        return false;
      case "readable":
        this.#stream.pull();
        return false;
      case "peer-closed":
        // What is unread can be no request: the client closes after its last exchange.
        this.#stream.close();
        return false;
      case "reset":
        // In LAST-ACK a reset tells the application nothing (RFC 9293, 3.10.7.4): its client has everything, and has
        // left TIME-WAIT while a last ACK was lost.
        if (this.#record.outcome !== "done") this.#record.break("reset", this.#clock.now);
        return this.#end();
      case "closed":
        return this.#end();
      case "accepted":
      case "connected":
        throw new Error(`a session is made once it is ${event}`);
    }
  }

  #end(): true {
    this.#stream.end();
    this.#record.closedUs = this.#clock.now;
    return true;
  }

  #awaitRequest(): void {
    const stream = this.#stream;
    stream.readWhole(REQUEST_BYTES, (bytes) => {
      const exchange = decodeRequest(bytes);
      if (!exchange) return this.#record.break("corrupt", this.#clock.now);
      const onDone = (intact: boolean): void => {
        if (intact) this.#awaitRequest();
        else this.#record.break("corrupt", this.#clock.now);
      };
      if (exchange.direction === "upload") receivePayload(stream, exchange, onDone);
      else sendPayload(this.#clock, stream, exchange, onDone);
    });
  }
}
