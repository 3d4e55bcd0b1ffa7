/**
 * What managers say to each other. Plain data. Any message may be lost, late or repeated: requests are repeated until
 * they are answered, and answering one again does no harm.
 */
import type { Assignment } from "../model/assignment.ts";
import type { View } from "./view.ts";

/** Live connections of one owner in one bucket. */
export interface SessionCount {
  readonly owner: string;
  readonly bucket: number;
  readonly live: number;
}

/** Buckets of which an owner has proved, by the drain handshake, that it has no connection left in them. */
export interface Drained {
  readonly owner: string;
  readonly buckets: readonly number[];
}

/** Appliance manager -> traffic manager. */
export type Order =
  /** Compute the assignment that follows `last` under `view` and get ready to lose what it takes away. */
  | { readonly kind: "prepare"; readonly generation: number; readonly view: View; readonly last: Assignment }
  /** The generation that was to be prepared will not come. */
  | { readonly kind: "abort"; readonly generation: number }
  | { readonly kind: "install"; readonly assignment: Assignment }
  /** To the leading traffic manager: program the switches, standby first. */
  | { readonly kind: "switch"; readonly assignment: Assignment; readonly digest: string }
  /** Count the live connections of these owners now. */
  | { readonly kind: "count"; readonly owners: readonly string[] };

/** Traffic manager -> appliance manager. */
export type Report =
  | { readonly kind: "prepared"; readonly generation: number; readonly digest: string; readonly seeded: number }
  | { readonly kind: "refused"; readonly generation: number; readonly code: string; readonly why: string }
  | { readonly kind: "installed"; readonly generation: number }
  | { readonly kind: "not-installed"; readonly generation: number; readonly why: string }
  | { readonly kind: "switched"; readonly generation: number; readonly problems: readonly string[] }
  | { readonly kind: "counted"; readonly live: readonly { readonly owner: string; readonly live: number }[] }
  | Sessions;

/** Traffic manager -> appliance manager and all its peers, at every look at its sockets. */
export interface Sessions {
  readonly kind: "sessions";
  /** Generation in force on its IPD when it looked; 0: none. */
  readonly generation: number;
  /** Whether its IPD answers. */
  readonly healthy: boolean;
  /** Blades that it may tell: the other traffic managers. */
  readonly counts: readonly SessionCount[];
  /** Proved under `generation`. */
  readonly drained: readonly Drained[];
}

export type ManagerMessage = Order | Report;

/** The appliance manager's address among its peers; no blade may have this name. */
export const APPLIANCE_MANAGER = "appliance-manager";
