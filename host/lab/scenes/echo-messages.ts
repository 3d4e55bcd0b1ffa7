/** What the lab and the process that plays the clients of the echo say to each other: a JSON object a line. */

export interface EchoSession {
  readonly id: number;
  /** Address. */
  readonly client: string;
}

export type ToEchoClients =
  | { readonly kind: "start"; readonly sessions: readonly EchoSession[] }
  /** The last answers are waited for, and the results told. */
  | { readonly kind: "finish" };

/** Of one socket. Times are ms since 1970. */
export interface EchoResult {
  readonly id: number;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly asked: number;
  readonly answered: number;
  /** Answers that are not as they were sent. */
  readonly corrupt: number;
  /** Names of the servers that have answered, in the order of their first answer. */
  readonly servers: readonly string[];
  /** Whether the last that was asked was answered too. */
  readonly answeredLast: boolean;
}

export type FromEchoClients =
  /** Has its first answer. */
  | { readonly kind: "answered"; readonly id: number }
  | { readonly kind: "result"; readonly result: EchoResult };
