/** What the model tells of a blade's IPD, what it gives it, and what comes of that. */
import type { BucketCommand } from "../../host/management/commands.ts";

/** Owners that there may be; owner n is the only one of blade n. */
export const BLADES_MAX = 5;
/** Connections' addresses and ports. */
export const TUPLES = 2;

/** Segments of a client. */
export const Segment = { SYN: 0, ACK: 1, FIN: 2 } as const;
/** Segments of a host. */
export const Reply = { SYN_ACK: 0, ACK: 1, FIN: 2 } as const;

export const ROW_NONE = 0;
export const ROW_OPENING = 1;
export const ROW_OTHER = 2;
/** Half-open: a SYN cookie may be out for it. Once that has run out the row is one that is being opened. */
export const ROW_COOKIE = 3;
/** Of a flow of UDP that was not touched for its service's time. */
export const ROW_OVER = 4;
export const ROW_STATE_MASK = 7;
/** Touched since the traffic manager's mark. */
export const ROW_TOUCHED = 8;

export interface IpdState {
  /** Owner number of the blade's host. */
  readonly owner: number;
  readonly generation: number;
  /** Of the bucket: owner numbers, newest first. */
  readonly history: readonly number[];
  readonly complete: boolean;
  readonly sealed: boolean;
  readonly pinned: boolean;
  readonly open: boolean;
  /** A SYN cookie may be out of which no row tells. */
  readonly lost: boolean;
  /** By tuple: ROW_NONE, or the state, with ROW_TOUCHED. */
  readonly rows: readonly number[];
  /** By owner: its handover list. LIST_MISSING, or LIST_HELD and a bit for each tuple in it. */
  readonly lists: readonly number[];
}

export const LIST_MISSING = 0;
export const LIST_HELD = 4;

export type Input =
  | { readonly kind: "frame"; readonly segment: number; readonly tuple: number; readonly tag: string; readonly generation: number }
  /** `crowded`: all places where its row could stand are taken by rows that must stay. */
  | { readonly kind: "reply"; readonly reply: number; readonly tuple: number; readonly crowded?: boolean }
  | { readonly kind: "command"; readonly command: BucketCommand }
  /** `sockets`: by tuple, a `Socket`. */
  | { readonly kind: "seed"; readonly sockets: readonly number[] }
  /** `dead`: by tuple. */
  | { readonly kind: "remove"; readonly dead: readonly boolean[] }
  | { readonly kind: "install"; readonly generation: number; readonly history: readonly number[] }
  /** Of another blade: `flows` is a bit a tuple. */
  | { readonly kind: "list"; readonly sender: number; readonly generation: number; readonly flows: number }
  /** Another flow wants the row's place. */
  | { readonly kind: "pressure"; readonly tuple: number }
  /** The image is started anew, and has its tables replayed. */
  | { readonly kind: "restart" };

export interface Redirect {
  /** Name of the `RedirectKind`. */
  readonly kind: string;
  readonly target: number;
  readonly generation: number;
}

export interface Outcome {
  /** "DELIVER", "REDIRECT" or "DROP reason" of a frame; a message's status. */
  readonly verdict: string;
  readonly redirect: Redirect | null;
}

export interface IpdOptions {
  /** Handover lists are looked for. */
  readonly lists: boolean;
  /** Rows that are being opened are told from others. Nothing that the image does depends on that but which row is evicted
   *  first, and the model lets any row go that the image lets go at all. */
  readonly rowStates: boolean;
  /** Hosts send SYN cookies, as the identity says. */
  readonly cookies: boolean;
  /** The flows are of UDP. */
  readonly udp: boolean;
}

export const FLAGS = ["complete", "sealed", "pinned", "open"] as const;

/** Whether there is a row of a flow that is not over. */
export function isLiveRow(row: number): boolean {
  return row !== ROW_NONE && (row & ROW_STATE_MASK) !== ROW_OVER;
}

/** Tells states from each other. */
export function keyOf(state: IpdState): string {
  const flags = [...FLAGS, "lost" as const].map((flag) => (state[flag] ? flag[0] : "-")).join("");
  return `${state.owner}|${state.generation}|${state.history.join("")}|${flags}|${state.rows.join(",")}|${state.lists.join(",")}`;
}
