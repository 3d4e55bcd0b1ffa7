/**
 * What managers say to each other. Plain data. Any message may be lost, late or repeated: requests are repeated until
 * they are answered, and answering one again does no harm.
 */
import type { FlowKey } from "../management/commands.ts";
import type { FilterEntry, ForwardStation } from "../management/tables.ts";
import type { Assignment } from "../model/assignment.ts";
import type { SwitchesState, SwitchFound, SwitchProblem } from "./switch-driver.ts";
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

/** Flows without connections that a traffic manager has cut because they had held their bucket back for too long. */
export interface FlowsCut {
  /** When it was started, by its clock: one that is started anew counts anew. */
  readonly since: number;
  readonly flows: number;
}

/** Buckets whose current owners have no handover list of a previous one. */
export interface Lacking {
  /** The previous owner. */
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
  /** To the leading traffic manager: program the switches, standby first. `serial` only grows. */
  | ({ readonly kind: "switch"; readonly serial: number; readonly digest: string } & SwitchesState)
  /** To the leading traffic manager, again and again: ask these switches what they have, and say so in `Sessions`. */
  | { readonly kind: "lead"; readonly switches: readonly string[] }
  /** The filter rules and stations of this blade. `revision` only grows. */
  | {
      readonly kind: "tables";
      readonly revision: number;
      readonly filters: readonly FilterEntry[];
      readonly forward: readonly ForwardStation[];
    }
  /** Count the live connections of these owners now. */
  | { readonly kind: "count"; readonly owners: readonly string[] };

/** Why something was refused; the parts of a DobbsError. */
export interface Problem {
  readonly code: string;
  readonly why: string;
  readonly mend: string;
}

/** Traffic manager -> appliance manager. */
export type Report =
  | { readonly kind: "prepared"; readonly generation: number; readonly digest: string; readonly seeded: number }
  | { readonly kind: "refused"; readonly generation: number; readonly code: string; readonly why: string }
  | { readonly kind: "installed"; readonly generation: number }
  | { readonly kind: "not-installed"; readonly generation: number; readonly why: string }
  | { readonly kind: "switched"; readonly serial: number; readonly problems: readonly SwitchProblem[] }
  /** `problem`: null, or why the tables are what they were. */
  | { readonly kind: "tabled"; readonly revision: number; readonly problem: Problem | null }
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
  /** Owners that QUIC connections live at, as far as their packets show; null: that is not known now. */
  readonly lingering: readonly string[] | null;
  readonly flowsCut: FlowsCut;
  /** Handover lists that its current owners want: of these previous owners, on other blades. */
  readonly lacking: readonly Lacking[];
  /** Revision of the filter rules and stations that its IPD has; 0: those that it was started with. */
  readonly tables: number;
  /** Run queue of its host, divided by its CPUs; null: not known. */
  readonly load: number | null;
  /** By switch name, null for one that does not answer; null while it does not lead. */
  readonly switches: Readonly<Record<string, SwitchFound | null>> | null;
}

/** Traffic manager of a previous owner -> that of the current one: its handover lists, each of them whole. */
export interface Handover {
  readonly kind: "handover";
  /** In force on the sender's IPD from the beginning to the end of the scan. */
  readonly generation: number;
  /** The previous owner, on the sender's blade. */
  readonly owner: string;
  readonly lists: readonly HandoverList[];
}

export interface HandoverList {
  readonly bucket: number;
  readonly flows: readonly FlowKey[];
}

/** Traffic manager -> traffic manager. */
export type PeerMessage = Sessions | Handover;

export type ManagerMessage = Order | Report | Handover;

export { APPLIANCE_MANAGER } from "../model/taken-name.ts";
