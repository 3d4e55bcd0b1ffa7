/** A snapshot of an appliance, as plain data. */
import type { Core } from "./core.ts";
import type { Phase } from "./reconfiguration.ts";
import { describe } from "./requests.ts";
import type { Tally, Task } from "./state.ts";
import { bucketCounts, previousBuckets } from "./succession.ts";
import type { SwitchControl } from "./switch-control.ts";
import type { SwitchRoleName } from "./switch-driver.ts";
import type { TablesControl } from "./tables-control.ts";
import type { MemberStatus } from "./view.ts";

export interface OwnerStatus {
  readonly name: string;
  readonly blade: string;
  readonly status: MemberStatus;
  /** As operators say. */
  readonly weight: number;
  /** What load has made of it: the weight is multiplied by this. */
  readonly factor: number;
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
  /** Its port is shut on the switches. */
  readonly fenced: boolean;
  /** It was declared failed, and was heard since to have gone on all the time. */
  readonly alive: boolean;
  /** Run queue of its host, divided by its CPUs; null: not known. */
  readonly load: number | null;
  /** Why it does not have the filter rules and stations that hold; null: it has not refused them. */
  readonly refuses: string | null;
  /** ms on the appliance manager's clock, null: none. */
  readonly deadline: number | null;
}

export interface SwitchStatus {
  readonly name: string;
  /** That it is to have. */
  readonly role: SwitchRoleName;
  /** In force, as the leading traffic manager found last; 0: none. */
  readonly generation: number;
  /** Whether it answered then; null: it has not been asked yet. */
  readonly answers: boolean | null;
}

export interface ApplianceStatus {
  readonly generation: number;
  /** `tables`: filter rules or stations are on their way. */
  readonly phase: Phase | "idle" | "tables";
  /** Blades whose answer is missing in this phase. */
  readonly missing: readonly string[];
  /** Requests that wait their turn. */
  readonly waiting: readonly string[];
  readonly blades: readonly BladeStatus[];
  readonly owners: readonly OwnerStatus[];
  readonly switches: readonly SwitchStatus[];
  /** The blade that programs the switches; null: none can be heard. */
  readonly leader: string | null;
  readonly tally: Tally;
}

export function applianceStatus(core: Core, switches: SwitchControl, tables: TablesControl): ApplianceStatus {
  const { state, watch, now } = core;
  const { view, assignment, running } = state;
  const counts = bucketCounts(assignment);
  const members = [...view.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const blades = new Map(members.map(({ blade, status }) => [blade, status]));
  const under = running?.kind === "tables" ? running.change : running?.state;
  return {
    generation: assignment.generation,
    phase: running === null ? "idle" : running.kind === "tables" ? "tables" : running.state.phase,
    missing: under?.waiting ?? [],
    waiting: state.waiting.map(describeTask),
    blades: [...blades].map(([name, status]) => ({
      name,
      status,
      generation: watch.lastOf(name)?.generation ?? 0,
      healthy: watch.lastOf(name)?.healthy ?? false,
      silent: watch.isSilent(name, now),
      fenced: state.fenced[name] !== undefined,
      alive: state.fenced[name]?.alive ?? false,
      load: watch.lastOf(name)?.load ?? null,
      refuses: tables.refusalOf(name),
      deadline: state.drains[name]?.deadline ?? null,
    })),
    owners: members.map(({ name, blade, status, weight, factor = 1 }) => ({
      name,
      blade,
      status,
      weight,
      factor,
      current: counts[name] ?? 0,
      previous: previousBuckets(assignment, name).length,
      live: (watch.lastOf(blade)?.counts ?? []).reduce((sum, { owner, live }) => sum + (owner === name ? live : 0), 0),
    })),
    switches: Object.entries(state.switches.roles).map(([name, role]) => ({
      name,
      role,
      generation: switches.found(name)?.generation ?? 0,
      answers: switches.isSilent(name) ? false : switches.found(name) === null ? null : true,
    })),
    leader: switches.exist ? switches.leader : null,
    tally: state.tally,
  };
}

function describeTask(task: Task): string {
  return task.kind === "request" ? describe(task.request) : `cut ${task.blade}`;
}
