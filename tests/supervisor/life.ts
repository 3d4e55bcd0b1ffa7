/** A process in a test's world: once it has ended, none of its timers runs, and it hears and says nothing. While it sleeps
 *  (SIGSTOP, a virtual machine that is moved) its timers wait, and what is said to it is lost: its connections break. */
import type { Clock } from "../../host/management/channel.ts";
import type { HostSockets } from "../../host/supervisor/environment.ts";
import type { VirtualClock } from "./clock.ts";

export class Life {
  readonly #clock: VirtualClock;
  #isOn = true;
  /** What has come while it sleeps; null: it is awake. */
  #waiting: (() => void)[] | null = null;

  constructor(clock: VirtualClock) {
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
    this.#waiting = [];
  }

  wake(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const work of waiting) this.run(work);
  }

  /** Something is said to the process. */
  hear(work: () => void): void {
    if (this.#isOn && this.#waiting === null) work();
  }

  /** Something that the process has to do is due. */
  run(work: () => void): void {
    if (this.#waiting !== null) this.#waiting.push(work);
    else if (this.#isOn) work();
  }

  clock(): Clock {
    const clock = this.#clock;
    return {
      now: () => clock.now(),
      after: (ms, run) => {
        let cancelled = false;
        const cancel = clock.after(ms, () =>
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

  sockets(sockets: HostSockets): HostSockets {
    return {
      get queueMs() {
        return sockets.queueMs;
      },
      cookiesSent: () => sockets.cookiesSent?.() ?? null,
      read: (onRows) =>
        sockets.read((rows) => {
          if (this.#isOn) onRows(rows);
        }),
    };
  }
}
