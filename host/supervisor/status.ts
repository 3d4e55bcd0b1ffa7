/** A snapshot of an appliance, as plain data. */
import type { Assignment } from "../model/assignment.ts";
import type { Drains } from "./drains.ts";
import type { Phase, Reconfiguration } from "./reconfiguration.ts";
import { bucketCounts, previousBuckets } from "./succession.ts";
import type { MemberStatus, View } from "./view.ts";
import type { Watch } from "./watch.ts";

export interface OwnerStatus {
  readonly name: string;
  readonly blade: string;
  readonly status: MemberStatus;
  readonly weight: number;
  /** Buckets that it is the current owner of. */
  readonly current: number;
  /** Buckets that it is a previous owner of. */
  readonly previous: number;
  /** Live connections, as its traffic manager said last. */
  readonly live: number;
}

export interface BladeStatus {
  readonly name: string;
  readonly status: MemberStatus;
  /** In force on its IPD, as its traffic manager said last. */
  readonly generation: number;
  readonly healthy: boolean;
  readonly silent: boolean;
  /** ms on the appliance manager's clock, null: none. */
  readonly deadline: number | null;
}

export interface ApplianceStatus {
  readonly generation: number;
  readonly phase: Phase | "idle";
  /** Blades whose answer is missing in this phase. */
  readonly missing: readonly string[];
  /** Requests that wait their turn. */
  readonly waiting: readonly string[];
  readonly blades: readonly BladeStatus[];
  readonly owners: readonly OwnerStatus[];
}

export interface StatusSources {
  readonly now: number;
  readonly view: View;
  readonly assignment: Assignment;
  readonly reconfiguration: Reconfiguration | null;
  readonly waiting: readonly string[];
  readonly watch: Watch;
  readonly drains: Drains;
}

export function applianceStatus({
  now,
  view,
  assignment,
  reconfiguration,
  waiting,
  watch,
  drains,
}: StatusSources): ApplianceStatus {
  const counts = bucketCounts(assignment);
  const members = [...view.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const blades = new Map(members.map(({ blade, status }) => [blade, status]));
  return {
    generation: assignment.generation,
    phase: reconfiguration?.phase ?? "idle",
    missing: reconfiguration?.waiting ?? [],
    waiting,
    blades: [...blades].map(([name, status]) => ({
      name,
      status,
      generation: watch.lastOf(name)?.generation ?? 0,
      healthy: watch.lastOf(name)?.healthy ?? false,
      silent: watch.isSilent(name, now),
      deadline: drains.deadlineOf(name),
    })),
    owners: members.map(({ name, blade, status, weight }) => ({
      name,
      blade,
      status,
      weight,
      current: counts[name] ?? 0,
      previous: previousBuckets(assignment, name).length,
      live: (watch.lastOf(blade)?.counts ?? []).reduce((sum, { owner, live }) => sum + (owner === name ? live : 0), 0),
    })),
  };
}
