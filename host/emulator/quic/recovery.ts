/**
 * Which packets have arrived at the peer, and what must be sent again (RFC 9002, without congestion control: senders here
 * are paced).
 */
import { US_PER_MS, US_PER_SECOND, type VirtualClock } from "../clock.ts";
import type { Cancel } from "../../supervisor/environment.ts";
import type { Frame, Range } from "./frames.ts";

/** A packet is lost when one that was sent so much later has arrived. */
const REORDERING_MAX = 3;
const INITIAL_RTT_US = 333 * US_PER_MS;
/** The peer may wait so long before it acknowledges. */
export const ACK_DELAY_US = 25 * US_PER_MS;
const GRANULARITY_US = US_PER_MS;
const PROBE_US_MAX = 2 * US_PER_SECOND;
/** Without any answer for so long, the peer is gone. */
const GIVE_UP_US = 60 * US_PER_SECOND;

/** A frame that is sent until one of the packets that it was in has arrived. */
export interface Kept {
  readonly frame: Frame;
  arrived: boolean;
}

interface Sent {
  readonly atUs: number;
  readonly kept: readonly Kept[];
}

export interface RecoveryOptions {
  readonly clock: VirtualClock;
  /** These may be lost: they are to be sent again. */
  readonly onLost: (kept: readonly Kept[]) => void;
  readonly onArrived: (kept: Kept) => void;
  readonly onGivenUp: () => void;
}

export class Recovery {
  readonly #options: RecoveryOptions;
  /** By packet number, in order. */
  readonly #sent = new Map<number, Sent>();
  #smoothedUs: number | null = null;
  #variationUs = 0;
  #backoff = 0;
  #waitingSinceUs: number | null = null;
  #cancel: Cancel = () => undefined;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Packets that have not been acknowledged. */
  get inFlight(): number {
    return this.#sent.size;
  }

  sent(number: number, kept: readonly Kept[]): void {
    const { now } = this.#options.clock;
    this.#sent.set(number, { atUs: now, kept });
    this.#waitingSinceUs ??= now;
    this.#arm();
  }

  /** Something came from the peer: it is there. */
  heard(): void {
    if (this.#waitingSinceUs !== null) this.#waitingSinceUs = this.#options.clock.now;
  }

  acknowledged(ranges: readonly Range[]): void {
    const { clock, onArrived, onLost } = this.#options;
    const largest = ranges[0]!.last;
    const newest = this.#sent.get(largest);
    if (newest) this.#measured(clock.now - newest.atUs);
    for (const [number, { kept }] of this.#sent) {
      if (!ranges.some(({ first, last }) => number >= first && number <= last)) continue;
      this.#sent.delete(number);
      this.#backoff = 0;
      for (const each of kept) {
        if (each.arrived) continue;
        each.arrived = true;
        onArrived(each);
      }
    }
    const lost = [...this.#sent].filter(([number]) => number + REORDERING_MAX <= largest);
    for (const [number] of lost) this.#sent.delete(number);
    if (lost.length > 0) onLost(lost.flatMap(([, { kept }]) => kept.filter(({ arrived }) => !arrived)));
    this.#arm();
  }

  stop(): void {
    this.#sent.clear();
    this.#cancel();
  }

  #measured(sampleUs: number): void {
    if (this.#smoothedUs === null) {
      this.#smoothedUs = sampleUs;
      this.#variationUs = sampleUs / 2;
    } else {
      this.#variationUs = 0.75 * this.#variationUs + 0.25 * Math.abs(this.#smoothedUs - sampleUs);
      this.#smoothedUs = 0.875 * this.#smoothedUs + 0.125 * sampleUs;
    }
  }

  #probeUs(): number {
    const smoothed = this.#smoothedUs ?? INITIAL_RTT_US;
    const variation = this.#smoothedUs === null ? INITIAL_RTT_US / 2 : this.#variationUs;
    const timeout = smoothed + Math.max(4 * variation, GRANULARITY_US) + ACK_DELAY_US;
    return Math.min(PROBE_US_MAX, timeout * 2 ** this.#backoff);
  }

  #arm(): void {
    this.#cancel();
    if (this.#sent.size === 0) {
      this.#waitingSinceUs = null;
      return;
    }
    this.#cancel = this.#options.clock.after(this.#probeUs(), () => this.#timeOut());
  }

  /** All that is not acknowledged goes out again. */
  #timeOut(): void {
    const { clock, onLost, onGivenUp } = this.#options;
    if (clock.now - this.#waitingSinceUs! >= GIVE_UP_US) return onGivenUp();
    this.#backoff++;
    const lost = [...this.#sent.values()].flatMap(({ kept }) => kept.filter(({ arrived }) => !arrived));
    this.#sent.clear();
    onLost(lost);
  }
}
