/** A blade's IPD as its traffic manager keeps it: identity and assignment in force, put anew when they were lost. */
import type { ManagementSession, OnResult } from "../management/session.ts";
import type { FilterEntry, ForwardStation, LocalOwnerEntry, NodeIdentity } from "../management/tables.ts";
import type { Assignment } from "../model/assignment.ts";

export interface IpdOptions {
  readonly owners: readonly { readonly name: string; readonly mac: string; readonly hostPort: number }[];
  readonly identity: Omit<NodeIdentity, "localOwners">;
  readonly filters?: readonly FilterEntry[];
  readonly forward?: readonly ForwardStation[];
}

/** `problem`: null, or one sentence that says why nothing was put in force. */
export type OnInstalled = (problem: string | null) => void;

export class Ipd {
  readonly #session: ManagementSession;
  readonly #options: IpdOptions;
  #assignment: Assignment | null = null;
  /** Local owners of the identity in force; null: none, or not known. */
  #owners: readonly LocalOwnerEntry[] | null = null;
  /** Generation that is being put now. */
  #installing: number | null = null;

  constructor(session: ManagementSession, options: IpdOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** What is in force. */
  get assignment(): Assignment | null {
    return this.#assignment;
  }

  get generation(): number {
    return this.#assignment?.generation ?? 0;
  }

  /** Puts an assignment in force. One that is being put already is not put twice, and `onInstalled` is not called. */
  install(assignment: Assignment, onInstalled: OnInstalled): void {
    if (this.#installing !== null && assignment.generation <= this.#installing) return;
    this.#installing = assignment.generation;
    const done = (problem: string | null): void => {
      if (this.#installing === assignment.generation) this.#installing = null;
      if (problem === null && assignment.generation > this.generation) this.#assignment = assignment;
      onInstalled(problem);
    };
    const owners = this.#localOwners(assignment);
    const before = this.#owners;
    const put: Task = (then) => this.#putAssignment(assignment, then);
    const identify =
      (entries: readonly LocalOwnerEntry[]): Task =>
      (then) =>
        this.#putIdentity(entries, then);
    if (before === null) return inOrder([(then) => this.#furnish(then), identify(owners), put], done);
    const kept = owners.map((entry, index) => entry.owner === before[index]!.owner);
    if (!kept.includes(false)) return put(done);
    // In the old assignment a new number is someone else's: an owner that gets one owns nothing in between.
    const between = owners.map((entry, index) => (kept[index] ? entry : { ...entry, owner: null }));
    inOrder([identify(between), put, identify(owners)], done);
  }

  /** Whether the IPD answers. One that has lost what was in force (its shim was started anew) gets it again. */
  check(onChecked: (healthy: boolean) => void): void {
    this.#session.hello((result) => {
      if (!result.ok) return onChecked(false);
      const assignment = this.#assignment;
      if (assignment === null || this.#installing !== null || result.generation >= assignment.generation)
        return onChecked(true);
      this.#owners = null;
      this.#assignment = null;
      this.install(assignment, (problem) => {
        this.#assignment ??= assignment;
        onChecked(problem === null);
      });
    });
  }

  #localOwners(assignment: Assignment): LocalOwnerEntry[] {
    return this.#options.owners.map(({ name, mac, hostPort }) => {
      const owner = assignment.owners.findIndex((entry) => entry?.name === name);
      return { mac, owner: owner < 0 ? null : owner, port: hostPort };
    });
  }

  #putIdentity(localOwners: readonly LocalOwnerEntry[], onDone: OnInstalled): void {
    this.#session.putIdentity({ ...this.#options.identity, localOwners }, (result) => {
      this.#owners = result.ok ? localOwners : null;
      onDone(result.ok ? null : result.refusal.text);
    });
  }

  #putAssignment(assignment: Assignment, onDone: OnInstalled): void {
    this.#session.putAssignment(assignment, (result) => {
      const there =
        !result.ok && result.refusal.status === "STALE_GENERATION" && result.refusal.detail === assignment.generation;
      onDone(result.ok || there ? null : result.refusal.text);
    });
  }

  /** Puts the tables that never change. */
  #furnish(onDone: OnInstalled): void {
    const { filters = [], forward = [] } = this.#options;
    const onPut =
      (then: OnInstalled): OnResult<null> =>
      (result) =>
        then(result.ok ? null : result.refusal.text);
    const putFilters: Task = (then) => this.#session.putFilters(filters, onPut(then));
    const putForward: Task = (then) => this.#session.putForward(forward, onPut(then));
    inOrder([putFilters, putForward], onDone);
  }
}

type Task = (onDone: OnInstalled) => void;

/** One task after the other, until one has a problem. */
function inOrder(tasks: readonly Task[], onDone: OnInstalled): void {
  const [task, ...rest] = tasks;
  if (!task) return onDone(null);
  task((problem) => (problem === null ? inOrder(rest, onDone) : onDone(problem)));
}
