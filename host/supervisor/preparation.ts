/**
 * Getting ready for the next assignment. To lose buckets: their rows are pinned, and the live connections of the hosts are
 * put into the flow table, so that nothing is missing when the owner becomes a previous one. To get buckets whose histories
 * the owner is not in: its host must have no connection there. One that it has was cut when the owner left, and its client
 * may have opened the same one anew with another owner since; a host that answers for both breaks the new one.
 */
import type { ManagementSession } from "../management/session.ts";
import type { Refusal } from "../management/status.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Report } from "./messages.ts";
import type { OwnerSessions } from "./sessions.ts";
import { bucketsEntered, bucketsLost, digest } from "./succession.ts";

export interface PreparationOptions {
  readonly session: ManagementSession;
  readonly last: Assignment;
  readonly next: Assignment;
  /** In force on the IPD; 0: none. */
  readonly generation: number;
  readonly report: (report: Report) => void;
}

/** A local owner that may lose or get buckets. */
export interface Loser {
  readonly name: string;
  /** Among the local owners. */
  readonly index: number;
  readonly sessions: OwnerSessions;
}

export class Preparation {
  readonly generation: number;
  /** Of the assignment to come, as computed here. */
  readonly digest: string;
  readonly #options: PreparationOptions;
  #pinned: { owner: number; buckets: readonly number[] }[] = [];
  #undone = false;
  #outcome: Report | null = null;

  constructor(options: PreparationOptions) {
    this.#options = options;
    this.generation = options.next.generation;
    this.digest = digest(options.next);
  }

  run(owners: readonly Loser[]): void {
    this.#prepareFrom(owners, 0, 0);
  }

  /** Reports once more, if there is something to report. */
  repeat(): void {
    if (this.#outcome !== null) this.#options.report(this.#outcome);
  }

  /** Nothing was installed: what was pinned may be evicted again. */
  undo(): void {
    this.#undone = true;
    const { session, last } = this.#options;
    for (const { owner, buckets } of this.#pinned) {
      // An unpin that is lost costs room until the next install, and nothing else.
      session.command("UNPIN", { generation: last.generation, owner }, buckets, () => undefined);
    }
    this.#pinned = [];
  }

  #prepareFrom(owners: readonly Loser[], at: number, seeded: number): void {
    const { last, next } = this.#options;
    const owner = owners[at];
    if (this.#undone) return;
    if (!owner) return this.#finish({ kind: "prepared", generation: this.generation, digest: this.digest, seeded });
    const entered = bucketsEntered(last, next, owner.name);
    if (entered.length === 0) return this.#prepareToLose(owners, at, seeded);
    const scope = { generation: this.#options.generation, owner: owner.index };
    owner.sessions.countIn(scope, entered, (left) => {
      if (this.#undone) return;
      if (!left.ok) return this.#refuse(owner, left.refusal);
      if (left.value > 0) return this.#refuseLeftOver(owner, left.value);
      this.#prepareToLose(owners, at, seeded);
    });
  }

  #prepareToLose(owners: readonly Loser[], at: number, seeded: number): void {
    const { session, last, next } = this.#options;
    const owner = owners[at]!;
    const lost = bucketsLost(last, next, owner.name);
    if (lost.length === 0) return this.#prepareFrom(owners, at + 1, seeded);
    const scope = { generation: last.generation, owner: owner.index };
    session.command("PIN", scope, lost, (pinned) => {
      if (this.#undone) return;
      if (!pinned.ok) return this.#refuse(owner, pinned.refusal);
      this.#pinned.push({ owner: owner.index, buckets: lost });
      owner.sessions.read(scope, (table) => {
        if (this.#undone) return;
        if (!table.ok) return this.#refuse(owner, table.refusal);
        const losing = new Set(lost);
        const flows = table.value.live.filter(({ bucket }) => losing.has(bucket));
        session.seed(scope, flows, (put) => {
          if (this.#undone) return;
          if (!put.ok) return this.#refuse(owner, put.refusal, flows.length);
          this.#prepareFrom(owners, at + 1, seeded + flows.length);
        });
      });
    });
  }

  #refuse({ name }: Loser, { status, detail, text }: Refusal, wanted = 0): void {
    const outOfRoom = `the flow table has room for ${detail} of the ${wanted} connections to be kept`;
    const why = `${name}: ${status === "OUT_OF_ROOM" ? outOfRoom : text}`;
    this.#finish({ kind: "refused", generation: this.generation, code: `E_${status}`, why });
  }

  #refuseLeftOver({ name }: Loser, count: number): void {
    const which = count === 1 ? "a connection" : `${count} connections`;
    const why = `${name}: its host still has ${which} from before it left; close them there (ss -K, or restart the service) and ask again`;
    this.#finish({ kind: "refused", generation: this.generation, code: "E_LEFT_OVER", why });
  }

  #finish(outcome: Report): void {
    this.#outcome = outcome;
    this.#options.report(outcome);
  }
}
