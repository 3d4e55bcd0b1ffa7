/** What happened, numbered: the journal that callers read. It is kept with the state, so that what was said of a drain is
 *  there after a restart too. */
import type { Journal } from "../supervisor/environment.ts";

export interface EventRecord {
  /** 1 for the first ever; one more each. */
  readonly n: number;
  /** RFC 3339. */
  readonly at: string;
  readonly event: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Where events are kept: `SqliteStore`, or nothing. */
export interface EventStore {
  note(at: number, event: string, details: EventRecord["details"]): void;
  /** Durable when it returns. */
  flush(): void;
  /** The newest `count`, oldest first. */
  journal(count: number): readonly (Omit<EventRecord, "n" | "at"> & { readonly number: number; readonly at: number })[];
}

export interface EventLogOptions {
  readonly store: EventStore | null;
  /** Told too: the process's log. */
  readonly also: Journal;
  /** Epoch, ms. */
  readonly now: () => number;
}

/** So many are at hand. */
export const EVENTS_MAX = 10_000;

export class EventLog implements Journal {
  readonly #options: EventLogOptions;
  #records: EventRecord[];
  #last: number;

  constructor(options: EventLogOptions) {
    this.#options = options;
    const kept = options.store?.journal(EVENTS_MAX) ?? [];
    this.#records = kept.map(({ number, at, event, details }) => ({ n: number, at: new Date(at).toISOString(), event, details }));
    this.#last = this.#records.at(-1)?.n ?? 0;
  }

  /** Number of the newest; 0: there is none. */
  get last(): number {
    return this.#last;
  }

  note(event: string, details: EventRecord["details"]): void {
    const { store, also, now } = this.#options;
    const at = now();
    this.#records.push({ n: ++this.#last, at: new Date(at).toISOString(), event, details });
    // Not at every one: shifting a long list is slow.
    if (this.#records.length > EVENTS_MAX * 1.5) this.#records = this.#records.slice(-EVENTS_MAX);
    store?.note(at, event, details);
    also.note(event, details);
  }

  /** The oldest `limit` of those that came after number `after`. Durable: no other event ever gets a number that a caller
   *  has seen. Throws E_STATE_WRITE. */
  after(after: number, limit: number): readonly EventRecord[] {
    this.#options.store?.flush();
    const first = this.#records[0];
    if (first === undefined) return [];
    const start = Math.max(0, after - first.n + 1);
    return this.#records.slice(start, start + limit);
  }
}
