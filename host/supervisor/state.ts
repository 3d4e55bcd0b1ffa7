/**
 * All that an appliance manager must not forget, as plain data: it goes through JSON unchanged, and holds nothing of the
 * process that wrote it. Times are ms on the appliance manager's clock, which is wall time that never goes back.
 */
import type { Filter, Forward } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { FlowsCut } from "./messages.ts";
import type { Reconfiguration } from "./reconfiguration.ts";
import type { Request } from "./requests.ts";
import type { SwitchRoleName } from "./switch-driver.ts";
import type { View } from "./view.ts";

/** Raised when an older program could misread the state. */
export const STATE_FORMAT = 1;

/** A request that waits, or the end of a drain that connections are cut for. */
export type Task =
  | { readonly kind: "request"; readonly id: number; readonly request: Request; readonly at: number }
  | { readonly kind: "cut"; readonly blade: string; readonly live: number };

export interface DrainState {
  readonly owners: readonly string[];
  /** Null: none. */
  readonly deadline: number | null;
  /** At its end: its live connections are being counted. */
  readonly counting: boolean;
}

/** A blade whose switch port is shut. */
export interface Fence {
  readonly port: number;
  /** It is opened once the blade has this generation in force; null: until it is added again. */
  readonly opensAt: number | null;
  /** The blade has failed, and was heard since to have gone on all the time. Absent: no. */
  readonly alive?: true;
}

/** What the switches are to have. */
export interface SwitchPlan {
  /** Grows with every change. */
  readonly serial: number;
  /** By switch name. */
  readonly roles: Readonly<Record<string, SwitchRoleName>>;
  /** The newest one that steers. */
  readonly assignment: Assignment;
  /** Not all of them have said that they have it. */
  readonly behind: boolean;
}

/** A switch is being made the active one. */
export interface Activation {
  readonly id: number;
  readonly name: string;
  readonly since: number;
  /** To go back to when it does not answer. */
  readonly before: Readonly<Record<string, SwitchRoleName>>;
}

/** The filter rules and stations of all nodes, each entry with the node that it is for. */
export interface Tables {
  /** Grows with every change; 0: those of the appliance file, that every node was started with. */
  readonly revision: number;
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
}

/** Lists that are on their way to the nodes. */
export interface TablesChange {
  readonly since: number;
  readonly before: Tables;
  /** Blades that have not answered. */
  readonly waiting: readonly string[];
  readonly switchesWaiting: boolean;
}

/** What was lost, and who was declared dead, since the first day. */
export interface Tally {
  /** Live connections that were cut: at the deadline of a drain (a removal is one), with a failed blade, and by force,
   *  where histories would have been too long; and UDP flows that had held a bucket back for too long. */
  readonly cut: { readonly deadline: number; readonly failed: number; readonly forced: number; readonly flows: number };
  /** Blades that were declared failed. */
  readonly declared: number;
  /** Of these: they said later that they had gone on all the time. */
  readonly declaredFalsely: number;
}

/** What is under way: one thing at a time. */
export type Running =
  | { readonly kind: "reconfiguration"; readonly state: Reconfiguration; readonly task: Task | null }
  | { readonly kind: "tables"; readonly change: TablesChange; readonly task: Task };

export interface ApplianceState {
  readonly format: typeof STATE_FORMAT;
  readonly view: View;
  /** The newest that is in force somewhere, or on its way there. */
  readonly assignment: Assignment;
  /** The last generation that was given out, to a reconfiguration that was called off too. */
  readonly generation: number;
  /** When the last one was begun or first installed; null: there was none. */
  readonly generationAt: number | null;
  /** The last number that was given to a request. */
  readonly requests: number;
  readonly running: Running | null;
  readonly waiting: readonly Task[];
  /** By blade. */
  readonly drains: Readonly<Record<string, DrainState>>;
  /** Live connections that were cut at a deadline or with a failed blade, by blade. */
  readonly cuts: Readonly<Record<string, number>>;
  /** Blades that are removed once they are offline, with the request that asks for it. */
  readonly removals: Readonly<Record<string, number>>;
  /** By blade. */
  readonly fenced: Readonly<Record<string, Fence>>;
  readonly tally: Tally;
  /** As blades' traffic managers have said last, where they have cut any. By blade. */
  readonly flowsCut: Readonly<Record<string, FlowsCut>>;
  readonly switches: SwitchPlan;
  readonly activation: Activation | null;
  readonly tables: Tables;
}
