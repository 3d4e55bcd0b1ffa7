/** Whether an image's counters add up: every frame that it was given has one verdict, and is counted once. */
import type { Firmware, FirmwareCounters, FrameVerdict } from "../engine/firmware.ts";

export class Audit {
  readonly #firmware: Firmware;
  readonly #before: FirmwareCounters;
  readonly #rulesBefore: readonly bigint[];
  readonly #verdicts = new Map<string, number>();
  readonly #drops = new Map<string, number>();
  #frames = 0;

  /** From now on. */
  constructor(firmware: Firmware) {
    this.#firmware = firmware;
    this.#before = firmware.counters();
    this.#rulesBefore = ruleCounters(firmware);
  }

  /** The image has given a frame this verdict. */
  add({ verdict, drop }: FrameVerdict): void {
    this.#frames++;
    this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
    if (verdict === "DROP") this.#drops.set(drop, (this.#drops.get(drop) ?? 0) + 1);
  }

  /** Null, or what does not add up. */
  check(): string | null {
    const now = this.#firmware.counters();
    const since = (group: keyof FirmwareCounters, name: string): number => now[group][name]! - this.#before[group][name]!;
    const frames = since("events", "FRAME_IN");
    if (frames !== this.#frames) return `it has counted ${frames} frames in, and was given ${this.#frames}`;
    for (const name of Object.keys(now.verdicts)) {
      const [counted, seen] = [since("verdicts", name), this.#verdicts.get(name) ?? 0];
      if (counted !== seen) return `it has counted ${counted} times ${name}, and said it ${seen} times`;
    }
    for (const name of Object.keys(now.drops)) {
      const [counted, seen] = [since("drops", name), this.#drops.get(name) ?? 0];
      if (counted !== seen) return `it has counted ${counted} drops for ${name}, and said it ${seen} times`;
    }
    return null;
  }

  /** How often it has counted this event since. */
  events(name: string): number {
    return this.#firmware.counters().events[name]! - this.#before.events[name]!;
  }

  /** What it has counted since, as `Verdict.DROP`, `Drop.STALE_HOP`, `Event.FRAME_IN`, `Rule.KNOWN`. */
  counts(): [name: string, count: number][] {
    const now = this.#firmware.counters();
    const groups = [["Verdict", "verdicts"], ["Drop", "drops"], ["Event", "events"]] as const;
    const counts = groups.flatMap(([title, group]) =>
      Object.entries(now[group]).map(([name, count]): [string, number] => [`${title}.${name}`, count - this.#before[group][name]!]),
    );
    const { layout } = this.#firmware;
    const rules = ruleCounters(this.#firmware).flatMap((count, code): [string, number][] => {
      const name = layout.nameOf("Rule", code);
      return name === undefined ? [] : [[`Rule.${name}`, Number(count - this.#rulesBefore[code]!)]];
    });
    return [...counts, ...rules];
  }
}

const RULES = "RULE_COUNTER";

/** By `Rule`; none: a switch follows no rule. */
function ruleCounters({ instance, layout }: Firmware): readonly bigint[] {
  return layout.regions().includes(RULES) ? instance.counters(layout.code("RegionId", RULES)) : [];
}
