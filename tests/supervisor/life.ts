/** A process in a test's world: once it has ended, none of its timers runs, and it hears and says nothing. */
import type { Clock } from "../../host/management/channel.ts";
import type { HostSockets } from "../../host/supervisor/environment.ts";
import type { VirtualClock } from "./clock.ts";

export class Life {
  readonly #clock: VirtualClock;
  #isOn = true;

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

  clock(): Clock {
    const clock = this.#clock;
    return {
      now: () => clock.now(),
      after: (ms, run) =>
        clock.after(ms, () => {
          if (this.#isOn) run();
        }),
    };
  }

  sockets(sockets: HostSockets): HostSockets {
    return {
      get queueMs() {
        return sockets.queueMs;
      },
      read: (onRows) =>
        sockets.read((rows) => {
          if (this.#isOn) onRows(rows);
        }),
    };
  }
}
