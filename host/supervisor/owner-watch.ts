/** One owner's connections, as its blade's traffic manager watches them: counted, kept in the flow table, and proved to
 *  be gone where they are. */
import type { ManagementSession, Scope } from "../management/session.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Service } from "../model/appliance.ts";
import { refill } from "./current-owner.ts";
import type { Clock, HostSockets } from "./environment.ts";
import type { CookieWatch } from "./cookie-watch.ts";
import { FlowMirror } from "./flow-mirror.ts";
import { listsLacking } from "./handover.ts";
import type { Drained, Lacking, SessionCount } from "./messages.ts";
import { PreviousOwner, type Look } from "./previous-owner.ts";
import { OwnerSessions } from "./sessions.ts";

/** An owner on this blade. */
export interface LocalOwner {
  /** As in the view: `ardsley`, or `ardsley/vm1`. */
  readonly name: string;
  readonly mac: string;
  /** The blade's host port that it is behind. */
  readonly hostPort: number;
  readonly sockets: HostSockets;
}

export interface OwnerWatchOptions {
  readonly owner: LocalOwner;
  /** Among the local owners. */
  readonly index: number;
  readonly clock: Clock;
  readonly session: ManagementSession;
  readonly vips: readonly string[];
  readonly services: readonly Service[];
  /** Of the blade's hosts. */
  readonly cookies: CookieWatch;
  /** As `Timing.flowDrainMs`. */
  readonly flowDrainMs: number;
  readonly note: (event: string, details: Readonly<Record<string, string | number | boolean>>) => void;
}

export class OwnerWatch {
  readonly name: string;
  readonly index: number;
  readonly sessions: OwnerSessions;
  readonly mirror: FlowMirror;
  /** By bucket that it is a previous owner of: since when, as far as was seen. */
  readonly #previousSince = new Map<number, number>();
  readonly #options: OwnerWatchOptions;
  /** From the last look. */
  #counts: readonly SessionCount[] = [];
  /** Buckets proved to be without connections, under the generation in force. */
  #drained: readonly number[] = [];
  /** From the last look. */
  #lacking: readonly Lacking[] = [];
  /** Why the last look failed; null: it did not. */
  #problem: string | null = null;
  #flowsCut = 0;
  /** Of the assignment that it was told of last; 0: none. */
  #generation = 0;

  constructor(options: OwnerWatchOptions) {
    const { owner, index, clock, session, vips, services } = options;
    this.#options = options;
    this.name = owner.name;
    this.index = index;
    this.mirror = new FlowMirror(services);
    this.sessions = new OwnerSessions(clock, session, owner.sockets, vips, this.mirror);
  }

  get counts(): readonly SessionCount[] {
    return this.#counts;
  }

  get drained(): Drained[] {
    return this.#drained.length === 0 ? [] : [{ owner: this.name, buckets: this.#drained }];
  }

  /** Flows that were cut here because they had held their bucket back for too long. */
  get flowsCut(): number {
    return this.#flowsCut;
  }

  /** Handover lists that it has not got, and other blades have. */
  get lacking(): readonly Lacking[] {
    return this.#lacking;
  }

  /** Another generation is in force: what was proved was proved under the one before. */
  installed({ generation, owners, buckets }: Assignment): void {
    this.#drained = [];
    this.#lacking = [];
    const number = owners.findIndex((owner) => owner?.name === this.name);
    // It was away: others may have the same flows since.
    if (number >= 0 && owners[number]!.since > this.#generation) {
      this.mirror.clear();
    } else {
      // One that enters a history enters as the current owner: it had let go, for a move that was called off, and nobody else has.
      if (generation === this.#generation + 1) this.mirror.takeBack((bucket) => buckets[bucket]!.indexOf(number) > 0);
      this.mirror.keep((bucket) => buckets[bucket]?.includes(number) ?? false);
    }
    this.#generation = generation;
  }

  /** Looks once, and does what can be done. `isStale`: whether another generation has come into force since. */
  look(assignment: Assignment, isStale: () => boolean, onDone: () => void): void {
    const scope: Scope = { generation: assignment.generation, owner: this.index };
    this.#cutOverdue(scope, () => this.#look(scope, assignment, isStale, onDone));
  }

  /** Flows without connections may go on for ever. Where they have held a bucket back for too long, they are cut. */
  #cutOverdue(scope: Scope, then: () => void): void {
    const { clock, session, flowDrainMs } = this.#options;
    const isOverdue = ({ bucket }: { readonly bucket: number }): boolean =>
      clock.now() - (this.#previousSince.get(bucket) ?? clock.now()) >= flowDrainMs;
    const overdue = [...this.#previousSince.keys()].some((bucket) => isOverdue({ bucket }))
      ? this.mirror.live(clock.now()).filter(isOverdue)
      : [];
    if (overdue.length === 0) return then();
    session.remove(scope, 0, overdue, (result) => {
      if (!result.ok) return then();
      this.mirror.drop(overdue);
      this.#flowsCut += result.value;
      if (result.value > 0) this.#note("flows-cut", { flows: result.value });
      then();
    });
  }

  #look(scope: Scope, assignment: Assignment, isStale: () => boolean, onDone: () => void): void {
    const { clock, session, cookies } = this.#options;
    const wereOut = cookies.areOut;
    const previous = new PreviousOwner({
      clock,
      session,
      sessions: this.sessions,
      buckets: assignment.buckets.length,
      cookieMs: wereOut ? session.cookieMs : 0,
      cookiesBegan: () => {
        cookies.look();
        return !wereOut && cookies.areOut;
      },
    });
    previous.look(scope, new Set(this.#drained), (result) => {
      if (isStale()) return onDone();
      this.#failed(result.ok ? null : result.refusal.text);
      if (!result.ok) return onDone();
      this.#found(result.value);
      this.#lacking = listsLacking(assignment, result.value.states, this.name);
      const { emptied } = result.value;
      if (emptied.length === 0) return onDone();
      refill(clock, session, this.sessions, scope, emptied, (put) => {
        if (put.ok && put.value > 0) this.#note("refilled", { buckets: emptied.length, seeded: put.value });
        onDone();
      });
    });
  }

  #found(look: Look): void {
    for (const { bucket, index } of look.states) {
      if (index <= 0) this.#previousSince.delete(bucket);
      else if (!this.#previousSince.has(bucket)) this.#previousSince.set(bucket, this.#options.clock.now());
    }
    this.#counts = [...look.table.liveByBucket]
      .sort(([a], [b]) => a - b)
      .map(([bucket, live]) => ({ owner: this.name, bucket, live }));
    if (look.completed.length > 0) this.#note("completed", { buckets: look.completed.length, seeded: look.seeded });
    if (look.removed > 0) this.#note("tidied", { rows: look.removed });
    if (look.drained.length === 0) return;
    this.#drained = [...new Set([...this.#drained, ...look.drained])].sort((a, b) => a - b);
    this.#note("drained", { buckets: look.drained.length });
  }

  #failed(problem: string | null): void {
    if (problem !== null && problem !== this.#problem) this.#note("look-failed", { why: problem });
    this.#problem = problem;
  }

  #note(event: string, details: Readonly<Record<string, string | number>>): void {
    this.#options.note(event, { owner: this.name, ...details });
  }
}
