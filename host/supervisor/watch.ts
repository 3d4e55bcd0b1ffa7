/** What the appliance manager has heard of the blades: generation, health, sessions, drained buckets. */
import type { Drained, Sessions } from "./messages.ts";

/** Live connections by owner and bucket, as far as is known. */
export type LiveByPlace = ReadonlyMap<string, ReadonlyMap<number, number>>;

interface Heard {
  readonly at: number;
  /** When it last said that its IPD answers. */
  readonly wellAt: number;
  /** Null: it has answered, and told nothing of its sessions yet. */
  readonly sessions: Sessions | null;
}

export class Watch {
  readonly #silentMs: number;
  readonly #heard = new Map<string, Heard>();
  readonly #silent = new Set<string>();

  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** Any message is a sign of life. `sessions`: null if it says nothing of them. */
  hear(blade: string, now: number, sessions: Sessions | null): void {
    const before = this.#heard.get(blade);
    const wellAt = before === undefined || sessions?.healthy ? now : before.wellAt;
    this.#heard.set(blade, { at: now, wellAt, sessions: sessions ?? before?.sessions ?? null });
  }

  /** Nothing can be said of the time until now. */
  excuse(blade: string, now: number): void {
    this.#heard.set(blade, { at: now, wellAt: now, sessions: this.lastOf(blade) });
  }

  forget(blade: string): void {
    this.#heard.delete(blade);
    this.#silent.delete(blade);
  }

  lastOf(blade: string): Sessions | null {
    return this.#heard.get(blade)?.sessions ?? null;
  }

  /** For how long nothing has been heard of a blade, ms. */
  silentFor(blade: string, now: number): number {
    const heard = this.#heard.get(blade);
    return heard === undefined ? Infinity : now - heard.at;
  }

  /** For how long it was not known that a blade can serve, ms: it was silent, or its IPD has not answered it. */
  lostFor(blade: string, now: number): number {
    const heard = this.#heard.get(blade);
    return heard === undefined ? Infinity : now - heard.wellAt;
  }

  /** Whether it serves as far as is known. */
  isWell(blade: string, now: number): boolean {
    return !this.isSilent(blade, now) && (this.lastOf(blade)?.healthy ?? true);
  }

  isSilent(blade: string, now: number): boolean {
    return this.silentFor(blade, now) > this.#silentMs;
  }

  /** Blades of `blades` that have fallen silent or are back since the last call. */
  changes(blades: readonly string[], now: number): { blade: string; silent: boolean }[] {
    return blades.flatMap((blade) => {
      const silent = this.isSilent(blade, now);
      if (!this.#heard.has(blade) || silent === this.#silent.has(blade)) return [];
      if (silent) this.#silent.add(blade);
      else this.#silent.delete(blade);
      return [{ blade, silent }];
    });
  }

  /** What was proved under `generation`. */
  drained(generation: number): Drained[] {
    const reports = [...this.#heard].sort(([a], [b]) => (a < b ? -1 : 1));
    return reports.flatMap(([, { sessions }]) => (sessions?.generation === generation ? sessions.drained : []));
  }

  /** Live connections of these owners in these buckets, as their blades said last. */
  liveAt(places: readonly Drained[]): number {
    const live = this.liveByPlace();
    return places.reduce((total, { owner, buckets }) => buckets.reduce((sum, bucket) => sum + (live.get(owner)?.get(bucket) ?? 0), total), 0);
  }

  /** Live connections by owner and bucket, as their blades said last. */
  liveByPlace(): LiveByPlace {
    const places = new Map<string, Map<number, number>>();
    for (const { sessions } of this.#heard.values()) {
      for (const { owner, bucket, live } of sessions?.counts ?? []) {
        if (!places.has(owner)) places.set(owner, new Map());
        places.get(owner)!.set(bucket, live);
      }
    }
    return places;
  }

  /** Live connections of a blade, as it said last. */
  live(blade: string): number {
    return (this.lastOf(blade)?.counts ?? []).reduce((sum, { live }) => sum + live, 0);
  }
}
