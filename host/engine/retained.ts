/**
 * The management messages that bring a restarted image back to where it was. What to keep the image itself says, in
 * the `retain` bits of its answers; the messages are bytes here.
 */

/** The bits of one answer, decoded by the image's own values. */
export interface Retain {
  readonly begin: boolean;
  readonly hold: boolean;
  readonly close: boolean;
  readonly key: number;
}

/** Groups in the order in which they were closed; at most one a key. */
export class Retained {
  readonly #groups = new Map<number, readonly Uint8Array[]>();
  /** Held back since the last BEGIN. */
  #pending: Uint8Array[] = [];

  /** Acts on the answer to `request`: BEGIN, then HOLD, then CLOSE. */
  note(request: Uint8Array, { begin, hold, close, key }: Retain): void {
    if (begin) this.#pending = [];
    if (hold) this.#pending.push(request);
    if (close) {
      this.#groups.delete(key);
      this.#groups.set(key, this.#pending);
      this.#pending = [];
    }
  }

  /** Forgets what is held back but not closed: the image that staged it is gone. */
  abandonPending(): void {
    this.#pending = [];
  }

  /** Forgets all that is retained under a key; half a table is worth nothing. */
  forget(key: number): void {
    this.#groups.delete(key);
  }

  /** In the order of replay. */
  *messages(): Generator<{ key: number; message: Uint8Array }> {
    for (const [key, messages] of this.#groups) {
      for (const message of messages) yield { key, message };
    }
  }
}
