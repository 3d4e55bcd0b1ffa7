/** Who asks the appliance manager for things, at the times of the plan, and asks again when there was no answer. */
import { US_PER_MS, type VirtualClock } from "../emulator/clock.ts";
import { type Blade, ownersOfBlade } from "../model/appliance.ts";
import { HISTORY_DEPTH } from "../model/assignment.ts";
import type { OnOutcome } from "../supervisor/appliance-manager.ts";
import type { ApplianceManager } from "../supervisor/appliance-manager.ts";
import { bladesOf } from "../supervisor/view.ts";
import type { OrderPlan } from "./plan.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

/** Refusals that asking again does not change. */
const FINAL_REFUSALS = new Set([
  "E_BLADE_THERE", "E_BLADE_STATUS", "E_BLADE_UNKNOWN", "E_OWNER_NOT_ACTIVE", "E_OWNER_UNKNOWN", "E_NO_ACTIVE_MEMBER", "E_SWITCH_UNKNOWN",
]);
const TRIES_MAX = 4;
const AGAIN_US = 600 * US_PER_MS;

export interface Outcomes {
  /** Carried out, by kind. */
  readonly done: Record<string, number>;
  /** Refused for good, by code. */
  readonly refused: Record<string, number>;
}

export class Operator {
  readonly outcomes: Outcomes = { done: {}, refused: {} };
  readonly #world: World;
  readonly #clock: VirtualClock;
  readonly #trace: Trace;

  constructor(world: World, clock: VirtualClock, trace: Trace) {
    this.#world = world;
    this.#clock = clock;
    this.#trace = trace;
  }

  carryOut(order: OrderPlan): void {
    this.#clock.at(order.atUs, () => this.#ask(order, TRIES_MAX));
  }

  /** The blades of the first day, in one reconfiguration; asked for until they are there. */
  begin(blades: readonly Blade[]): void {
    for (const { name } of blades) this.#world.plug(name);
    const { manager } = this.#world;
    this.#trace.note("operator", `add ${blades.map(({ name }) => name).join(", ")}`);
    manager!.addBlades(blades, (error) => {
      if (error === null) this.#count(this.outcomes.done, "add");
      else this.#clock.after(AGAIN_US, () => this.begin(blades));
    });
  }

  /**
   * Two moves, one right after the other, of all buckets that have room in their histories: they overlap, whatever has
   * happened before. `onDone`: both are in force.
   */
  overlap(onDone: () => void): void {
    this.#twoActive(() => this.#moveAll(0, () => this.#moveAll(1, onDone)));
  }

  /** Blades that have lost their power are declared failed; one that cannot be, for nobody would be left, gets it back. */
  failTheDead(): void {
    for (const blade of this.#blades("active", "draining")) {
      if (this.#world.blades.get(blade)!.isOn) continue;
      this.#ask({ kind: "fail", blade, atUs: 0, force: false }, Infinity, () => {
        if (this.#blades("active", "draining").includes(blade)) this.#world.plug(blade);
      });
    }
  }

  /** There are two active blades, or there will be: others are added, and for that a drain is ended if it must be. */
  #twoActive(then: () => void): void {
    const members = this.#blades("active", "draining");
    const active = this.#blades("active").filter((name) => this.#world.blades.get(name)!.isOn);
    const spare = [...this.#world.blades.keys()].find((name) => !members.includes(name));
    const [draining] = this.#blades("draining");
    if (active.length >= 2 || (spare === undefined && draining === undefined)) return then();
    const again = (): void => void this.#clock.after(AGAIN_US, () => this.#twoActive(then));
    if (spare !== undefined) this.#ask({ kind: "add", blade: spare, atUs: 0, force: false }, Infinity, again);
    else this.#ask({ kind: "remove", blade: draining!, atUs: 0, force: false }, Infinity, again);
  }

