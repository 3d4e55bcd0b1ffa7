/** What the lab and the process that plays the QUIC clients say to each other: a JSON object a line. */

export interface QuicSession {
  readonly id: number;
  /** Address. */
  readonly client: string;
  /** The one that it changes to when it is told so; null: it does not. */
  readonly next: string | null;
  /** `address:port`, `[address]:port`. */
  readonly server: string;
}

export type ToQuicClients =
  | { readonly kind: "start"; readonly sessions: readonly QuicSession[] }
  /** Sessions with another address take it. */
  | { readonly kind: "change-address" }
  /** Whatever is under way is the last, and the results are told. */
  | { readonly kind: "finish" };

/** Times are ms since 1970. */
export type FromQuicClients =
  | { readonly kind: "connected"; readonly id: number; readonly at: number; readonly blade: string }
  /** The server has answered to the other address. */
  | { readonly kind: "changed-address"; readonly id: number }
  | {
      readonly kind: "ended";
      readonly id: number;
      readonly at: number;
      readonly requests: number;
      /** Of long transfers; as many went up. */
      readonly downloadedBytes: number;
      readonly problem: string | null;
    };
