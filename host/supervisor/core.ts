/**
 * What the parts of the appliance manager share: its state, and the rule that nothing is done before the state that it
 * follows from has been saved. Everything happens in turns: an event comes in, the state changes, it is saved, and then
 * messages go out and people are told.
 */
import type { Cancel, Clock, Journal, Peers, Store } from "./environment.ts";
import type { ManagerMessage, Order } from "./messages.ts";
import type { ApplianceState } from "./state.ts";
import type { Timing } from "./timing.ts";
import { Watch } from "./watch.ts";

export interface CoreOptions {
  readonly clock: Clock;
  readonly peers: Peers<ManagerMessage>;
  readonly journal: Journal;
  /** Null: the state is lost with the process. */
  readonly store: Store | null;
  readonly timing: Timing;
}

type Details = Readonly<Record<string, string | number | boolean>>;

export class Core {
  readonly timing: Timing;
  readonly watch: Watch;
  readonly #options: CoreOptions;
  readonly #timers = new Set<Cancel>();
  readonly #outbox: (() => void)[] = [];
  #state: ApplianceState;
  #saved: ApplianceState | null;
  #inTurn = false;
  #delivering = false;

  /** `isSaved`: the state comes from the store. */
  constructor(options: CoreOptions, state: ApplianceState, isSaved: boolean) {
    this.#options = options;
    this.timing = options.timing;
    this.watch = new Watch(options.timing.silentMs);
    this.#state = state;
    this.#saved = isSaved ? state : null;
  }

  get now(): number {
    return this.#options.clock.now();
  }

  get state(): ApplianceState {
    return this.#state;
  }

  /** Only in a turn. */
  change(part: Partial<ApplianceState>): void {
    this.#state = { ...this.#state, ...part };
  }

  /** Runs `work`, saves the state if it has changed, and does what `work` has asked for, in order. */
  turn(work: () => void): void {
    if (this.#inTurn) return work();
    this.#inTurn = true;
    try {
      work();
      if (this.#state !== this.#saved) this.#options.store?.save(this.#state);
      this.#saved = this.#state;
    } catch (error) {
      this.#outbox.length = 0;
      throw error;
    } finally {
      this.#inTurn = false;
    }
    this.#deliver();
  }

  /** To be done once the state is saved. */
  after(action: () => void): void {
    this.#outbox.push(action);
  }

  send(to: string, order: Order): void {
    this.after(() => this.#options.peers.send(to, order));
  }

  note(event: string, details: Details): void {
    this.after(() => this.#options.journal.note(event, details));
  }

  /** A turn of its own, in `ms`. */
  timer(ms: number, work: () => void): Cancel {
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(cancel);
      this.turn(work);
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  /** Ends all timers. */
  stop(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** What is done may be a turn of its own: what that asks for comes after what is waiting here. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let action = this.#outbox.shift(); action; action = this.#outbox.shift()) action();
    } finally {
      this.#delivering = false;
    }
  }
}
