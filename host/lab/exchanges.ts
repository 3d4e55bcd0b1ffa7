/** What clients had going on with the appliance, held against the assignments that were in force. Pure: plain data in and out. */
import { familyOf, type Family } from "../model/address.ts";
import type { LedgerEntry, Sighting } from "./ledger.ts";

/** A connection, a flow, or datagrams on one socket. Times are ms since 1970. */
export interface Exchange {
  /** For people: `download`, `iperf3 to the server`. */
  readonly what: string;
  /** Address. */
  readonly client: string;
  /** null: it never began. */
  readonly beganAt: number | null;
  /** null: it never ended. */
  readonly endedAt: number | null;
  /** That answered it; null: nobody knows. */
  readonly blade: string | null;
  /** Why it is not as its client wants it; null: it is. */
  readonly problem: string | null;
}

export interface Account {
  readonly exchanges: number;
  /** Alive when their bucket got another current owner than the blade that has them. */
  readonly moved: number;
  readonly broken: number;
  readonly movedAndBroken: number;
}

/** `buckets`: by client address. `sightings`: in order of time. */
export function accountOf(exchanges: readonly Exchange[], buckets: ReadonlyMap<string, number>, sightings: readonly Sighting[]): Account {
  const moved = exchanges.filter((exchange) => isMoved(exchange, buckets.get(exchange.client)!, sightings));
  return {
    exchanges: exchanges.length,
    moved: moved.length,
    broken: exchanges.filter(isBroken).length,
    movedAndBroken: moved.filter(isBroken).length,
  };
}

export function byFamily(exchanges: readonly Exchange[], family: Family): Exchange[] {
  return exchanges.filter(({ client }) => familyOf(client) === family);
}

export function isBroken({ problem }: Exchange): boolean {
  return problem !== null;
}

/** A TCP session of the lab's clients. */
export function exchangeOf({ session, ending, detail, blade, connectedAt, endedAt }: LedgerEntry): Exchange {
  const problem = ending === "ok" ? null : `${ending}: ${detail}`;
  return { what: session.kind, client: session.client, beganAt: connectedAt, endedAt, blade, problem };
}

function isMoved({ beganAt, endedAt, blade }: Exchange, bucket: number, sightings: readonly Sighting[]): boolean {
  if (beganAt === null) return false;
  const first = blade ?? sightings.findLast(({ at }) => at <= beganAt)?.owners[bucket] ?? null;
  return first !== null && sightings.some(({ at, owners }) => at > beganAt && (endedAt === null || at < endedAt) && owners[bucket] !== first);
}
