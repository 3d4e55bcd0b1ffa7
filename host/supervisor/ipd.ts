/** A blade's IPD as its traffic manager keeps it: identity and assignment in force, put anew when they were lost. */
import { LATE_MS_MAX } from "../management/exchange.ts";
import type { ManagementSession, OnResult } from "../management/session.ts";
import type { Refusal } from "../management/status.ts";
import { NO_ANSWER } from "../management/status.ts";
import type { NodeConnectionIds } from "../management/connection-id-table.ts";
import type { FilterEntry, ForwardStation, LocalOwnerEntry, NodeIdentity } from "../management/tables.ts";
import type { Service } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { CookieWatch } from "./cookie-watch.ts";
import { inOrder, type OnDone, type Step } from "./steps.ts";

interface IpdOwner {
  readonly name: string;
  readonly mac: string;
  readonly hostPort: number;
}

export interface IpdOptions {
  readonly owners: readonly IpdOwner[];
  readonly identity: Omit<NodeIdentity, "localOwners">;
  readonly services?: readonly Service[];
  readonly connectionIds?: readonly NodeConnectionIds[];
  readonly filters?: readonly FilterEntry[];
  readonly forward?: readonly ForwardStation[];
}

/** The blade's filter rules and stations. */
export interface NodeTables {
  /** 0: those that the traffic manager was started with. */
  readonly revision: number;
  readonly filters: readonly FilterEntry[];
  readonly forward: readonly ForwardStation[];
}

export class Ipd {
  readonly #session: ManagementSession;
  readonly #options: IpdOptions;
  /** What is to be in force of filter rules and stations; put again whenever the IPD was started anew. */
  #tables: NodeTables;
  /** Of those that are. */
  #revision = 0;
  #assignment: Assignment | null = null;
  /** Local owners of the identity in force; null: none, or not known. */
  #owners: readonly LocalOwnerEntry[] | null = null;
  readonly #cookies: CookieWatch;
  /** Whether hosts here have SYN cookies out, as the identity in force says. */
  #cookiesTold = false;
  /** Generation that is being put now. */
  #installing: number | null = null;
  /** The newest one that is to be put after that. */
  #waiting: { readonly assignment: Assignment; readonly onInstalled: OnDone } | null = null;
  /** Counts up whenever the IPD may have been started anew. */
  #life = 0;
  /** In which of its lives it was given everything; null: in none. */
  #furnished: number | null = null;

  constructor(session: ManagementSession, options: IpdOptions, cookies: CookieWatch) {
    this.#session = session;
    this.#options = options;
    this.#cookies = cookies;
    this.#tables = { revision: 0, filters: options.filters ?? [], forward: options.forward ?? [] };
  }

  /** What is in force. */
  get assignment(): Assignment | null {
    return this.#assignment;
  }

  get generation(): number {
    return this.#assignment?.generation ?? 0;
  }

  /** Of the filter rules and stations in force. */
  get revision(): number {
    return this.#revision;
  }

  /** The IPD may have been started anew, and have lost what it had; part of what is being put now may be lost too. */
  doubt(): void {
    this.#life++;
  }

