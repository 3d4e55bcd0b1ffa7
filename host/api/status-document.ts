/** What `GET /v1/status` says: the appliance as its operators see it. Plain data, times in RFC 3339 and in ms. */
import type { MemberStatus } from "../supervisor/view.ts";

/** `spare`: it can be added, and is no member. */
export type BladeState = MemberStatus | "spare";
/** `absent`: no traffic manager is connected; `silent`: it is, and says nothing; `unwell`: its NIC does not answer. */
export type BladeHealth = "healthy" | "unwell" | "silent" | "absent";

export interface BladeDocument {
  readonly name: string;
  readonly status: BladeState;
  readonly health: BladeHealth;
  /** Runnable processes a CPU; null: not said. */
  readonly load: number | null;
  /** In force on its NIC; 0: none. */
  readonly generation: number;
  /** Live connections, as its traffic manager said last. */
  readonly live: number;
  /** Buckets that it is the current owner of, and a previous one. */
  readonly current: number;
  readonly previous: number;
  /** Share of the buckets relative to the others, with that of its VMs; and what load has made of it, to be multiplied. */
  readonly weight: number;
  readonly factor: number;
  /** Its port is shut at the switches. */
  readonly fenced: boolean;
  /** It was declared failed, and has said since that it had gone on all the time. */
  readonly alive: boolean;
  /** Why its NIC does not have the filter rules and stations that hold; null: it has not refused them. */
  readonly refuses: string | null;
  /** Of a drain that has one: when what is left is cut. */
  readonly deadline: string | null;
  readonly leftMs: number | null;
}

export interface OwnerDocument {
  readonly name: string;
  readonly blade: string;
  readonly status: MemberStatus;
  readonly weight: number;
  readonly factor: number;
  readonly current: number;
  readonly previous: number;
  readonly live: number;
}

/** Since the first day. */
export interface TallyDocument {
  /** Live connections that were cut: at deadlines and by removals, with failed blades, and by force; and UDP flows, after `udpDrain`. */
  readonly cut: { readonly deadline: number; readonly failed: number; readonly forced: number; readonly flows: number };
  /** Blades that were declared failed, and how often that was wrong. */
  readonly declared: number;
  readonly declaredFalsely: number;
}

export interface SwitchDocument {
  readonly name: string;
  /** That it is to have. */
  readonly role: "active" | "standby";
  /** In force; 0: none. Null: it does not answer, or has not been asked yet. */
  readonly generation: number | null;
  /** Null: it has not been asked yet. */
  readonly answers: boolean | null;
}

export interface StatusDocument {
  readonly appliance: string;
  readonly vips: readonly string[];
  /** Of the appliance manager's software. */
  readonly release: string;
  readonly at: string;
  readonly startedAt: string;
  readonly buckets: number;
  readonly generation: number;
  /** Of the reconfiguration under way, or `idle`. */
  readonly phase: string;
  /** Blades whose answer is missing in this phase. */
  readonly missing: readonly string[];
  /** Requests that wait their turn. */
  readonly waiting: readonly string[];
  readonly blades: readonly BladeDocument[];
  /** Of members: blades that serve by themselves, and VMs. */
  readonly owners: readonly OwnerDocument[];
  readonly switches: readonly SwitchDocument[];
  /** The blade whose traffic manager programs the switches; null: there are none, or it cannot be heard. */
  readonly leader: string | null;
  readonly tally: TallyDocument;
  readonly filters: number;
  readonly forward: number;
  /** Number of the newest event. */
  readonly lastEvent: number;
}
