/** A QUIC connection of quiche's, driven: its datagrams, its timer, its streams and its supply of connection ids. */
import { randomBytes } from "node:crypto";
import type { Place } from "./place.ts";
import { type Connection, quiche } from "./quiche.ts";

export interface ConnectionOwner {
  send(datagram: Uint8Array, from: Place, to: Place): void;
  /** Bytes of a stream have come; `isLast`: no others will. */
  take(stream: number, bytes: Buffer, isLast: boolean): void;
  /** A connection id that the other end may use from now on. */
  makeId(): Uint8Array;
  /** The other end does not use it any more. */
  retireId(id: Uint8Array): void;
  /** Called once. `problem` is null when the connection was closed in order, by either end. */
  end(problem: string | null): void;
}

const READ_BYTES = 16_384;
const RESET_TOKEN_BYTES = 16;
/** In order. */
const NO_ERROR = 0;

export class QuicConnection {
  readonly #quiche: Connection;
  readonly #owner: ConnectionOwner;
  /** By stream, what it still has to send. */
  readonly #unsent = new Map<number, { bytes: Buffer; isLast: boolean }>();
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;

  /** Of a client's, it begins with `advance`. */
  constructor(connection: Connection, owner: ConnectionOwner) {
    this.#quiche = connection;
    this.#owner = owner;
  }

  /** Whether there is a connection id for another address. */
  get canChangeAddress(): boolean {
    return this.#quiche.isEstablished() && this.#quiche.availableDcids() > 0;
  }

  /** The other end's address, as it is now. */
  get peer(): Place | undefined {
    return this.#quiche.pathStats().find(({ active }) => active)?.peerHost;
  }

  receive(datagram: Buffer, from: Place, to: Place): void {
    if (this.#isEnded) return;
    try {
      this.#quiche.recv(datagram, { from, to });
    } catch {
      // What cannot be read is dropped. Where it must, quiche has closed the connection, and `advance` tells.
    }
    this.#read();
    this.advance();
  }

  write(stream: number, bytes: Buffer, isLast: boolean): void {
    const before = this.#unsent.get(stream)?.bytes ?? Buffer.alloc(0);
    this.#unsent.set(stream, { bytes: Buffer.concat([before, bytes]), isLast });
    this.advance();
  }

  /** Goes on from another address of ours. Throws Error: `canChangeAddress` was not so. */
  changeAddress(from: Place, to: Place): void {
    this.#quiche.migrate(from, to);
    this.advance();
  }

  close(reason = ""): void {
    if (!this.#isEnded && !this.#quiche.isDraining()) this.#quiche.close(true, reason === "" ? NO_ERROR : 1, Buffer.from(reason));
    this.advance();
  }

  /** Does whatever can be done by now. */
  advance(): void {
    if (this.#isEnded) return;
    if (this.#quiche.isEstablished()) {
      this.#supplyIds();
      for (const stream of this.#unsent.keys()) this.#writeOn(stream);
    }
    this.#send();
    clearTimeout(this.#timer);
    if (this.#quiche.isClosed()) return this.#end();
    const afterMs = this.#quiche.timeout();
    if (afterMs !== null) this.#timer = setTimeout(() => this.#expire(), Math.ceil(afterMs));
  }

  #expire(): void {
    this.#quiche.onTimeout();
    this.advance();
  }

  #supplyIds(): void {
    for (let id = this.#quiche.retiredScidNext(); id !== null; id = this.#quiche.retiredScidNext()) this.#owner.retireId(id);
    while (this.#quiche.sourceCidsLeft() > 0) {
      const resetToken = BigInt(`0x${randomBytes(RESET_TOKEN_BYTES).toString("hex")}`);
      this.#quiche.newSourceCid(this.#owner.makeId(), resetToken, false);
    }
  }

  #read(): void {
    const buffer = Buffer.alloc(READ_BYTES);
    for (const stream of this.#quiche.readable()) {
      for (let isLast = false; !isLast; ) {
        const read = this.#readOn(stream, buffer);
        if (read === null) break;
        isLast = read[1];
        this.#owner.take(stream, Buffer.from(buffer.subarray(0, read[0])), isLast);
      }
    }
  }

  /** null: nothing there as yet, or the other end has given the stream up. */
  #readOn(stream: number, buffer: Buffer): [number, boolean] | null {
    try {
      return this.#quiche.streamRecv(stream, buffer);
    } catch {
      return null;
    }
  }

  #writeOn(stream: number): void {
    const { bytes, isLast } = this.#unsent.get(stream)!;
    let written: number | null;
    try {
      written = this.#quiche.streamSend(stream, bytes, isLast);
    } catch {
      // The other end wants no more of it.
      written = bytes.length;
    }
    if (written === bytes.length) this.#unsent.delete(stream);
    else this.#unsent.set(stream, { bytes: bytes.subarray(written ?? 0), isLast });
  }

  #send(): void {
    for (;;) {
      const datagram = Buffer.alloc(quiche.MAX_DATAGRAM_SIZE);
      const sent = this.#quiche.send(datagram);
      if (sent === null) return;
      const [bytes, { from, to }] = sent;
      this.#owner.send(datagram.subarray(0, bytes), from, to);
    }
  }

  #end(): void {
    this.#isEnded = true;
    const error = this.#quiche.peerError() ?? this.#quiche.localError();
    if (error === null) this.#owner.end(this.#quiche.isTimedOut() ? "the connection has timed out" : "the connection was not established");
    else if (error.isApp && error.errorCode === NO_ERROR) this.#owner.end(null);
    else this.#owner.end(`the connection was closed: error ${error.errorCode} ${Buffer.from(error.reason).toString()}`.trimEnd());
  }
}
