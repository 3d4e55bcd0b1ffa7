/** One connection of a client: its exchanges one after the other, with silences between them, and then the end. */
import type { VirtualClock } from "./clock.ts";
import { encodeRequest, type Exchange } from "./exchange.ts";
import type { ConnectionRecord } from "./ledger.ts";
import type { ConnectionEvent } from "./netstack.ts";
import type { Stream } from "./stream.ts";
import { receivePayload, sendPayload } from "./transfer.ts";

export class ClientConnection {
  readonly #clock: VirtualClock;
  readonly #stream: Stream;
  readonly #record: ConnectionRecord;
  #next = 0;

  constructor(clock: VirtualClock, stream: Stream, record: ConnectionRecord) {
    this.#clock = clock;
    this.#stream = stream;
    this.#record = record;
  }

  /** Returns whether the connection is over: its socket can be forgotten. */
  handle(event: ConnectionEvent): boolean {
    const record = this.#record;
    switch (event) {
      case "connected":
        record.outcome = "open";
        record.establishedUs = this.#clock.now;
        this.#exchange();
        return false;
      case "writable":
        this.#stream.flush();
        return false;
      case "readable":
        this.#stream.pull();
        return false;
      case "peer-closed":
        this.#peerClosed();
        return false;
      case "reset":
        this.#stream.end();
        record.break("reset", this.#clock.now);
        return true;
      case "closed":
        this.#stream.end();
        this.#peerClosed();
        return true;
      case "accepted":
        throw new Error("a client does not listen");
    }
  }

  /** In order when the client has closed its side; servers close after their clients. */
  #peerClosed(): void {
    const record = this.#record;
    if (record.outcome === "closing") record.outcome = "done";
    else if (record.outcome === "open") record.break("corrupt", this.#clock.now);
  }

  #exchange(): void {
    const { exchanges, keeps } = this.#record.plan;
    const turn = this.#next++;
    if (turn >= exchanges.length && !keeps) return this.#close();
    const { exchange, silenceUs } = exchanges[turn % exchanges.length]!;
    this.#turn(false);
    this.#stream.write(encodeRequest(exchange));
    this.#transfer(exchange, (intact) => {
      if (!intact) return this.#record.break("corrupt", this.#clock.now);
      this.#record.bytes += exchange.length;
      this.#turn(silenceUs > 0);
      if (silenceUs === 0) return this.#exchange();
      this.#clock.after(silenceUs, () => {
        if (!this.#stream.isClosed) this.#exchange();
      });
    });
  }

  #transfer(exchange: Exchange, onDone: (intact: boolean) => void): void {
    if (exchange.direction === "upload") sendPayload(this.#clock, this.#stream, exchange, onDone);
    else receivePayload(this.#stream, exchange, onDone);
  }

  #turn(silent: boolean): void {
    this.#record.silent = silent;
    this.#record.lastActionUs = this.#clock.now;
  }

  #close(): void {
    this.#record.outcome = "closing";
    this.#stream.close();
  }
}
