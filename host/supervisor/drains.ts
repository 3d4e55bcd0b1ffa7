/**
 * Drains that have begun: a blade goes offline when no history names it any more, or at its deadline. Then its live
 * connections are counted, so that it can be said how many were cut.
 */
import type { Core } from "./core.ts";
import type { Cancel } from "./environment.ts";
import type { DrainState } from "./state.ts";

/** A blade is at its end: it has `live` connections; null: it did not say. */
export type OnCounted = (blade: string, live: number | null) => void;

const ASKS_MAX = 10;

export class Drains {
  readonly #core: Core;
  readonly #onCounted: OnCounted;
  /** By blade: of the deadline, or of the next time to ask. */
  readonly #cancels = new Map<string, Cancel>();

  constructor(core: Core, onCounted: OnCounted) {
    this.#core = core;
    this.#onCounted = onCounted;
  }

  begin(blade: string, owners: readonly string[], deadline: number | null): void {
    const drain = { owners, deadline, counting: false };
    this.#change(blade, drain);
    this.#await(blade, drain);
  }

  /** Goes on after the appliance manager was started anew. */
  resume(): void {
    for (const [blade, drain] of Object.entries(this.#core.state.drains)) {
      if (drain.counting) this.#ask(blade, drain, ASKS_MAX);
      else this.#await(blade, drain);
    }
  }

  /** Ends the drain now: has the live connections counted. */
  end(blade: string): void {
    const drain = this.#core.state.drains[blade];
    if (!drain || drain.counting) return;
    this.#change(blade, { ...drain, counting: true });
    this.#ask(blade, drain, ASKS_MAX);
  }

  counted(blade: string, live: number): void {
    if (this.#core.state.drains[blade]?.counting) this.#finish(blade, live);
  }

  /** The blade is offline, or has failed. */
  forget(blade: string): void {
    this.#cancel(blade);
    const { [blade]: gone, ...drains } = this.#core.state.drains;
    if (gone) this.#core.change({ drains });
  }

  #await(blade: string, { deadline }: DrainState): void {
    if (deadline === null) return;
    this.#cancels.set(blade, this.#core.timer(Math.max(0, deadline - this.#core.now), () => this.end(blade)));
  }

  #ask(blade: string, drain: DrainState, asksLeft: number): void {
    this.#cancel(blade);
    if (asksLeft === 0) return this.#finish(blade, null);
    const again = (): void => this.#ask(blade, drain, asksLeft - 1);
    this.#cancels.set(blade, this.#core.timer(this.#core.timing.retryMs, again));
    this.#core.send(blade, { kind: "count", owners: drain.owners });
  }

  #finish(blade: string, live: number | null): void {
    this.forget(blade);
    this.#onCounted(blade, live);
  }

  #change(blade: string, drain: DrainState): void {
    this.#core.change({ drains: { ...this.#core.state.drains, [blade]: drain } });
  }

  #cancel(blade: string): void {
    this.#cancels.get(blade)?.();
    this.#cancels.delete(blade);
  }
}
