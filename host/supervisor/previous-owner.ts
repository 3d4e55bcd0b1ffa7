/**
 * What an owner does about the buckets that it has lost while it may still hold live connections in them: it makes its
 * flow table complete, keeps it tidy, and proves, once its connections there have closed, that none is left.
 *
 * The drain handshake (design, section 4), under one generation:
 * (a) complete, the socket table shows no live connection, and the flow table neither a flow of another protocol that is not over nor
 *     one that a SYN cookie may be out for;
 * (b) SEAL: the IPD flushes the bucket, which is not complete then, and lets no SYN in;
 * (c) what was between NIC and host has arrived; the sockets are read again;
 * (d) none, and COMPLETE is accepted (it is refused when a row came): the bucket has drained. Else UNSEAL, try later.
 */
import type { BucketState, FlowEntry } from "../management/commands.ts";
import { LATE_MS_MAX } from "../management/exchange.ts";
import type { ManagementSession, Result, Scope } from "../management/session.ts";
import { refusalOf, type Refusal } from "../management/status.ts";
import type { Clock } from "./environment.ts";
import { flowKey, TCP, type OwnerSessions, type SessionTable } from "./sessions.ts";

/** What one look found. */
export interface Look {
  readonly table: SessionTable;
  /** Those that were made complete. */
  readonly completed: readonly number[];
  /** Live connections put into the flow table for that. */
  readonly seeded: number;
  /** Those of which it is proved, under this generation, that no connection is left. */
  readonly drained: readonly number[];
  readonly removed: number;
  /** Buckets that it is the current owner of, and of which its flow table has lost everything. */
  readonly emptied: readonly number[];
  /** As the look found them. */
  readonly states: readonly BucketState[];
}

type OnLook = (result: Result<Look>) => void;

export interface PreviousOwnerOptions {
  readonly clock: Clock;
  readonly session: ManagementSession;
  readonly sessions: OwnerSessions;
  /** Buckets of the appliance. */
  readonly buckets: number;
  /** So long a half-open row may stand for a SYN cookie; 0: none is out. */
  readonly cookieMs: number;
  /** Asked whenever the sockets were read: whether a host has begun to send SYN cookies since the look has. The IPD does not know of
   *  them yet, and nothing may follow from what was read. */
  readonly cookiesBegan: () => boolean;
}

export class PreviousOwner {
  readonly #clock: Clock;
  readonly #session: ManagementSession;
  readonly #sessions: OwnerSessions;
  readonly #buckets: number;
  readonly #cookieMs: number;
  readonly #cookiesBegan: () => boolean;

  constructor({ clock, session, sessions, buckets, cookieMs, cookiesBegan }: PreviousOwnerOptions) {
    this.#clock = clock;
    this.#session = session;
    this.#sessions = sessions;
    this.#buckets = buckets;
    this.#cookieMs = cookieMs;
    this.#cookiesBegan = cookiesBegan;
  }

