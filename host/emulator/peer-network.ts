/** Messages between managers, in memory: each takes its time or is lost, and none shares data with its sender. */
import type { Peers } from "../supervisor/environment.ts";
import type { VirtualClock } from "./clock.ts";
import { travelTime, type WireTiming } from "./fabric.ts";
import type { Random } from "./random.ts";

export class PeerNetwork<M> {
  readonly #clock: VirtualClock;
  readonly #timing: WireTiming;
  readonly #random: Random;
  readonly #members = new Map<string, (from: string, message: M) => void>();

  constructor(clock: VirtualClock, timing: WireTiming, random: Random) {
    this.#clock = clock;
    this.#timing = timing;
    this.#random = random;
  }

  join(name: string, receive: (from: string, message: M) => void): void {
    this.#members.set(name, receive);
  }

  leave(name: string): void {
    this.#members.delete(name);
  }

  /** The network as `name` uses it. What is sent to someone who is not there is lost. */
  peersOf(name: string): Peers<M> {
    return {
      send: (to, message) => {
        const copy = copyOf(message);
        const travel = travelTime(this.#timing, this.#random);
        if (travel !== null) this.#clock.after(travel, () => this.#members.get(to)?.(name, copy));
      },
    };
  }
}

/** Of plain data, as all messages are; several times faster than `structuredClone`. */
function copyOf<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = copyOf(value[key]);
  return copy as T;
}
