/** The filter rules and stations of an appliance, changed one request after the other: each starts from what the one
 *  before has left, so that no change undoes another. */
import { createHash } from "node:crypto";
import { DobbsError } from "../errors.ts";
import type { Filter, Forward } from "../model/appliance.ts";
import type { OnOutcome } from "./requests.ts";

export interface Lists {
  readonly filters: readonly Filter[];
  readonly forward: readonly Forward[];
}

export interface ListsManager {
  tables(): Lists;
  setFilters(filters: readonly Filter[], onOutcome: OnOutcome): void;
  setForward(forward: readonly Forward[], onOutcome: OnOutcome): void;
}

export class ListChanges {
  readonly #manager: ListsManager;
  #turn: Promise<void> = Promise.resolve();

  constructor(manager: ListsManager) {
    this.#manager = manager;
  }

  /** `change` makes the new list out of the old one, or throws a DobbsError. */
  filters(change: (filters: readonly Filter[]) => readonly Filter[], onOutcome: OnOutcome): void {
    this.#next((done) => this.#manager.setFilters(change(this.#manager.tables().filters), done), onOutcome);
  }

  forward(change: (forward: readonly Forward[]) => readonly Forward[], onOutcome: OnOutcome): void {
    this.#next((done) => this.#manager.setForward(change(this.#manager.tables().forward), done), onOutcome);
  }

  #next(run: (onOutcome: OnOutcome) => void, onOutcome: OnOutcome): void {
    this.#turn = this.#turn.then(
      () =>
        new Promise((over) => {
          const done: OnOutcome = (error) => {
            over();
            onOutcome(error);
          };
          try {
            run(done);
          } catch (error) {
            over();
            // A fault of ours ends the request too; whoever waits for it is told.
            onOutcome(error instanceof DobbsError ? error : new DobbsError("E_INTERNAL", String(error), "Report this: it is a fault in Dobbs.", 1));
          }
        }),
    );
  }
}

/** Tells one list from another. */
export function revisionOf(list: readonly Filter[] | readonly Forward[]): string {
  return createHash("sha256").update(JSON.stringify(list)).digest("hex").slice(0, 16);
}
