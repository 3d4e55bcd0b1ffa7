/** Takes handover lists of previous owners on other blades, and puts them into the IPD of their current owners, which are here. */
import type { ManagementSession } from "../management/session.ts";
import type { Assignment } from "../model/assignment.ts";
import { ownerAt } from "./handover.ts";
import type { Handover, HandoverList, Lacking } from "./messages.ts";

/** Flows of lists that wait to be put: what is more will be asked for again. */
const WAITING_FLOWS_MAX = 262_144;

type Note = (event: string, details: Readonly<Record<string, string | number>>) => void;

/** The list of one owner in one bucket, under one generation. */
interface Waiting extends HandoverList {
  readonly generation: number;
  readonly owner: number;
  readonly key: string;
}

export class HandoverTaker {
  readonly #session: ManagementSession;
  readonly #note: Note;
  readonly #waiting: Waiting[] = [];
  #waitingFlows = 0;
  #putting = false;
  /** Lists that are on their way into the IPD. */
  readonly #coming = new Set<string>();
  /** Those that it does not take: asking for them again would change nothing before the next install. */
  readonly #refused = new Set<string>();

  constructor(session: ManagementSession, note: Note) {
    this.#session = session;
    this.#note = note;
  }

  /** `blade`, `from`: this one, and the sender's. What is not for this blade, or not the sender's to say, is not taken. */
  take(blade: string, from: string, assignment: Assignment, { generation, owner: name, lists }: Handover): void {
    const owner = assignment.owners.findIndex((entry) => entry?.name === name && entry.blade === from);
    if (owner < 0 || generation !== assignment.generation) return;
    const empty: number[] = [];
    for (const { bucket, flows } of lists) {
      const key = keyOf(name, bucket);
      const isPrevious = (assignment.buckets[bucket]?.indexOf(owner) ?? -1) > 0;
      if (!isPrevious || ownerAt(assignment, bucket, 0)!.blade !== blade || this.#coming.has(key)) continue;
      if (flows.length === 0) empty.push(bucket);
      else if (this.#waitingFlows + flows.length <= WAITING_FLOWS_MAX) {
        this.#coming.add(key);
        this.#waitingFlows += flows.length;
        this.#waiting.push({ generation, owner, key, bucket, flows });
      }
    }
    this.#putEmpty({ generation, owner }, name, empty);
    this.#next();
  }

  /** Another generation is in force: what waits is of the one before. */
  forget(): void {
    for (const { key } of this.#waiting) this.#coming.delete(key);
    this.#waiting.length = 0;
    this.#waitingFlows = 0;
    this.#refused.clear();
  }

  /** What is to be asked for of what the IPD lacks. */
  asked(lacking: readonly Lacking[]): Lacking[] {
    return lacking
      .map(({ owner, buckets }) => ({ owner, buckets: buckets.filter((bucket) => this.#isWanted(keyOf(owner, bucket))) }))
      .filter(({ buckets }) => buckets.length > 0);
  }

  #isWanted(key: string): boolean {
    return !this.#coming.has(key) && !this.#refused.has(key);
  }

  #putEmpty(source: { generation: number; owner: number }, name: string, buckets: readonly number[]): void {
    if (buckets.length === 0) return;
    for (const bucket of buckets) this.#coming.add(keyOf(name, bucket));
    this.#session.handoverEmpty(source, buckets, () => {
      for (const bucket of buckets) this.#coming.delete(keyOf(name, bucket));
    });
  }

  /** One list after the other, so that what is more urgent gets in between. */
  #next(): void {
    const list = this.#putting ? undefined : this.#waiting.shift();
    if (!list) return;
    this.#putting = true;
    this.#waitingFlows -= list.flows.length;
    this.#session.handover(list, list.bucket, list.flows, (result) => {
      this.#putting = false;
      this.#coming.delete(list.key);
      // Anything else is over soon: an install, an image that was started anew, a change of virtual IPs.
      if (!result.ok && result.refusal.status === "LIST_TOO_LONG") {
        this.#refused.add(list.key);
        this.#note("list-refused", { bucket: list.bucket, why: result.refusal.text });
      }
      this.#next();
    });
  }
}

function keyOf(owner: string, bucket: number): string {
  return `${bucket} ${owner}`;
}
