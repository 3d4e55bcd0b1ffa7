/**
 * What the supervisor (traffic managers, appliance manager) needs from the world. In production these are sockets and
 * timers; in the emulator they are virtual. Supervisor code calls nothing else, keeps no promise and reads no clock of
 * its own, so that one seed gives one run.
 */
import type { ApplianceState } from "./state.ts";

export type { Cancel, Clock, ManagementChannel } from "../management/channel.ts";

/** A live connection of the blade's host, as its TCP stack has it. Half-open and closing ones count. */
export interface HostSocket {
  readonly client: string;
  readonly clientPort: number;
  readonly vip: string;
  readonly vipPort: number;
  /** `time-wait` is not live: the host keeps no data for it. */
  readonly state: "half-open" | "established" | "closing" | "time-wait";
}

/** The host (or VM) behind one owner. */
export interface HostSockets {
  /** Reads the socket table. The rows are those of one instant between call and answer. */
  read(onRows: (rows: readonly HostSocket[]) => void): void;
  /** SYN cookies that the host has sent since it was started; null: it cannot be told now, so any may be out. */
  cookiesSent(): number | null;
  /** A frame that is between NIC and host now, in either direction, has arrived after this many ms. */
  readonly queueMs: number;
}

/** Messages between managers. Plain data; delivery may fail, be late or repeat. */
export interface Peers<M> {
  send(to: string, message: M): void;
}

/** Where the appliance manager's state outlives it. */
export interface Store {
  /** Durable when it returns. Throws when it cannot be: nothing of what follows from the state is done then. */
  save(state: ApplianceState): void;
}

/** What happened, for people: the emulator's timeline, logs. */
export interface Journal {
  note(event: string, details: Readonly<Record<string, string | number | boolean>>): void;
}
