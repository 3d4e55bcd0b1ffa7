/** What a server answers on the streams of one connection. */
import type { QuicConnection } from "./connection.ts";
import { BODY_BYTES_MAX, bodyOf, line, LINES_BYTES_MAX, type Question, sha256, splitLine, writeAtPace } from "./exchange.ts";

interface Stream {
  received: Buffer;
  /** null: the client's line has not come to its end. */
  bytes: number | null;
  isReceived: boolean;
  isWritten: boolean;
}

export class Answers {
  readonly #name: string;
  readonly #connection: () => QuicConnection;
  readonly #streams = new Map<number, Stream>();

  /** `name`: of the server. */
  constructor(name: string, connection: () => QuicConnection) {
    this.#name = name;
    this.#connection = connection;
  }

  take(id: number, chunk: Buffer, isLast: boolean): void {
    const stream = this.#streams.get(id) ?? { received: Buffer.alloc(0), bytes: null, isReceived: false, isWritten: false };
    this.#streams.set(id, stream);
    stream.received = Buffer.concat([stream.received, chunk]);
    stream.isReceived = isLast;
    if (stream.bytes === null) this.#begin(id, stream);
    if (stream.received.length > LINES_BYTES_MAX + (stream.bytes ?? 0)) return this.#connection().close("more than was announced");
    this.#finish(id, stream);
  }

  #begin(id: number, stream: Stream): void {
    const bytes = announced(stream.received);
    if (bytes === null) return;
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > BODY_BYTES_MAX) return this.#connection().close("not a number of bytes");
    const { peer } = this.#connection();
    stream.bytes = bytes;
    this.#connection().write(id, line({ name: this.#name, peer: peer?.host ?? "" }), false);
    void writeAtPace(bodyOf(bytes), (chunk, isLast) => {
      this.#connection().write(id, chunk, false);
      stream.isWritten = isLast;
      this.#finish(id, stream);
    });
  }

  /** The last line, when there is nothing before it any more. */
  #finish(id: number, stream: Stream): void {
    if (!stream.isReceived || !stream.isWritten || !this.#streams.delete(id)) return;
    const { rest } = splitLine(stream.received)!;
    this.#connection().write(id, line({ sha256: sha256(rest) }), true);
  }
}

/** null: not as yet. NaN: it is no question. */
function announced(received: Buffer): number | null {
  try {
    const question = splitLine<Question>(received);
    return question && Number(question.value.bytes);
  } catch {
    return NaN;
  }
}
