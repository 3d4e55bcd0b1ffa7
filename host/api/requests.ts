/** Requests to the appliance manager that are under way, and what became of the last ones. */
import { DobbsError } from "../errors.ts";
import { errorBody, internalError } from "./errors.ts";

/** Given to a request; called once, when it is known what became of it. `cut`: of one that may cut live connections. */
export type OnOutcome = (error: DobbsError | null, cut?: number) => void;

export interface RequestDocument {
  readonly id: string;
  readonly request: string;
  readonly state: "waiting" | "done" | "refused";
  /** Of one that is done and might have cut live connections: how many it has. */
  readonly cut?: number;
  readonly error?: { readonly code: string; readonly message: string; readonly mend: string };
}

interface Entry {
  readonly id: string;
  readonly request: string;
  outcome: { readonly error: DobbsError | null; readonly cut: number | undefined } | null;
  readonly waiters: Set<() => void>;
}

/** Requests that may be under way at once, and outcomes that are remembered. */
const WAITING_MAX = 64;
const KEPT_MAX = 1_000;

export class Requests {
  /** Tells the ids of this process from those of the one before. */
  readonly #run: string;
  readonly #entries = new Map<string, Entry>();
  #made = 0;
  #waiting = 0;

  constructor(run: string) {
    this.#run = run;
  }

  /** Begins one. `request` says in a few words what is asked. `isUrgent`: it is begun however many wait. Returns its id. Throws E_API_BUSY, and
   *  what `run` throws that is no DobbsError. */
  begin(request: string, run: (onOutcome: OnOutcome) => void, isUrgent = false): string {
    if (this.#waiting >= WAITING_MAX && !isUrgent) {
      throw new DobbsError("E_API_BUSY", `${WAITING_MAX} requests are waiting already`, "Ask again when some are done.", 1);
    }
    const entry: Entry = { id: `${this.#run}-${++this.#made}`, request, outcome: null, waiters: new Set() };
    this.#entries.set(entry.id, entry);
    this.#waiting++;
    try {
      run((error, cut) => this.#settle(entry, error, cut));
    } catch (error) {
      this.#settle(entry, error instanceof DobbsError ? error : internalError());
      if (!(error instanceof DobbsError)) throw error;
    }
    return entry.id;
  }

  /** Calls back when the outcome is known, or after `ms` without one. */
  wait(id: string, ms: number): Promise<RequestDocument> {
    const entry = this.#entryOf(id);
    if (entry.outcome !== null || ms === 0) return Promise.resolve(documentOf(entry));
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        entry.waiters.delete(done);
        resolve(documentOf(entry));
      };
      const timer = setTimeout(done, ms);
      entry.waiters.add(done);
    });
  }

  /** Throws E_REQUEST_UNKNOWN. */
  documentOf(id: string): RequestDocument {
    return documentOf(this.#entryOf(id));
  }

  /** The error that a request was refused with; null: it was not, or not yet. */
  errorOf(id: string): DobbsError | null {
    return this.#entryOf(id).outcome?.error ?? null;
  }

  #settle(entry: Entry, error: DobbsError | null, cut?: number): void {
    if (entry.outcome !== null) return;
    entry.outcome = { error, cut };
    this.#waiting--;
    for (const waiter of [...entry.waiters]) waiter();
    for (const [id, { outcome }] of this.#entries) {
      if (this.#entries.size <= KEPT_MAX) break;
      if (outcome !== null) this.#entries.delete(id);
    }
  }

  #entryOf(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    throw new DobbsError(
      "E_REQUEST_UNKNOWN",
      "there is no such request",
      "Look at the status: the outcomes of the last 1,000 requests are kept, until the appliance manager restarts.",
    );
  }
}

function documentOf({ id, request, outcome }: Entry): RequestDocument {
  if (outcome === null) return { id, request, state: "waiting" };
  const { error, cut } = outcome;
  if (error === null) return { id, request, state: "done", ...(cut !== undefined && { cut }) };
  return { id, request, state: "refused", ...errorBody(error) };
}
