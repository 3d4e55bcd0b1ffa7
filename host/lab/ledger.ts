/** What became of every session, held against the assignments that were in force. Pure: plain data in and out. */
import type { PlannedSession, SessionResult } from "./sessions.ts";

/** An assignment, as the appliance manager told it. Times are ms since 1970. */
export interface Sighting {
  readonly at: number;
  readonly generation: number;
  /** By bucket: the blade of the current owner; null: none. */
  readonly owners: readonly (string | null)[];
}

/** A segment with RST that came from the VIP. */
export interface Reset {
  readonly client: string;
  readonly clientPort: number;
  readonly at: number;
}

export interface Failure {
  readonly blade: string;
  readonly at: number;
}

export interface LedgerSources {
  readonly sessions: readonly PlannedSession[];
  /** By id. A session without one never came to its end. */
  readonly results: ReadonlyMap<number, SessionResult>;
  /** By client address. */
  readonly buckets: ReadonlyMap<string, number>;
  /** In order of time. */
  readonly sightings: readonly Sighting[];
  readonly resets: readonly Reset[];
  /** A blade that was failed on purpose. */
  readonly failure: Failure | null;
}

export type Ending = SessionResult["outcome"] | "unfinished";

export interface LedgerEntry {
  readonly session: PlannedSession;
  readonly ending: Ending;
  readonly detail: string;
  /** That answered it: as the server said, else the owner of its bucket when it connected. */
  readonly blade: string | null;
  readonly connectedAt: number | null;
  readonly endedAt: number | null;
  /** When its bucket was first seen to have another current owner than `blade`, while it lived; null: never. */
  readonly movedAt: number | null;
  /** It lived on the blade that was failed on purpose, when that happened. */
  readonly onFailedBlade: boolean;
  readonly resets: number;
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  /** That belong to no session. */
  readonly strayResets: number;
}

export function isBroken({ ending }: LedgerEntry): boolean {
  return ending !== "ok";
}

export function keepLedger(sources: LedgerSources): Ledger {
  const resets = countBy(sources.resets.map(({ client, clientPort }) => `${client}:${clientPort}`));
  const entries = sources.sessions.map((session) => entryOf(session, sources, resets));
  const attributed = entries.reduce((sum, entry) => sum + entry.resets, 0);
  return { entries, strayResets: sources.resets.length - attributed };
}

function entryOf(session: PlannedSession, sources: LedgerSources, resets: ReadonlyMap<string, number>): LedgerEntry {
  const { buckets, sightings, failure } = sources;
  const result = sources.results.get(session.id);
  const bucket = buckets.get(session.client)!;
  const connectedAt = result?.connectedAt ?? null;
  const endedAt = result?.endedAt ?? null;
  const blade = result?.blade ?? (connectedAt === null ? null : ownerAt(sightings, bucket, connectedAt));
  const isAliveAt = (at: number): boolean => connectedAt !== null && connectedAt < at && (endedAt === null || endedAt > at);
  const moved = sightings.find(({ at, owners }) => blade !== null && isAliveAt(at) && owners[bucket] !== blade);
  return {
    session,
    ending: result?.outcome ?? "unfinished",
    detail: result?.detail ?? "it never came to its end",
    blade,
    connectedAt,
    endedAt,
    movedAt: moved?.at ?? null,
    onFailedBlade: failure !== null && blade === failure.blade && isAliveAt(failure.at),
    resets: result === undefined ? 0 : (resets.get(`${session.client}:${result.clientPort}`) ?? 0),
  };
}

function ownerAt(sightings: readonly Sighting[], bucket: number, at: number): string | null {
  return sightings.findLast((sighting) => sighting.at <= at)?.owners[bucket] ?? null;
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
