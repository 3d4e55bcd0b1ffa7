/** What both sides of a tunnel do: number what they send, keep the tunnel alive, send bursts, and count what comes. */
import { US_PER_SECOND, type VirtualClock } from "../clock.ts";
import { Payload } from "../exchange.ts";
import { type Body, type Burst, type Count, encodeMessage, type Message } from "./message.ts";
import type { Cancel } from "../../supervisor/environment.ts";

/** A side that has sent nothing for so long sends a keep-alive, as WireGuard does. */
export const KEEP_ALIVE_US = 10 * US_PER_SECOND;

export interface TunnelSideOptions {
  readonly clock: VirtualClock;
  readonly send: (datagram: Uint8Array) => void;
  /** Makes this side's payload another one than the other's. */
  readonly side: "client" | "server";
}

export class TunnelSide {
  readonly #options: TunnelSideOptions;
  /** The session's index at the other side. */
  #index = 0;
  #counter = 0;
  readonly #seen = new Set<number>();
  #burst = -1;
  #sending = false;
  #sent = 0;
  #received = 0;
  #cancelKeepAlive: Cancel = () => undefined;
  #over = false;

  constructor(options: TunnelSideOptions) {
    this.#options = options;
  }

  /** The session is established: from now on it is kept alive. */
  establish(index: number): void {
    this.#index = index;
    this.#keepAlive();
  }

  /** Nothing is sent any more, but for what is asked for. */
  end(): void {
    this.#over = true;
    this.#cancelKeepAlive();
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The burst that is under way, or was last; -1: none. */
  get burst(): number {
    return this.#burst;
  }

  get isSending(): boolean {
    return this.#sending;
  }

  get count(): Count {
    return { burst: this.#burst, sent: this.#sent, received: this.#received };
  }

  send(body: Body): void {
    this.sendTo(this.#index, body);
  }

  /** To a session that is not established yet. */
  sendTo(index: number, body: Body): void {
    this.#options.send(encodeMessage({ ...body, index, counter: this.#counter++ }));
    if (!this.#over && this.#index !== 0) this.#keepAlive();
  }

  /** Whether a message came for the first time: the network may have made two of it. */
  isNew({ counter }: Message): boolean {
    if (this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    return true;
  }

  /** Takes a DATA message of the burst that is under way. Returns whether it belongs to it. */
  receive(burst: number): boolean {
    if (burst !== this.#burst) return false;
    this.#received++;
    return true;
  }

  /** Sends a burst, datagram by datagram; `onSent` once all of it has gone. */
  begin(burst: Burst, onSent: () => void): void {
    const { clock, side } = this.#options;
    const { exchange } = burst;
    const payload = new Payload(side === "client" ? exchange : { ...exchange, seed: ~exchange.seed >>> 0 });
    this.#burst = burst.number;
    this.#sending = true;
    this.#sent = 0;
    this.#received = 0;
    const step = (): void => {
      if (this.#over) return;
      const piece = payload.next();
      if (piece === null) {
        this.#sending = false;
        return onSent();
      }
      this.#sent++;
      this.send({ type: "DATA", burst, payload: piece });
      clock.after(exchange.intervalUs, step);
    };
    step();
  }

  #keepAlive(): void {
    this.#cancelKeepAlive();
    this.#cancelKeepAlive = this.#options.clock.after(KEEP_ALIVE_US, () => this.send({ type: "KEEP_ALIVE" }));
  }
}
