/** The links to the shims of switches. Only the leading traffic manager uses them, so each is there only while somebody
 *  asks for it. */
import type { DobbsError } from "../errors.ts";
import type { Layout } from "../engine/layout.ts";
import { ShimChannel } from "../shim/shim-channel.ts";
import type { Cancel, Clock } from "../supervisor/environment.ts";
import type { SwitchChannel } from "../switches/linked-switch.ts";
import type { Credentials } from "../transport/credentials.ts";
import { parseLinkWord } from "../transport/word.ts";

/** Longer than there is between two questions of who leads. */
const IDLE_MS = 10_000;

export class LazySwitchChannel implements SwitchChannel {
  readonly #clock: Clock;
  readonly #open: () => ShimChannel;
  #channel: ShimChannel | null = null;
  #usedAt = 0;
  #cancelIdle: Cancel = () => undefined;
  #closed = false;

  /** Throws E_LINK_WORD and E_TLS_MISSING. */
  constructor(word: string, credentials: Credentials | null, clock: Clock, onProblem: (problem: DobbsError) => void) {
    const link = parseLinkWord(word);
    this.#clock = clock;
    this.#open = () => new ShimChannel({ word: link, credentials, onProblem });
  }

  /** Asking opens it: a little later it may be. */
  get connected(): boolean {
    return this.#used()?.connected ?? false;
  }

  get layout(): Layout {
    return this.#channel!.layout;
  }

  request(message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void {
    this.#used()?.request(message, onAnswer);
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#end();
  }

  #used(): ShimChannel | null {
    if (this.#closed) return null;
    this.#usedAt = this.#clock.now();
    if (!this.#channel) {
      this.#channel = this.#open();
      this.#watch(IDLE_MS);
    }
    return this.#channel;
  }

  #watch(ms: number): void {
    this.#cancelIdle = this.#clock.after(ms, () => {
      const left = this.#usedAt + IDLE_MS - this.#clock.now();
      if (left > 0) this.#watch(left);
      else this.#end();
    });
  }

  #end(): void {
    this.#cancelIdle();
    this.#channel?.close();
    this.#channel = null;
  }
}
