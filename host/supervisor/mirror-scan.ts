/** Keeps the owners' mirrors of flows without connections, a part of the flow table at each look, and removes rows that are over. */
import type { ManagementSession } from "../management/session.ts";
import type { Service } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Clock } from "./environment.ts";
import { expiredRows, type FlowMirror } from "./flow-mirror.ts";

/** Messages a look: a million rows take four looks when few are of these protocols. */
const MESSAGES_PER_LOOK = 32;

export interface MirrorScanOptions {
  readonly clock: Clock;
  readonly session: ManagementSession;
  readonly services: readonly Service[];
  /** By local owner's index. */
  readonly owners: readonly { readonly name: string; readonly mirror: FlowMirror }[];
}

export class MirrorScan {
  readonly #options: MirrorScanOptions;
  #cursor = 0;

  constructor(options: MirrorScanOptions) {
    this.#options = options;
  }

  /** An IPD that does not answer leaves the mirrors as they are. */
  look(assignment: Assignment, onDone: () => void): void {
    const { clock, session, services, owners } = this.#options;
    const { generation, buckets } = assignment;
    const since = clock.now();
    session.listPart({ othersOnly: true }, this.#cursor, MESSAGES_PER_LOOK, (result) => {
      this.#cursor = result.ok ? result.value.next : 0;
      if (!result.ok || result.generation !== generation) return onDone();
      const { rows } = result.value;
      const jobs = owners.flatMap(({ name, mirror }, owner) => {
        const own = rows.filter((row) => row.owner === owner);
        // Where an owner has left the history, others may have its flows, though rows of it are still in the table.
        const number = assignment.owners.findIndex((entry) => entry?.name === name);
        mirror.note(own.filter(({ bucket }) => buckets[bucket]!.includes(number)), since, clock.now());
        return [...expiredRows(services, own)].map(([idleMs, over]) => ({ owner, idleMs, over }));
      });
      const next = (): void => {
        const job = jobs.shift();
        if (!job) return onDone();
        session.remove({ generation, owner: job.owner }, job.idleMs, job.over, next);
      };
      next();
    });
  }
}
