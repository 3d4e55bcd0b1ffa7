/** A TCP/IP stack on a wire, driven by virtual time. Hosts and clients are stations. */
import type { VirtualClock } from "./clock.ts";
import type { Cancel } from "../supervisor/environment.ts";
import type { Netstack, SocketEvent } from "./netstack.ts";

/** A stack that asks to be polled at once, after a poll had nothing to send, is polled again after this long. */
const POLL_AGAIN_US = 1_000;
/** More rounds of events at one instant than this: the application and the stack play ping-pong. */
const ROUNDS_MAX = 10_000;

export interface StationOptions {
  readonly clock: VirtualClock;
  readonly stack: Netstack;
  readonly transmit: (frame: Uint8Array) => void;
  readonly onEvent: (event: SocketEvent) => void;
}

export class Station {
  readonly stack: Netstack;
  readonly #options: StationOptions;
  #wakeAt = Infinity;
  #cancel: Cancel = () => undefined;
  #off = false;

  constructor(options: StationOptions) {
    this.stack = options.stack;
    this.#options = options;
  }

  /** Hands in a frame. */
  receive(frame: Uint8Array): void {
    if (this.#off) return;
    this.stack.receive(this.#options.clock.now, frame);
    this.wake();
  }

  /** Has the stack serviced at this instant: after every call to it that may have something to send. */
  wake(): void {
    this.#wake(this.#options.clock.now);
  }

  /** Pulls the plug: nothing is received, sent or retransmitted any more. */
  powerOff(): void {
    this.#off = true;
    this.#cancel();
  }

  /** µs. */
  get now(): number {
    return this.#options.clock.now;
  }

  get isOff(): boolean {
    return this.#off;
  }

  #wake(at: number): void {
    if (this.#off || at >= this.#wakeAt) return;
    this.#cancel();
    this.#wakeAt = at;
    this.#cancel = this.#options.clock.at(at, () => this.#service());
  }

  #service(): void {
    const { clock, stack, transmit, onEvent } = this.#options;
    const now = clock.now;
    for (let round = 0; ; round++) {
      if (round === ROUNDS_MAX) throw new Error("a station does not come to rest");
      // What is woken meanwhile is done by the next round.
      this.#wakeAt = now;
      for (const frame of stack.poll(now)) transmit(frame);
      const events = stack.events();
      for (const event of events) onEvent(event);
      if (events.length === 0) break;
    }
    this.#wakeAt = Infinity;
    const next = stack.nextPoll(now);
    if (next >= 0) this.#wake(next > now ? next : now + POLL_AGAIN_US);
  }
}
