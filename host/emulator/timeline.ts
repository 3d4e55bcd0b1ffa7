/** What happened in a run, and when: what the managers noted, and what the emulator measured. */
import type { Journal } from "../supervisor/environment.ts";
import type { VirtualClock } from "./clock.ts";

export type Details = Readonly<Record<string, string | number | boolean>>;

export interface TimelineEntry {
  readonly timeUs: number;
  /** `emulator`: what it has measured. `manager`: what a manager has noted. */
  readonly from: "emulator" | "manager";
  readonly event: string;
  readonly details: Details;
}

export class Timeline {
  readonly entries: TimelineEntry[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  note(from: TimelineEntry["from"], event: string, details: Details = {}): void {
    this.entries.push({ timeUs: this.#clock.now, from, event, details });
  }

  /** Notes what is known only later to have been at `timeUs`. */
  noteAt(timeUs: number, from: TimelineEntry["from"], event: string, details: Details = {}): void {
    const after = this.entries.findIndex((entry) => entry.timeUs > timeUs);
    this.entries.splice(after < 0 ? this.entries.length : after, 0, { timeUs, from, event, details });
  }

  /** As managers use it. */
  journal(): Journal {
    return { note: (event, details) => this.note("manager", event, details) };
  }
}
