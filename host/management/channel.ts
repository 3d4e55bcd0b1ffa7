/** What a management session needs from the world. */
import type { Layout } from "../engine/layout.ts";

export type Cancel = () => void;

export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  after(ms: number, run: () => void): Cancel;
}

/** The management channel to one shim (a blade's or a switch's). Requests and answers may be lost or late: callers
 *  time out and repeat with the same bytes. */
export interface ManagementChannel {
  /** Layout of the image at the other end. */
  readonly layout: Layout;
  request(message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void;
}
