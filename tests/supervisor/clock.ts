/** Virtual time: timers run in the order of their time, then of their making. */
import type { Cancel, Clock } from "../../host/management/channel.ts";

export class VirtualClock implements Clock {
  #now = 0;
  #made = 0;
  #timers: { at: number; order: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { at: this.#now + ms, order: this.#made++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets `ms` pass. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }

  /** Lets time pass until `done`, at most `ms`; whether it was. */
  until(done: () => boolean, ms: number, step = 1): boolean {
    for (let passed = 0; passed < ms && !done(); passed += step) this.advance(step);
    return done();
  }
}
