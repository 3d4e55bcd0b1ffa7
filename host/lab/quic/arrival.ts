/** An answer on its way to a client. */
import { type Head, type Receipt, sha256, splitLine } from "./exchange.ts";

/** An answer that is silent for longer never comes. */
const SILENCE_MS_MAX = 10_000;

export class Arrival {
  readonly #bytesMax: number;
  readonly #whole: Promise<Buffer>;
  readonly #timer: NodeJS.Timeout;
  #resolve!: (whole: Buffer) => void;
  #reject!: (error: Error) => void;
  #received = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(() => this.fail(new Error("no answer")), SILENCE_MS_MAX);
  }

  take(bytes: Buffer, isLast: boolean): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    this.#timer.refresh();
    if (this.#received.length > this.#bytesMax) return this.fail(new Error("an answer is too long"));
    if (!isLast) return;
    clearTimeout(this.#timer);
    this.#resolve(this.#received);
  }

  fail(error: Error): void {
    clearTimeout(this.#timer);
    this.#reject(error);
  }

  /** The answer's first line, when all has come, and `body` went and came unchanged. Rejects otherwise. */
  async check(body: Buffer): Promise<Head> {
    const head = splitLine<Head>(await this.#whole);
    if (head === null) throw new Error("an answer has no first line");
    if (!head.rest.subarray(0, body.length).equals(body)) throw new Error(`an answer of ${body.length} bytes is not as it was sent`);
    const receipt = splitLine<Receipt>(head.rest.subarray(body.length));
    if (receipt === null || receipt.rest.length > 0) throw new Error("an answer has no last line");
    if (receipt.value.sha256 !== sha256(body)) throw new Error(`a request of ${body.length} bytes is not as it was sent`);
    return head.value;
  }
}
