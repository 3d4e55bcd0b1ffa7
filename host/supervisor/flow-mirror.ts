/**
 * One owner's flows of protocols without connections, which no host lists: what its flow table had, remembered. It is what an image
 * that was started anew, or a table that has evicted, is seeded from; and it tells which buckets still have such flows.
 *
 * A flow is over when it was not touched for its service's time, and not when a scan has missed it: so a restart that comes between
 * two scans takes nothing away.
 */
import type { FlowEntry } from "../management/commands.ts";
import type { Service } from "../model/appliance.ts";
import { idleMsOf } from "../model/service.ts";
import { flowKey, TCP, type Session } from "./sessions.ts";

interface Mirrored {
  readonly session: Session;
  readonly idleMs: number;
  /** It was last touched at this time or later, */
  readonly touchedSince: number;
  /** and at this time or earlier. */
  readonly touchedUntil: number;
}

/** As many as the largest flow table has room for a quarter of. Past it, flows that the host has not answered are left out. */
const FLOWS_MAX = 262_144;

export class FlowMirror {
  readonly #services: readonly Service[];
  readonly #flows = new Map<string, Mirrored>();
  /** Flows of buckets whose histories the owner left last. */
  #left = new Map<string, Mirrored>();

  constructor(services: readonly Service[]) {
    this.#services = services;
  }

  /** Rows as a scan has found them between `since` and `until`; those of TCP are not looked at. */
  note(rows: readonly FlowEntry[], since: number, until: number): void {
    for (const row of rows) {
      if (row.protocol === TCP) continue;
      const key = flowKey(row);
      if (this.#flows.size >= FLOWS_MAX && row.state === "provisional" && !this.#flows.has(key)) continue;
      const { client, clientPort, vip, vipPort, protocol, state, untouchedMs, bucket } = row;
      this.#flows.set(key, {
        session: { client, clientPort, vip, vipPort, protocol, state, bucket },
        idleMs: idleMsOf(this.#services, row, state === "provisional"),
        touchedSince: since - untouchedMs,
        touchedUntil: until - untouchedMs,
      });
    }
  }

  /** Whether a row of a scan is of a flow without connections that is not over; also of one that there was no room to remember. */
  isLive(row: FlowEntry): boolean {
    return row.protocol !== TCP && row.untouchedMs < idleMsOf(this.#services, row, row.state === "provisional");
  }

  /** Those that may not be over; what is over is forgotten. Each is as old as it can be: seeding makes none younger. */
  live(now: number): Session[] {
    const live: Session[] = [];
    for (const [key, { session, idleMs, touchedSince, touchedUntil }] of this.#flows) {
      if (now - touchedUntil >= idleMs) this.#flows.delete(key);
      else live.push({ ...session, untouchedMs: Math.max(0, Math.ceil(now - touchedSince)) });
    }
    return live;
  }

  /** Leaves the flows of other buckets, whose histories the owner has left; what it left before is forgotten. */
  keep(isKept: (bucket: number) => boolean): void {
    this.#left = new Map([...this.#flows].filter(([, { session }]) => !isKept(session.bucket)));
    for (const key of this.#left.keys()) this.#flows.delete(key);
  }

  /** The owner is back in these buckets as if it had not left them. */
  takeBack(isBack: (bucket: number) => boolean): void {
    for (const [key, flow] of this.#left) if (isBack(flow.session.bucket)) this.#flows.set(key, flow);
  }

  /** What the owner left before is forgotten, too. */
  clear(): void {
    this.#flows.clear();
    this.#left.clear();
  }

  /** They were removed from the flow table. */
  drop(flows: readonly Session[]): void {
    for (const flow of flows) this.#flows.delete(flowKey(flow));
  }
}

/** Rows that are over, by the time that they have been untouched for: what REMOVE is to ask for. */
export function expiredRows(services: readonly Service[], rows: readonly FlowEntry[]): Map<number, FlowEntry[]> {
  const expired = new Map<number, FlowEntry[]>();
  for (const row of rows) {
    const idleMs = idleMsOf(services, row, row.state === "provisional");
    if (row.protocol === TCP || row.untouchedMs < idleMs) continue;
    expired.set(idleMs, [...(expired.get(idleMs) ?? []), row]);
  }
  return expired;
}