  #blades(...statuses: Parameters<typeof bladesOf>[1][]): string[] {
    return this.#world.saved === null ? [] : bladesOf(this.#world.saved.view, ...statuses);
  }

  #moveAll(turn: number, then: () => void): void {
    const { saved, manager } = this.#world;
    const active = bladesOf(saved!.view, "active");
    const blade = active[turn % active.length];
    if (blade === undefined || active.length < 2) return then();
    const owners = this.#owners(blade);
    const { assignment } = saved!;
    const buckets = [...assignment.buckets.keys()].filter((bucket) => {
      const history = assignment.buckets[bucket]!;
      return history.length < HISTORY_DEPTH && assignment.owners[history[0]!]?.name !== owners[0];
    });
    if (buckets.length === 0) return then();
    this.#trace.note("operator", `move ${buckets.length} buckets to ${owners[0]}`);
    manager!.moveBuckets(buckets, owners[0]!, (error) => {
      if (error === null) {
        this.#count(this.outcomes.done, "move");
        return then();
      }
      this.#trace.note("operator", `refused: ${error.code} ${error.message}`);
      if (error.code === "E_LEFT_OVER") this.#world.closeLeftOver();
      this.#clock.after(AGAIN_US, () => this.#moveAll(turn, then));
    });
  }

  #ask(order: OrderPlan, triesLeft: number, then: () => void = () => undefined): void {
    const { manager } = this.#world;
    const again = (): void => {
      if (triesLeft > 1) this.#clock.after(AGAIN_US, () => this.#ask(order, triesLeft - 1, then));
    };
    if (manager === null || !this.#world.processOf("appliance-manager")?.isOn) return again();
    this.#trace.note("operator", describe(order));
    this.#send(manager, order, (error) => {
      if (error === null) {
        this.#count(this.outcomes.done, order.kind);
        return then();
      }
      this.#trace.note("operator", `${describe(order)} is refused: ${error.code} ${error.message}`);
      if (FINAL_REFUSALS.has(error.code) || triesLeft <= 1) {
        this.#count(this.outcomes.refused, error.code);
        return then();
      }
      if (error.code === "E_LEFT_OVER") this.#world.closeLeftOver();
      again();
    });
  }

  #send(manager: ApplianceManager, order: OrderPlan, onOutcome: OnOutcome): void {
    switch (order.kind) {
      case "add":
        this.#world.plug(order.blade);
        return manager.addBlades([this.#world.blades.get(order.blade)!.blade], onOutcome, order.force);
      case "drain":
        return manager.drainBlade(order.blade, order.deadlineMs, onOutcome, order.force);
      case "undrain":
        return manager.cancelDrain(order.blade, onOutcome, order.force);
      case "remove":
        return manager.removeBlade(order.blade, onOutcome);
      case "fail":
        return manager.failBlade(order.blade, onOutcome);
      case "weight":
        return manager.setWeights(Object.fromEntries(this.#owners(order.blade).map((owner) => [owner, order.weight])), onOutcome, order.force);
      case "move":
        return manager.moveBuckets(order.buckets, this.#owners(order.blade)[0]!, onOutcome, order.force);
      case "rebalance":
        return manager.rebalance(onOutcome, order.force);
      case "failover":
        return manager.activateSwitch(order.switch, onOutcome);
    }
  }

  #owners(blade: string): string[] {
    return ownersOfBlade(this.#world.blades.get(blade)!.blade).map(({ owner }) => owner.name);
  }

  #count(counts: Record<string, number>, name: string): void {
    counts[name] = (counts[name] ?? 0) + 1;
  }
}

/** As a person would type it. */
export function describe(order: OrderPlan): string {
  return `${withoutForce(order)}${order.force ? " --force" : ""}`;
}

function withoutForce(order: OrderPlan): string {
  switch (order.kind) {
    case "drain":
      return `drain ${order.blade}${order.deadlineMs === null ? "" : ` --deadline ${order.deadlineMs}ms`}`;
    case "weight":
      return `weight ${order.blade} ${order.weight}`;
    case "move":
      return `move ${order.buckets.length} buckets to ${order.blade}`;
    case "rebalance":
      return "rebalance";
    case "failover":
      return `failover ${order.switch}`;
    default:
      return `${order.kind} ${order.blade}`;
  }
}
