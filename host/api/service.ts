/** What the API offers: requests to the appliance manager, and what there is to know. Plain data in and out. */
import { DobbsError } from "../errors.ts";
import { type Appliance, type Blade, type Filter, type Forward } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { ApplianceManager } from "../supervisor/appliance-manager.ts";
import type { Blades } from "./blades.ts";
import { EventLog, type EventRecord } from "./event-log.ts";
import { ListChanges } from "./lists.ts";
import { type OnOutcome, type RequestDocument, Requests } from "./requests.ts";
import { checkParts, type FilterDocument } from "./rules.ts";
import { statusDocument } from "./status-source.ts";
import type { StatusDocument } from "./status-document.ts";

export type Manager = Pick<
  ApplianceManager,
  | "addBlades" | "drainBlade" | "cancelDrain" | "removeBlade" | "failBlade" | "setWeights" | "moveBuckets" | "rebalance"
  | "activateSwitch" | "setFilters" | "setForward" | "status" | "assignment" | "tables"
>;

export interface ServiceOptions {
  readonly manager: Manager;
  readonly appliance: Appliance;
  readonly blades: Blades;
  readonly events: EventLog;
  readonly release: string;
  /** Whether the traffic manager of a blade is connected. */
  readonly isConnected: (blade: string) => boolean;
  /** What is known of blades has changed. */
  readonly onDescribed?: () => void;
  /** Epoch, ms: the manager's clock. */
  readonly now: () => number;
}

/** What became of a request, or that it is under way. */
export interface OutcomeDocument extends RequestDocument {
  readonly generation: number;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #startedAt: number;
  readonly #requests: Requests;
  readonly #lists: ListChanges;
  readonly #removing = new Set<string>();

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    this.#requests = new Requests(this.#startedAt.toString(36));
    this.#lists = new ListChanges(options.manager);
  }

  status(): StatusDocument {
    return statusDocument({ ...this.#options, startedAt: this.#startedAt });
  }

  assignment(): Assignment {
    return this.#options.manager.assignment();
  }

  events(after: number, limit: number): readonly EventRecord[] {
    return this.#options.events.after(after, limit);
  }

  tables(): { readonly filters: readonly Filter[]; readonly forward: readonly Forward[] } {
    return this.#options.manager.tables();
  }

  request(id: string): RequestDocument {
    return this.#requests.documentOf(id);
  }

  /** `described`: of a blade that the appliance file does not have, or has otherwise. `force`, here and below: also where
   *  that cuts what the oldest owners of buckets hold. */
  add(name: string, described: Blade | undefined, force: boolean): string {
    const { blades, manager, isConnected, onDescribed } = this.#options;
    if (described && described.name !== name) {
      throw new DobbsError("E_API_BODY", `blade.name is "${described.name}", and the path says "${name}"`, "Name the same blade in both.");
    }
    if (described) this.#checkOut(name);
    const takeBack = described ? blades.describe(described) : () => undefined;
    if (described) onDescribed?.();
    const blade = blades.named(name);
    return this.#begin(`add ${name}`, (onOutcome) =>
      manager.addBlades(
        [blade],
        (error, cut) => {
          // A description that led to nothing is not kept.
          if (error !== null && described) {
            takeBack();
            onDescribed?.();
          }
          onOutcome(error?.code === "E_PREPARE_OVERDUE" && !isConnected(name) ? absent(name) : error, cut);
        },
        force,
      ),
    );
  }

  drain(name: string, deadlineMs: number | null, force: boolean): string {
    return this.#begin(`drain ${name}`, (onOutcome) => this.#options.manager.drainBlade(name, deadlineMs, onOutcome, force));
  }

  undrain(name: string, force: boolean): string {
    return this.#begin(`cancel the drain of ${name}`, (onOutcome) =>
      this.#options.manager.cancelDrain(
        name,
        (error, cut) => onOutcome(error?.code === "E_PREPARE_OVERDUE" && !this.#options.isConnected(name) ? absent(name) : error, cut),
        force,
      ),
    );
  }

  remove(name: string): string {
    return this.#begin(`remove ${name}`, (onOutcome) => {
      if (this.#removing.has(name)) {
        throw new DobbsError("E_BLADE_LEAVING", `blade "${name}" is being removed already`, "Wait until it is gone.", 1);
      }
      this.#removing.add(name);
      this.#options.manager.removeBlade(name, (error, cut) => {
        this.#removing.delete(name);
        onOutcome(error, cut);
      });
    });
  }

  fail(name: string): string {
    // It may be what all the others wait for.
    return this.#requests.begin(`fail ${name}`, (onOutcome) => this.#options.manager.failBlade(name, onOutcome), true);
  }

  weigh(weights: Readonly<Record<string, number>>, force: boolean): string {
    return this.#begin("weights", (onOutcome) => this.#options.manager.setWeights(weights, onOutcome, force));
  }

  move(buckets: readonly number[], to: string, force: boolean): string {
    return this.#begin(`move to ${to}`, (onOutcome) => this.#options.manager.moveBuckets(buckets, to, onOutcome, force));
  }

  rebalance(force: boolean): string {
    return this.#begin("rebalance", (onOutcome) => this.#options.manager.rebalance(onOutcome, force));
  }

  activate(name: string): string {
    return this.#begin(`activate ${name}`, (onOutcome) => this.#options.manager.activateSwitch(name, onOutcome));
  }

  changeFilters(what: string, change: (filters: readonly Filter[]) => readonly Filter[]): string {
    return this.#begin(what, (onOutcome) => this.#lists.filters(change, onOutcome));
  }

  changeForward(what: string, change: (forward: readonly Forward[]) => readonly Forward[]): string {
    return this.#begin(what, (onOutcome) => this.#lists.forward(change, onOutcome));
  }

  /** Throws E_APPLIANCE_*. */
  checkTables(parts: { readonly filters?: readonly FilterDocument[]; readonly forward?: readonly Forward[] }): void {
    const { appliance, blades } = this.#options;
    checkParts(appliance, { blades: blades.all(), ...parts });
  }

  /** Waits for the outcome of a request, at most so long. Rejects with what it was refused with. */
  async outcome(id: string, ms: number): Promise<OutcomeDocument> {
    const document = await this.#requests.wait(id, ms);
    const error = this.#requests.errorOf(id);
    if (error !== null) throw error;
    return { ...document, generation: this.#options.manager.assignment().generation };
  }

  get lastEvent(): number {
    return this.#options.events.last;
  }

  #begin(what: string, run: (onOutcome: OnOutcome) => void): string {
    return this.#requests.begin(what, run);
  }

  /** A member's description stays as it is. */
  #checkOut(name: string): void {
    const member = this.#options.manager.status().blades.find((blade) => blade.name === name);
    if (member === undefined || member.status === "offline") return;
    throw new DobbsError("E_BLADE_THERE", `blade "${name}" is in the appliance already`, "Remove it first, or give the new one another name.");
  }
}

function absent(blade: string): DobbsError {
  return new DobbsError(
    "E_BLADE_ABSENT",
    `the traffic manager of "${blade}" is not connected`,
    `Start it on that blade (dobbs traffic-manager --blade ${blade} ...), and ask again.`,
    1,
  );
}
