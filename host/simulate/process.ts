/**
 * A manager's process: once it has been killed, none of its timers runs, and it hears and says nothing. While it sleeps
 * (a virtual machine that is moved) its timers wait, and what is said to it is lost. Its clock need not run true.
 */
import { US_PER_MS, type VirtualClock } from "../emulator/clock.ts";
import type { Clock, HostSockets } from "../supervisor/environment.ts";
import type { SkewPlan } from "./plan.ts";

const MILLION = 1_000_000;

export const TRUE_TIME: SkewPlan = { ppm: 0, aheadMs: 0 };

export class Process {
  readonly #clock: VirtualClock;
  readonly #skew: SkewPlan;
  #isOn = true;
  /** What is due while it sleeps; null: it is awake. */
  #waiting: (() => void)[] | null = null;

  constructor(clock: VirtualClock, skew: SkewPlan) {
    this.#clock = clock;
    this.#skew = skew;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** `kill -9`. */
  end(): void {
    this.#isOn = false;
  }

  sleep(): void {
    this.#waiting ??= [];
  }

  wake(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const work of waiting) this.run(work);
  }

  /** Something is said to it. */
  hear(work: () => void): void {
    if (this.#isOn && this.#waiting === null) work();
  }

  /** ms, as its own clock has them. */
  clock(): Clock {
    const { ppm, aheadMs } = this.#skew;
    const pace = 1 + ppm / MILLION;
    return {
      now: () => Math.floor((this.#clock.now * pace) / US_PER_MS) + aheadMs,
      after: (ms, run) => {
        let cancelled = false;
        const cancel = this.#clock.after((ms * US_PER_MS) / pace, () =>
          this.run(() => {
            if (!cancelled) run();
          }),
        );
        return () => {
          cancelled = true;
          cancel();
        };
      },
    };
  }

  /** A host's sockets, as this process reads them. */
  sockets(sockets: HostSockets): HostSockets {
    return {
      get queueMs() {
        return sockets.queueMs;
      },
      cookiesSent: () => sockets.cookiesSent?.() ?? null,
      read: (onRows) => sockets.read((rows) => this.hear(() => onRows(rows))),
    };
  }

  /** Something that it has to do is due; while it sleeps it waits. */
  run(work: () => void): void {
    if (this.#waiting !== null) this.#waiting.push(work);
    else if (this.#isOn) work();
  }
}