  /** Puts an assignment in force. One that is being put already is not put twice, and one that waits is not put when a newer one comes: `onInstalled`
   *  is not called then. One at a time: what an identity drops must not come back under the assignment before. */
  install(assignment: Assignment, onInstalled: OnDone): void {
    if (this.#installing !== null) {
      const newest = this.#waiting?.assignment.generation ?? this.#installing;
      if (assignment.generation > newest) this.#waiting = { assignment, onInstalled };
      return;
    }
    this.#installing = assignment.generation;
    const done: OnDone = (problem) => {
      this.#installing = null;
      if (problem === null && assignment.generation > this.generation) this.#assignment = assignment;
      onInstalled(problem);
      const next = this.#waiting;
      this.#waiting = null;
      if (next !== null) this.install(next.assignment, next.onInstalled);
    };
    if (this.#owners === null || this.#isInDoubt) return this.#introduce(assignment, done);
    const { before, after } = localOwners(this.#options.owners, assignment, this.generation);
    inOrder(
      [
        (then) => this.#identify(before, then),
        (then) => this.#putAssignment(assignment, then),
        (then) => this.#identify(after, then),
      ],
      done,
    );
  }

  /** Says whether hosts here have SYN cookies out. `told`: it knows now. In the midst of an install it is said at the next time. */
  tellCookies(onTold: (told: boolean) => void): void {
    if (this.#cookiesTold === this.#cookies.areOut) return onTold(true);
    if (this.#owners === null || this.#installing !== null) return onTold(false);
    this.#putIdentity(this.#owners, (problem) => onTold(problem === null));
  }

  /** Puts filter rules and stations in force, both or none. Those that are being put already are not put twice, and
   *  `onSet` is not called. */
  setTables(tables: NodeTables, onSet: (refusal: Refusal | null) => void): void {
    const before = this.#tables;
    if (tables.revision <= before.revision && this.#revision !== before.revision) return;
    this.#tables = tables;
    this.#putTables(tables, (refusal) => {
      if (refusal === null) this.#revision = tables.revision;
      if (refusal === null || this.#tables !== tables) return onSet(refusal);
      // No answer: they may be in force or not, and whoever asked will ask again.
      this.#tables = before;
      if (refusal.status === NO_ANSWER) return onSet(refusal);
      this.#putTables(before, () => onSet(refusal));
    });
  }

  /** Whether the IPD answers. One that has lost what was in force (its shim was started anew), or of whose identity it is not known what it has
   *  (it was put, and there was no answer), gets everything again. */
  check(onChecked: (healthy: boolean) => void): void {
    this.#session.hello((result) => {
      if (!result.ok) return onChecked(false);
      const assignment = this.#assignment;
      if (assignment === null || this.#installing !== null) return onChecked(true);
      const isKnown = this.#owners !== null && !this.#isInDoubt;
      if (result.generation >= assignment.generation && isKnown) return onChecked(true);
      this.#owners = null;
      this.#assignment = null;
      this.install(assignment, (problem) => {
        this.#assignment ??= assignment;
        onChecked(problem === null);
      });
    });
  }

  get #isInDoubt(): boolean {
    return this.#furnished !== this.#life;
  }

  /** To an IPD of which nothing is known: it was started anew, or this traffic manager was. */
  #introduce(assignment: Assignment, onDone: OnDone): void {
    const life = this.#life;
    const done: OnDone = (problem) => {
      if (problem === null) this.#furnished = life;
      onDone(problem);
    };
    this.#session.hello((result) => {
      if (!result.ok) return done(result.refusal.text);
      const { generation } = result;
      const offered = assignment.generation;
      if (generation > offered) return done(`Generation ${generation} is in force, and not ${offered}.`);
      const { before, after } = localOwners(this.#options.owners, assignment, generation);
      const steps: Step[] = [
        (then) => this.#putTables(this.#tables, (refusal) => then(refusal?.text ?? null)),
        // Before the identity, without which an image passes nothing: it may have an assignment that was on its way when its shim was started anew.
        (then) => this.#putServices(then),
        (then) => this.#putIdentity(before, then),
        (then) => this.#putAssignment(assignment, then),
        (then) => this.#identify(after, then),
      ];
      inOrder(steps, done);
    });
  }

  /** Puts the identity with these owners, unless they are those of the one in force. */
  #identify(owners: readonly LocalOwnerEntry[], onDone: OnDone): void {
    const inForce = this.#owners;
    if (inForce !== null && owners.every(({ owner }, index) => owner === inForce[index]!.owner)) return onDone(null);
    this.#putIdentity(owners, onDone);
  }

  #putIdentity(localOwners: readonly LocalOwnerEntry[], onDone: OnDone): void {
    const { areOut, sinceMs } = this.#cookies;
    const identity = { ...this.#options.identity, localOwners, ...(areOut && { cookiesSinceMs: sinceMs + LATE_MS_MAX }) };
    this.#session.putIdentity(identity, (result) => {
      this.#owners = result.ok ? localOwners : null;
      if (result.ok) this.#cookiesTold = areOut;
      onDone(result.ok ? null : result.refusal.text);
    });
  }

  #putAssignment(assignment: Assignment, onDone: OnDone): void {
    this.#session.putAssignment(assignment, (result) => {
      const there =
        !result.ok && result.refusal.status === "STALE_GENERATION" && result.refusal.detail === assignment.generation;
      onDone(result.ok || there ? null : result.refusal.text);
    });
  }

  #putServices(onDone: OnDone): void {
    const { identity, services = [], connectionIds = [] } = this.#options;
    const done: OnResult<null> = (result) => onDone(result.ok ? null : result.refusal.text);
    this.#session.putServices(identity.vips, services, (result) => {
      if (result.ok) this.#session.putConnectionIds(connectionIds, done);
      else done(result);
    });
  }

  #putTables({ filters, forward }: NodeTables, onPut: (refusal: Refusal | null) => void): void {
    const then =
      (next: () => void): OnResult<null> =>
      (result) =>
        result.ok ? next() : onPut(result.refusal);
    this.#session.putFilters(
      filters,
      then(() =>
        this.#session.putForward(
          forward,
          then(() => onPut(null)),
        ),
      ),
    );
  }
}

/**
 * The local owners' numbers: `after` `assignment` is in force, and `before`, while `generation` still is (0: none). An owner that has come since has
 * none before: its number may be another's in the older assignment, and what its flow table knows from an earlier time, others may have
 * opened anew. So its rows are dropped.
 */
function localOwners(
  owners: readonly IpdOwner[],
  assignment: Assignment,
  generation: number,
): { before: LocalOwnerEntry[]; after: LocalOwnerEntry[] } {
  const numbers = owners.map(({ name }) => assignment.owners.findIndex((entry) => entry?.name === name));
  const stays = numbers.map((number) => generation === 0 || (number >= 0 && assignment.owners[number]!.since <= generation));
  const entry = ({ mac, hostPort }: IpdOwner, owner: number | null): LocalOwnerEntry => ({ mac, owner, port: hostPort });
  const after = owners.map((owner, index) => entry(owner, numbers[index]! < 0 ? null : numbers[index]!));
  return { before: owners.map((owner, index) => entry(owner, stays[index] ? after[index]!.owner : null)), after };
}