  /** Looks at all buckets of the owner, and does what can be done; of those `proved` under this generation already,
   *  nothing is left to do, unless the IPD has restarted: new connections wait as long as they are not complete. Any refusal ends the look: the next one finds the buckets as this one left them, and goes
   *  on from there. */
  look(scope: Scope, proved: ReadonlySet<number>, onLook: OnLook): void {
    this.#session.buckets(scope.owner, this.#buckets, (states) => {
      if (!states.ok) return onLook(states);
      const previous = states.value.filter(({ bucket, index, complete }) => index > 0 && !(complete && proved.has(bucket)));
      const unfinished = previous.filter(({ complete, sealed }) => !complete && !sealed);
      // Where a SYN cookie was lost, there is nothing to do but wait, once what is known was put in.
      const incomplete = unfinished.filter(({ cookiesLost, open }) => !(cookiesLost && open)).map(({ bucket }) => bucket);
      const ready = unfinished.filter(({ cookiesLost }) => !cookiesLost).map(({ bucket }) => bucket);
      const settled = previous.filter(({ complete, sealed }) => complete || sealed);
      const step = new Step(this.#session, scope, (refusal) => onLook({ ok: false, refusal }));
      const done = (table: SessionTable, part: Partial<Look>): void => {
        const emptied = states.value
          .filter(({ bucket, index, rows }) => index === 0 && rows === 0 && table.liveByBucket.has(bucket))
          .map(({ bucket }) => bucket);
        const none = { completed: [], seeded: 0, drained: [], removed: 0, emptied, states: states.value };
        onLook({ ok: true, value: { ...none, table, ...part }, generation: scope.generation });
      };
      if (incomplete.length > 0) {
        // Opened first: an IPD that restarts from here on refuses COMPLETE.
        step.command("UNSEAL", incomplete, () =>
          this.#clock.after(this.#sessions.queueMs, () =>
            this.#read(scope, step, (table) =>
              this.#fill(scope, step, incomplete, ready, table, (seeded) => done(table, { completed: ready, seeded })),
            ),
          ),
        );
        return;
      }
      this.#read(scope, step, (table) => {
        this.#tidy(scope, step, settled, table, (removed) =>
          this.#drain(scope, step, settled, table, (drained) => done(table, { drained, removed })),
        );
      });
    });
  }

  #read(scope: Scope, step: Step, then: (table: SessionTable) => void): void {
    this.#sessions.read(
      scope,
      step.then((table) => (this.#cookiesBegan() ? step.end(refusalOf("COOKIES_LOST", 0)) : then(table))),
    );
  }

  /** Puts the live connections in `buckets`, which are open, into the flow table, which in `ready` ones is complete then. `table` was
   *  read after the queues between NIC and host had drained. */
  #fill(
    scope: Scope,
    step: Step,
    buckets: readonly number[],
    ready: readonly number[],
    table: SessionTable,
    then: (seeded: number) => void,
  ): void {
    const wanted = new Set(buckets);
    const flows = table.live.filter(({ bucket }) => wanted.has(bucket));
    this.#session.seed(
      scope,
      flows,
      step.then(() =>
        this.#session.complete(
          scope,
          ready,
          step.then(() => then(flows.length)),
        ),
      ),
    );
  }

  /** Removes rows of connections that the host does not have. They would cost room and hops. */
  #tidy(
    scope: Scope,
    step: Step,
    states: readonly BucketState[],
    table: SessionTable,
    then: (removed: number) => void,
  ): void {
    const untidy = new Set(
      states.filter(({ bucket, rows }) => rows > (table.liveByBucket.get(bucket) ?? 0)).map(({ bucket }) => bucket),
    );
    if (untidy.size === 0) return then(0);
    this.#session.list(
      { previousOnly: true },
      step.then((rows) => {
        // Whole ms, as messages have them. A row that was touched after the sockets were read is not removed.
        const untouchedMs = Math.ceil(this.#sessions.queueMs + (this.#clock.now() - table.since) + LATE_MS_MAX);
        const dead = rows.filter(
          (row) =>
            row.owner === scope.owner &&
            row.protocol === TCP &&
            untidy.has(row.bucket) &&
            !table.keys.has(flowKey(row)) &&
            !this.#isCookie(row),
        );
        if (dead.length === 0) return then(0);
        this.#session.remove(scope, untouchedMs, dead, step.then(then));
      }),
    );
  }

  /** The host knows nothing of a connection that it has answered with a SYN cookie. */
  #isCookie({ protocol, state, untouchedMs }: FlowEntry): boolean {
    return protocol === TCP && state === "half-open" && untouchedMs < this.#cookieMs;
  }

  #drain(
    scope: Scope,
    step: Step,
    states: readonly BucketState[],
    table: SessionTable,
    then: (drained: readonly number[]) => void,
  ): void {
    const idle = ({ bucket }: BucketState): boolean => !table.liveByBucket.has(bucket);
    // Sealed by a handshake that was cut short, and in use after all. What came before the seal may still be in the queue: the
    // next look, which waits for that, seeds them.
    const wrong = states.filter((state) => state.sealed && !idle(state)).map(({ bucket }) => bucket);
    step.command("UNSEAL", wrong, () => {
      // While cookies are out, the IPD seals no bucket with a row: any may have become a cookie's since.
      const sealable = states.filter((state) => idle(state) && (this.#cookieMs === 0 || state.rows === 0));
      this.#withoutFlows(scope, step, sealable, (empty) => {
        if (empty.length === 0) return then([]);
        const open = empty.filter(({ sealed }) => !sealed).map(({ bucket }) => bucket);
        step.command("SEAL", open, () => {
          const candidates = empty.map(({ bucket }) => bucket);
          this.#clock.after(this.#sessions.queueMs, () => this.#prove(scope, step, candidates, then));
        });
      });
    });
  }

  /** Those in which there is no flow without connections that is not over (one that is over stays so), and no row that may stand for a
   *  SYN cookie. The table is complete, so no such row is missing: it need not be waited for once more when the bucket is sealed. */
  #withoutFlows(
    scope: Scope,
    step: Step,
    idle: readonly BucketState[],
    then: (empty: readonly BucketState[]) => void,
  ): void {
    if (idle.every(({ rows }) => rows === 0)) return then(idle);
    this.#sessions.refresh(
      scope,
      step.then((rows) => {
        const inUse = this.#sessions.mirroredBuckets();
        for (const row of rows) if (this.#isCookie(row) || this.#sessions.isLive(row)) inUse.add(row.bucket);
        then(idle.filter(({ bucket }) => !inUse.has(bucket)));
      }),
    );
  }

  /** Steps (c) and (d). */
  #prove(scope: Scope, step: Step, sealed: readonly number[], then: (drained: readonly number[]) => void): void {
    this.#read(scope, step, (table) => {
      const inUse = sealed.filter((bucket) => table.liveByBucket.has(bucket));
      const empty = sealed.filter((bucket) => !table.liveByBucket.has(bucket));
      this.#reopen(scope, step, inUse, table, () => {
        this.#session.complete(scope, empty, (result) => {
          if (!result.ok && result.refusal.status === "BUCKET_NOT_EMPTY")
            return step.command("UNSEAL", empty, () => then([]));
          if (!result.ok) return step.end(result.refusal);
          this.#confirm(scope, step, empty, then);
        });
      });
    });
  }

  /** Back to where a bucket was before the handshake: its connections must not wait for the next look. */
  #reopen(scope: Scope, step: Step, buckets: readonly number[], table: SessionTable, then: () => void): void {
    if (buckets.length === 0) return then();
    step.command("UNSEAL", buckets, () => this.#fill(scope, step, buckets, buckets, table, then));
  }

  /** An IPD that restarted in between knows of no seal, and took COMPLETE for another thing. */
  #confirm(scope: Scope, step: Step, buckets: readonly number[], then: (drained: readonly number[]) => void): void {
    if (buckets.length === 0) return then([]);
    this.#session.buckets(
      scope.owner,
      this.#buckets,
      step.then((states) => {
        const proved = ({ complete, sealed, rows, index }: BucketState): boolean =>
          complete && sealed && rows === 0 && index > 0;
        then(buckets.filter((bucket) => proved(states[bucket]!)));
      }),
    );
  }
}

/** One look's way of going on after a command, and of ending at the first refusal. */
class Step {
  readonly #session: ManagementSession;
  readonly #scope: Scope;
  readonly end: (refusal: Refusal) => void;

  constructor(session: ManagementSession, scope: Scope, end: (refusal: Refusal) => void) {
    this.#session = session;
    this.#scope = scope;
    this.end = end;
  }

  then<T>(next: (value: T) => void): (result: Result<T>) => void {
    return (result) => (result.ok ? next(result.value) : this.end(result.refusal));
  }

  /** Nothing is sent for no buckets. */
  command(name: Parameters<ManagementSession["command"]>[0], buckets: readonly number[], next: () => void): void {
    if (buckets.length === 0) return next();
    this.#session.command(name, this.#scope, buckets, this.then(next));
  }
}
