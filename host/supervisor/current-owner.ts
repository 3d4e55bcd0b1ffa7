/**
 * Puts live connections of current buckets back into the flow table, after the IPD was started anew or its table has
 * overflowed. To a current owner the table is only a cache: what is missing there costs hops, and so does what could
 * not be put back.
 */
import type { ManagementSession, OnResult, Scope } from "../management/session.ts";
import type { Clock } from "./environment.ts";
import type { OwnerSessions } from "./sessions.ts";

/** `buckets`: those to be filled. Answers with the number of connections that were put. */
export function refill(
  clock: Clock,
  session: ManagementSession,
  sessions: OwnerSessions,
  scope: Scope,
  buckets: readonly number[],
  onRefilled: OnResult<number>,
): void {
  const wanted = new Set(buckets);
  // A frame that ends a connection may be between host and NIC: read after it has arrived.
  clock.after(sessions.queueMs, () =>
    sessions.read(scope, (table) => {
      if (!table.ok) return onRefilled(table);
      const flows = table.value.live.filter(({ bucket }) => wanted.has(bucket));
      if (flows.length === 0) return onRefilled({ ...table, value: 0 });
      session.seed(scope, flows, (put) => {
        if (put.ok) return onRefilled({ ...put, value: flows.length });
        if (put.refusal.status !== "OUT_OF_ROOM") return onRefilled(put);
        onRefilled({ ok: true, value: put.refusal.detail, generation: scope.generation });
      });
    }),
  );
}
