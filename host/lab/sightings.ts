/** Watches which assignment is in force: the ledger holds sessions against it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Assignment } from "../model/assignment.ts";
import type { Sighting } from "./ledger.ts";
import type { Manager } from "./manager.ts";

const POLL_MS = 60;

export class Sightings {
  readonly seen: Sighting[] = [];
  readonly #manager: Manager;
  #isOver = false;
  #watching: Promise<void> | null = null;

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      // A question that gets no answer is asked again.
      await this.#look().catch(() => undefined);
      await sleep(POLL_MS);
    }
  }

  async #look(): Promise<void> {
    const { generation, owners, buckets } = await this.#manager.get<Assignment>("/v1/assignment");
    if (generation === 0 || generation === this.seen.at(-1)?.generation) return;
    const current = buckets.map(([first]) => (first === undefined ? null : (owners[first]?.blade ?? null)));
    this.seen.push({ at: Date.now(), generation, owners: current });
  }
}
