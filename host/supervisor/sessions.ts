/**
 * The sessions of one owner: the host's socket table, with the bucket of each connection as the image says; and of protocols
 * without connections, its mirror of the flow table.
 */
import type { Flow, FlowEntry, FlowKey, FlowStateName } from "../management/commands.ts";
import type { OnResult, ManagementSession, Scope } from "../management/session.ts";
import type { Clock, HostSocket, HostSockets } from "./environment.ts";
import type { FlowMirror } from "./flow-mirror.ts";

export interface Session extends Flow {
  readonly bucket: number;
}

/** A host's socket table at one instant, and what else lives there. */
export interface SessionTable {
  /** Half-open, established and closing connections, and flows of other protocols that are not over. */
  readonly live: readonly Session[];
  /** Connections by bucket; buckets without one are left out. */
  readonly liveByBucket: ReadonlyMap<number, number>;
  /** Keys (`flowKey`) of all sockets, those in time-wait too. */
  readonly keys: ReadonlySet<string>;
  /** When the reading began: what is in the table was so at this time or later. */
  readonly since: number;
}

export const TCP = 6;

const FLOW_STATES: Readonly<Record<Exclude<HostSocket["state"], "time-wait">, FlowStateName>> = {
  "half-open": "half-open",
  established: "established",
  closing: "closing",
};

export function flowKey(flow: FlowKey): string {
  return `${flow.protocol} ${flow.client} ${flow.clientPort} ${flow.vip} ${flow.vipPort}`;
}

export class OwnerSessions {
  readonly #clock: Clock;
  readonly #session: ManagementSession;
  readonly #sockets: HostSockets;
  readonly #vips: ReadonlySet<string>;
  readonly #mirror: FlowMirror;
  /** Buckets of the clients that had sockets at the last reading: a client's bucket never changes in service. */
  #buckets: ReadonlyMap<string, number> = new Map();

  /** Connections to other addresses than `vips` are the host's own affair. */
  constructor(clock: Clock, session: ManagementSession, sockets: HostSockets, vips: readonly string[], mirror: FlowMirror) {
    this.#clock = clock;
    this.#mirror = mirror;
    this.#session = session;
    this.#sockets = sockets;
    this.#vips = new Set(vips);
  }

  /** A frame that is between NIC and host now has arrived after this many ms. */
  get queueMs(): number {
    return this.#sockets.queueMs;
  }

  /** Rows of the flow table in previous buckets; what is known of flows without connections there is up to date then. */
  refresh(scope: Scope, onRows: OnResult<FlowEntry[]>): void {
    const since = this.#clock.now();
    this.#session.list({ previousOnly: true }, (result) => {
      if (!result.ok) return onRows(result);
      const rows = result.value.filter(({ owner }) => owner === scope.owner);
      // If another assignment has come into force meanwhile, the owner may have been away, and others may have these flows.
      if (result.generation === scope.generation) this.#mirror.note(rows, since, this.#clock.now());
      onRows({ ...result, value: rows });
    });
  }

  /** See `FlowMirror.isLive`. */
  isLive(row: FlowEntry): boolean {
    return this.#mirror.isLive(row);
  }

  /** Buckets with flows without connections. */
  mirroredBuckets(): Set<number> {
    return new Set(this.#mirror.live(this.#clock.now()).map(({ bucket }) => bucket));
  }

  /** Reads the socket table. Refused as LOCATE is. */
  read(scope: Scope, onTable: OnResult<SessionTable>): void {
    const since = this.#clock.now();
    this.#sockets.read((rows) => {
      const ours = rows.filter(({ vip }) => this.#vips.has(vip));
      const live = ours.flatMap((row): Flow[] =>
        row.state === "time-wait" ? [] : [{ ...row, protocol: TCP, state: FLOW_STATES[row.state] }],
      );
      const keys = new Set(ours.map((row) => flowKey({ ...row, protocol: TCP })));
      this.#locate(scope, live, (result) => {
        if (!result.ok) return onTable(result);
        const buckets = result.value;
        this.#buckets = new Map(live.map(({ client }) => [client, buckets.get(client)!]));
        const connections = live.map((flow) => ({ ...flow, bucket: buckets.get(flow.client)! }));
        const sessions = [...connections, ...this.#mirror.live(this.#clock.now())];
        onTable({ ...result, value: { live: sessions, liveByBucket: countByBucket(sessions), keys, since } });
      });
    });
  }

  /** Live connections that the host lists in `buckets`. Under generation 0 the image cannot tell buckets, and all are counted. */
  countIn(scope: Scope, buckets: readonly number[], onCount: OnResult<number>): void {
    if (scope.generation > 0) {
      const wanted = new Set(buckets);
      return this.read(scope, (table) =>
        onCount(table.ok ? { ...table, value: table.value.live.filter(({ protocol, bucket }) => protocol === TCP && wanted.has(bucket)).length } : table),
      );
    }
    this.#sockets.read((rows) => {
      const live = rows.filter(({ vip, state }) => this.#vips.has(vip) && state !== "time-wait");
      onCount({ ok: true, value: live.length, generation: 0 });
    });
  }

  /** The bucket of each client. */
  #locate(scope: Scope, flows: readonly Flow[], onBuckets: OnResult<ReadonlyMap<string, number>>): void {
    // Another reading may end in between, and forget what this one counts on.
    const known = this.#buckets;
    const unknown = new Map(
      flows.filter(({ client }) => !known.has(client)).map((flow) => [flow.client, flow]),
    );
    if (unknown.size === 0) return onBuckets({ ok: true, value: known, generation: scope.generation });
    this.#session.locate(scope, [...unknown.values()], (result) => {
      if (!result.ok) return onBuckets(result);
      const found = result.value.map(({ client, bucket }) => [client, bucket] as const);
      onBuckets({ ...result, value: new Map([...known, ...found]) });
    });
  }
}

function countByBucket(sessions: readonly Session[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { bucket } of sessions) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  return counts;
}
