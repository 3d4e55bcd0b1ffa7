/**
 * A time-out that is not fooled by its own process. One that has slept (a suspended machine, a long stop, no CPU) finds what
 * came meanwhile still unread, and the other end may have slept as well: the time that passed then was nobody's fault.
 */

/** A sleep of any length takes no more than one part of the time. */
const PARTS = 5;

export class Deadline {
  readonly #partMs: number;
  readonly #onOver: () => void;
  #left = PARTS;
  #timer: NodeJS.Timeout | null;
  #immediate: NodeJS.Immediate | null = null;

  /** It runs. `onOver` is called once, when `ms` have passed since it was made or renewed. */
  constructor(ms: number, onOver: () => void) {
    this.#partMs = ms / PARTS;
    this.#onOver = onOver;
    this.#timer = setTimeout(() => this.#pass(), this.#partMs);
  }

  /** All its time again, unless it is over. */
  renew(): void {
    if (this.#timer === null) return;
    this.#left = PARTS;
    this.#timer.refresh();
    if (this.#immediate) clearImmediate(this.#immediate);
    this.#immediate = null;
  }

  cancel(): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#immediate) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
  }

  #pass(): void {
    if (--this.#left > 0) {
      this.#timer!.refresh();
      return;
    }
    // What has come is read first: timers go before it.
    this.#immediate = setImmediate(() => {
      this.cancel();
      this.#onOver();
    });
  }
}
