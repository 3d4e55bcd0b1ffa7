/**
 * A manager's process: once it has been killed, none of its timers runs, and it hears and says nothing. While it sleeps
 * (SIGSTOP, a virtual machine that is moved) its timers wait, and what is said to it is lost: its connections break.
 */
import { US_PER_MS, type VirtualClock } from "../emulator/clock.ts";
import type { Cancel, Clock, HostSockets } from "../supervisor/environment.ts";
import type { SkewPlan } from "./plan.ts";

const MILLION = 1_000_000;

export const TRUE_TIME: SkewPlan = { ppm: 0, aheadMs: 0 };

/** A clock in ms that need not run true. */
export function skewed(clock: VirtualClock, { ppm, aheadMs }: SkewPlan): Clock {
  const pace = 1 + ppm / MILLION;
  return {
    now: () => Math.floor((clock.now * pace) / US_PER_MS) + aheadMs,
    after: (ms, run): Cancel => clock.after((ms * US_PER_MS) / pace, run),
  };
}

export class Process {
  readonly #clock: Clock;
  #isOn = true;
  /** What is due while it sleeps; null: it is awake. */
  #waiting: (() => void)[] | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
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

  /** Its timers run when it does. */
  clock(): Clock {
    return {
      now: () => this.#clock.now(),
      after: (ms, run) => {
        let cancelled = false;
        const cancel = this.#clock.after(ms, () =>
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

  /** A host's sockets, as this process reads them. What was read while it slept is there when it wakes. */
  sockets(sockets: HostSockets): HostSockets {
    return {
      get queueMs() {
        return sockets.queueMs;
      },
      cookiesSent: () => sockets.cookiesSent(),
      read: (onRows) => sockets.read((rows) => this.run(() => onRows(rows))),
    };
  }

  /** Something that it has to do is due; while it sleeps it waits. */
  run(work: () => void): void {
    if (this.#waiting !== null) this.#waiting.push(work);
    else if (this.#isOn) work();
  }
}
