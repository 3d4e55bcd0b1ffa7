/** The clock of a program that runs for real. */
import type { Cancel, Clock } from "../supervisor/environment.ts";

/** What a timer of Node's can be set to. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Milliseconds since 1970 when it was made, and from there on as the machine's monotonic clock goes: it never jumps, so
 * that no time-out is cut short when somebody sets the time; and it goes on where it was after a restart of the program,
 * so that a deadline that was written down means the same afterwards. In whole milliseconds: times go into messages.
 */
export class RealClock implements Clock {
  readonly #origin: number;

  /** `notBefore`: a time that was read before, by an earlier run. Should the wall clock have been set back since, this
   *  clock begins there. */
  constructor(notBefore = 0) {
    this.#origin = Math.max(Date.now(), notBefore) - performance.now();
  }

  now(): number {
    return Math.floor(this.#exactly());
  }

  /** Never early, as Node's own timers can be by a fraction of a millisecond. */
  after(ms: number, run: () => void): Cancel {
    const due = this.#exactly() + ms;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const left = due - this.#exactly();
      if (left <= 0) return run();
      timer = setTimeout(wait, Math.min(Math.ceil(left), TIMER_MS_MAX));
    };
    // Also what is due at once runs later, not within this call.
    timer = setTimeout(wait, Math.max(0, Math.min(Math.ceil(ms), TIMER_MS_MAX)));
    return () => clearTimeout(timer);
  }

  #exactly(): number {
    return this.#origin + performance.now();
  }
}
