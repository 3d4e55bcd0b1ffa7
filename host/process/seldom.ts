/** Keeps what anybody can cause, as often as they like, from filling a log. */
import type { Clock } from "../supervisor/environment.ts";

const AGAIN_MS = 60_000;
/** Texts that are remembered; with more, all are forgotten. */
const TEXTS_MAX = 256;

export class Seldom {
  readonly #clock: Pick<Clock, "now">;
  readonly #told = new Map<string, number>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Whether this is to be told: not when the same was less than a minute ago. */
  isNews(text: string): boolean {
    const now = this.#clock.now();
    const before = this.#told.get(text);
    if (before !== undefined && now - before < AGAIN_MS) return false;
    if (this.#told.size >= TEXTS_MAX) this.#told.clear();
    this.#told.set(text, now);
    return true;
  }
}
