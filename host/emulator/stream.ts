/** A connection as an application sees it: writes wait for room, reads come in the sizes that are asked for. */

/** What carries the bytes: a TCP socket, or a stream of a QUIC connection. */
export interface Carrier {
  /** Returns how many bytes it took; there is a `writable` when it has room again. */
  send(bytes: Uint8Array): number;
  /** Up to `max` bytes that have arrived; empty when there are none. */
  receive(max: number): Uint8Array;
  /** Ends this direction, after what was sent. */
  close(): void;
}

/** What is read next: `left` bytes, handed to `each` as they come, and then `done`. */
interface Wanted {
  left: number;
  readonly each: (bytes: Uint8Array) => void;
  readonly done: () => void;
}

export class Stream {
  readonly #carrier: Carrier;
  readonly #unsent: Uint8Array[] = [];
  #wanted: Wanted | null = null;
  #pulling = false;
  #closed = false;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** No more can be read or written. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether all that was written has gone to the carrier. */
  get isDrained(): boolean {
    return this.#unsent.length === 0;
  }

  write(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    this.flush();
  }

  /** Reads `length` bytes, handing them on as they come. One read at a time. */
  read(length: number, each: (bytes: Uint8Array) => void, done: () => void): void {
    if (this.#wanted) throw new Error("a read is under way");
    this.#wanted = { left: length, each, done };
    this.pull();
  }

  /** Reads `length` bytes and hands them on together. */
  readWhole(length: number, done: (bytes: Uint8Array) => void): void {
    const parts: Uint8Array[] = [];
    this.read(length, (bytes) => parts.push(bytes), () => done(Buffer.concat(parts)));
  }

  /** Sends FIN. All that was written must have been drained. */
  close(): void {
    if (!this.#closed) this.#carrier.close();
  }

  /** The connection is over. */
  end(): void {
    this.#closed = true;
    this.#unsent.length = 0;
    this.#wanted = null;
  }

  /** Hands what is unsent to the carrier, as far as it has room. */
  flush(): void {
    if (this.#closed) return;
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const taken = this.#carrier.send(bytes);
      if (taken < bytes.length) {
        this.#unsent[0] = bytes.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  /** Takes what has arrived, as far as it is wanted. */
  pull(): void {
    // `done` may ask for the next read: that goes on in this loop, and not in a call within it.
    if (this.#pulling) return;
    this.#pulling = true;
    while (this.#wanted && !this.#closed) {
      const wanted = this.#wanted;
      if (wanted.left > 0) {
        const bytes = this.#carrier.receive(wanted.left);
        if (bytes.length === 0) break;
        wanted.left -= bytes.length;
        wanted.each(bytes);
      } else {
        this.#wanted = null;
        wanted.done();
      }
    }
    this.#pulling = false;
  }
}
