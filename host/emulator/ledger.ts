/** What became of every connection of a run: the measurements that its report is made of. */
import type { PlannedConnection } from "./traffic.ts";

/** `cut`: reset, as was announced, by the deadline of a drain, or a tunnel after `udpDrain`. `keeping`: meant to stay open, and did. */
export type Outcome = "planned" | "opening" | "open" | "closing" | "done" | "keeping" | "reset" | "corrupt" | "stalled" | "cut";

/** A connection that stays open has stalled when an exchange of its has not come to an end for this long. */
const STALLED_US = 3_000_000;

/** One end of a connection that a host has. */
export interface LiveConnection {
  /** Address. */
  readonly client: string;
  readonly clientPort: number;
}

export class ConnectionRecord {
  readonly plan: PlannedConnection;
  outcome: Outcome = "planned";
  /** Where its client is now. */
  client: string;
  clientPort = 0;
  /** Whether it has nothing to say at the moment. */
  silent = false;
  /** When the last exchange began or ended. */
  lastActionUs = 0;
  /** The owner whose host accepted it. */
  servedBy: string | null = null;
  establishedUs: number | null = null;
  /** When its bucket had another current owner than `servedBy` for the first time while it was established. */
  moved: { readonly atUs: number; readonly silent: boolean } | null = null;
  /** When its client has gone on from another address or port. */
  migratedUs: number | null = null;
  brokenUs: number | null = null;
  /** When the host that had it was done with it. */
  closedUs: number | null = null;
  /** Payload bytes that arrived, checked by both ends. */
  bytes = 0;
  /** Of a tunnel: those that never arrived, which it allows. */
  datagramsLost = 0;

  constructor(plan: PlannedConnection) {
    this.plan = plan;
    this.client = plan.client;
  }

  /** Ended otherwise than it should have, and not by an announced cut. */
  get isBroken(): boolean {
    return this.outcome === "reset" || this.outcome === "corrupt" || this.outcome === "stalled";
  }

  get isEstablished(): boolean {
    return this.outcome === "open" && this.servedBy !== null;
  }

  break(how: "reset" | "corrupt", nowUs: number): void {
    // The first thing that went wrong is the one that counts.
    if (this.isBroken || this.outcome === "cut") return;
    this.outcome = how;
    this.brokenUs = nowUs;
  }
}

export class Ledger {
  readonly records: readonly ConnectionRecord[];
  readonly #byTuple = new Map<string, ConnectionRecord>();
  /** Tunnels that were cut after `udpDrain`. */
  #overdue = 0;

  constructor(plans: readonly PlannedConnection[]) {
    this.records = plans.map((plan) => new ConnectionRecord(plan));
  }

  /** The client has chosen its port. */
  opened(record: ConnectionRecord, clientPort: number): void {
    record.outcome = "opening";
    record.clientPort = clientPort;
    this.#byTuple.set(tuple(record.client, clientPort), record);
  }

  /** The client goes on from here. It is found by where it was before, too: frames are on their way from there. */
  migrated(record: ConnectionRecord, client: string, clientPort: number, nowUs: number): void {
    record.client = client;
    record.clientPort = clientPort;
    record.migratedUs = nowUs;
    this.#byTuple.set(tuple(client, clientPort), record);
  }

  find(client: string, clientPort: number): ConnectionRecord | undefined {
    return this.#byTuple.get(tuple(client, clientPort));
  }

  /** Current owners have changed: marks and returns the connections that live on while their bucket leaves the host
   *  that has them. Not those that have left their bucket themselves. */
  moved(nowUs: number, currentOwner: (client: string) => string | undefined): ConnectionRecord[] {
    const moved = this.records.filter(
      (record) => record.isEstablished && !record.moved && record.client === record.plan.client
        && currentOwner(record.client) !== record.servedBy,
    );
    for (const record of moved) record.moved = { atUs: nowUs, silent: record.silent };
    return moved;
  }

  /** These were live on a blade that was taken off with their loss announced; resets from `sinceUs` on are that loss. */
  cut(records: readonly ConnectionRecord[], sinceUs: number): void {
    for (const record of records) {
      if (record.brokenUs === null || record.brokenUs >= sinceUs) record.outcome = "cut";
    }
  }

  /** Of these, tunnels whose bucket has moved for `drainUs`, or had when they were reset: their blades have cut them, as they say of
   *  `flows` in all. Returns how many these are. */
  cutOverdue(records: readonly ConnectionRecord[], { drainUs, nowUs, flows }: { drainUs: number; nowUs: number; flows: number }): number {
    const overdue = records.filter(
      ({ plan, moved, brokenUs }) => plan.kind === "udp" && moved !== null && (brokenUs ?? nowUs) - moved.atUs >= drainUs,
    );
    const announced = overdue.slice(0, flows - this.#overdue);
    for (const record of announced) record.outcome = "cut";
    this.#overdue += announced.length;
    return announced.length;
  }

  /** The run is over: what has not come to its end has stalled. */
  close(nowUs: number): void {
    for (const record of this.records) {
      if (record.outcome === "open" && record.plan.keeps) {
        const alive = record.silent || nowUs - record.lastActionUs < STALLED_US;
        record.outcome = alive ? "keeping" : "stalled";
      } else if (record.outcome === "open" || record.outcome === "opening" || record.outcome === "closing") {
        record.outcome = "stalled";
      }
    }
  }
}

function tuple(client: string, port: number): string {
  return `${client}:${port}`;
}
