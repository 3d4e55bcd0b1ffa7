/**
 * Drains that have begun: a blade goes offline when no history names it any more, or at its deadline. Then its live
 * connections are counted, so that it can be said how many were cut.
 */
import type { Cancel, Clock } from "./environment.ts";
import type { Order } from "./messages.ts";

export interface DrainsOptions {
  readonly clock: Clock;
  readonly retryMs: number;
  readonly send: (to: string, order: Order) => void;
  /** A blade is at its end: it has `live` connections; null: it did not say. */
  readonly onCounted: (blade: string, live: number | null) => void;
}

interface Drain {
  /** ms; null: none. */
  readonly deadline: number | null;
  readonly owners: readonly string[];
  /** Of the deadline, or of the next time to ask. */
  cancel: Cancel;
  /** Times that the count may still be asked for; null: it is not wanted yet. */
  asksLeft: number | null;
}

const ASKS_MAX = 10;

export class Drains {
  readonly #options: DrainsOptions;
  readonly #drains = new Map<string, Drain>();

  constructor(options: DrainsOptions) {
    this.#options = options;
  }

  begin(blade: string, owners: readonly string[], deadline: number | null): void {
    const { clock } = this.#options;
    const drain: Drain = { deadline, owners, cancel: () => undefined, asksLeft: null };
    this.#drains.set(blade, drain);
    if (deadline !== null) drain.cancel = clock.after(Math.max(0, deadline - clock.now()), () => this.end(blade));
  }

  deadlineOf(blade: string): number | null {
    return this.#drains.get(blade)?.deadline ?? null;
  }

  /** Ends the drain now: has the live connections counted. */
  end(blade: string): void {
    const drain = this.#drains.get(blade);
    if (!drain || drain.asksLeft !== null) return;
    drain.cancel();
    drain.asksLeft = ASKS_MAX;
    this.#ask(blade, drain);
  }

  counted(blade: string, live: number): void {
    const drain = this.#drains.get(blade);
    if (drain && drain.asksLeft !== null) this.#finish(blade, drain, live);
  }

  /** The blade is offline. */
  forget(blade: string): void {
    this.#drains.get(blade)?.cancel();
    this.#drains.delete(blade);
  }

  #ask(blade: string, drain: Drain): void {
    if (drain.asksLeft === 0) return this.#finish(blade, drain, null);
    drain.asksLeft = drain.asksLeft! - 1;
    drain.cancel = this.#options.clock.after(this.#options.retryMs, () => this.#ask(blade, drain));
    this.#options.send(blade, { kind: "count", owners: drain.owners });
  }

  #finish(blade: string, drain: Drain, live: number | null): void {
    drain.cancel();
    this.#drains.delete(blade);
    this.#options.onCounted(blade, live);
  }
}
