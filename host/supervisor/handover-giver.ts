/**
 * Gives current owners on other blades the handover lists that they ask for: the rows of this blade's flow table in buckets of which
 * an owner here is a previous one.
 *
 * A list must be read within one epoch: the bucket's table was complete, and its owner a previous one, from the beginning of the scan
 * to its end, under one generation, in one life of the image. Nothing but a look's own COMPLETE makes a table complete, and no look
 * goes on meanwhile: one that is complete before and after was so throughout, and was not started anew in between.
 */
import type { BucketState, FlowEntry } from "../management/commands.ts";
import type { ManagementSession } from "../management/session.ts";
import type { Assignment } from "../model/assignment.ts";
import { bucketsAsked } from "./handover.ts";
import type { Handover, HandoverList, Sessions } from "./messages.ts";

/** A list that is longer is not given: no current owner has the room. */
export const LIST_FLOWS_MAX = 65_536;
/** Flows in a message and in all that are given at one look; a single list may be longer. */
const MESSAGE_FLOWS = 8_192;
const LOOK_FLOWS = 65_536;

export interface HandoverGiverOptions {
  readonly session: ManagementSession;
  readonly send: (blade: string, lists: Handover) => void;
  readonly note: (event: string, details: Readonly<Record<string, string | number>>) => void;
}

/** Whose lists, under which assignment. */
export interface Giving {
  readonly owner: { readonly name: string; readonly index: number };
  readonly assignment: Assignment;
  /** Whether another generation has come into force since. */
  readonly isStale: () => boolean;
}

export class HandoverGiver {
  readonly #options: HandoverGiverOptions;
  /** What was asked for in these was given: a report is answered once. */
  readonly #answered = new WeakMap<Sessions, Set<string>>();

  constructor(options: HandoverGiverOptions) {
    this.#options = options;
  }

  /** `asking`: what the other traffic managers said last, by blade. */
  give(giving: Giving, asking: ReadonlyMap<string, Sessions>, onDone: () => void): void {
    const { owner, assignment } = giving;
    const takers = new Map<number, string>();
    for (const [blade, sessions] of asking) {
      if (this.#answered.get(sessions)?.has(owner.name)) continue;
      for (const bucket of bucketsAsked(assignment, owner.name, blade, sessions)) takers.set(bucket, blade);
    }
    if (takers.size === 0) return onDone();
    this.#scan(giving, [...takers.keys()], (lists) => {
      if (lists.length === 0) return onDone();
      for (const [blade, part] of parts(lists, takers)) {
        this.#options.send(blade, { kind: "handover", generation: assignment.generation, owner: owner.name, lists: part });
        const sessions = asking.get(blade)!;
        this.#answered.set(sessions, (this.#answered.get(sessions) ?? new Set()).add(owner.name));
      }
      const flows = lists.reduce((sum, list) => sum + list.flows.length, 0);
      this.#options.note("handed-over", { owner: owner.name, buckets: lists.length, flows });
      onDone();
    });
  }

  /** Lists of those of `wanted` of which one may be given now, the shortest first, as many as one look has room for. */
  #scan(giving: Giving, wanted: readonly number[], onLists: (lists: readonly HandoverList[]) => void): void {
    const { owner, assignment, isStale } = giving;
    const { session } = this.#options;
    const count = assignment.buckets.length;
    const isOf = ({ generation }: { readonly generation: number }): boolean =>
      generation === assignment.generation && !isStale();
    session.buckets(owner.index, count, (before) => {
      if (!before.ok || !isOf(before)) return onLists([]);
      const sound = wanted.filter((bucket) => mayBeListed(before.value[bucket]));
      if (sound.length === 0) return onLists([]);
      session.list({ previousOnly: true }, (rows) => {
        if (!rows.ok || !isOf(rows)) return onLists([]);
        session.buckets(owner.index, count, (after) => {
          if (!after.ok || !isOf(after)) return onLists([]);
          const still = sound.filter((bucket) => mayBeListed(after.value[bucket]));
          onLists(inRoom(listsOf(owner.index, still, rows.value)));
        });
      });
    });
  }
}

function mayBeListed(state: BucketState | undefined): boolean {
  return state !== undefined && state.complete && state.index > 0;
}

function listsOf(owner: number, buckets: readonly number[], rows: readonly FlowEntry[]): HandoverList[] {
  const flows = new Map(buckets.map((bucket) => [bucket, [] as FlowEntry[]]));
  for (const row of rows) if (row.owner === owner) flows.get(row.bucket)?.push(row);
  return [...flows].map(([bucket, entries]) => ({
    bucket,
    flows: entries.map(({ client, clientPort, vip, vipPort, protocol }) => ({ client, clientPort, vip, vipPort, protocol })),
  }));
}

/** Those without flows let new connections through at once. */
function inRoom(lists: readonly HandoverList[]): HandoverList[] {
  let room = LOOK_FLOWS;
  return lists
    .filter(({ flows }) => flows.length <= LIST_FLOWS_MAX)
    .sort((a, b) => a.flows.length - b.flows.length || a.bucket - b.bucket)
    .filter(({ flows }) => (room -= flows.length) >= 0);
}

/** Lists by blade, in parts that make messages. */
function parts(lists: readonly HandoverList[], takers: ReadonlyMap<number, string>): [string, HandoverList[]][] {
  const messages: [string, HandoverList[]][] = [];
  const open = new Map<string, { lists: HandoverList[]; flows: number }>();
  for (const list of lists) {
    const blade = takers.get(list.bucket)!;
    let message = open.get(blade);
    if (!message || message.flows + list.flows.length > MESSAGE_FLOWS) {
      message = { lists: [], flows: 0 };
      open.set(blade, message);
      messages.push([blade, message.lists]);
    }
    message.lists.push(list);
    message.flows += list.flows.length;
  }
  return messages;
}
