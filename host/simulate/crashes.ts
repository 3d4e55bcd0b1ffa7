/** What goes down in a run, and when it comes back. */
import type { VirtualClock } from "../emulator/clock.ts";
import type { CrashFault, FaultPlan, Plan } from "./plan.ts";
import type { Strikes } from "./strikes.ts";
import type { World } from "./world.ts";
import { APPLIANCE_MANAGER } from "../supervisor/messages.ts";
import { bladesOf } from "../supervisor/view.ts";

type Kill = Extract<CrashFault, { kind: "kill" }>;
type ShimRestart = Extract<CrashFault, { kind: "shim-restart" }>;
type Trap = Extract<CrashFault, { kind: "trap" }>;

const CRASHES = new Set<FaultPlan["kind"]>(["blade-crash", "shim-restart", "trap", "kill", "sleep"]);

export class Crashes {
  readonly #world: World;
  readonly #clock: VirtualClock;
  readonly #calmUs: number;
  /** That wait for something that a manager does. */
  readonly #waiting: { fault: Kill | Trap; left: number }[] = [];
  readonly #crashed = new Set<string>();
  readonly #strikes: Strikes;
  readonly #onCrash: (blade: string) => void;

  /** `onCrash`: a blade is about to lose its power. */
  constructor(plan: Plan, world: World, clock: VirtualClock, strikes: Strikes, onCrash: (blade: string) => void) {
    this.#world = world;
    this.#clock = clock;
    this.#calmUs = plan.calmUs;
    this.#strikes = strikes;
    this.#onCrash = onCrash;
    for (const fault of plan.faults) if (CRASHES.has(fault.kind)) this.#schedule(fault as CrashFault);
  }

  /** A manager has sent a message of this kind. */
  onSent(manager: string, kind: string): void {
    this.#look((fault) => managerOf(fault) === manager && "sent" in fault.when && fault.when.sent === kind);
  }

  /** The appliance manager has saved its state. */
  onSaved(): void {
    this.#look((fault) => managerOf(fault) === APPLIANCE_MANAGER && "saved" in fault.when);
  }

  /** Nothing goes down any more, and all that can come back does: blades that have lost their power cannot. */
  calm(): void {
    this.#waiting.length = 0;
    for (const node of this.#world.nodes) if (!this.#crashed.has(node.name) && this.#isPlugged(node.name)) node.powerOn();
    for (const name of [APPLIANCE_MANAGER, ...this.#world.blades.keys()]) {
      this.#world.processOf(name)?.wake();
      this.#world.startManager(name);
    }
  }

  /** Whether no other blade that serves would be left: nobody would answer the clients, whatever the rule. */
  #isLast(blade: string): boolean {
    const { blades, saved } = this.#world;
    if (saved === null) return false;
    const living = bladesOf(saved.view, "active").filter((name) => saved.fenced[name] === undefined && blades.get(name)!.isOn);
    return living.length === 1 && living[0] === blade;
  }

  #isPlugged(node: string): boolean {
    return this.#world.blades.get(node)?.isOn ?? true;
  }

  #schedule(fault: CrashFault): void {
    switch (fault.kind) {
      case "kill":
      case "trap": {
        const { when } = fault;
        if ("atUs" in when) return void this.#clock.at(when.atUs, () => this.#strike(fault));
        this.#waiting.push({ fault, left: "saved" in when ? when.saved : when.nth });
        return;
      }
      case "blade-crash":
        return void this.#clock.at(fault.atUs, () => {
          if (!this.#world.blades.get(fault.blade)!.isOn || this.#isLast(fault.blade)) return;
          this.#strikes.note(fault);
          this.#crashed.add(fault.blade);
          this.#onCrash(fault.blade);
          this.#world.unplug(fault.blade);
        });
      case "shim-restart":
        return void this.#clock.at(fault.atUs, () => this.#restart(fault));
      case "sleep":
        return void this.#clock.at(fault.atUs, () => {
          const process = this.#world.processOf(fault.manager);
          if (process === null) return;
          this.#strikes.note(fault);
          process.sleep();
          this.#clock.after(fault.us, () => process.wake());
        });
    }
  }

  #restart(fault: ShimRestart): void {
    const node = this.#world.node(fault.node);
    if (!node?.isOn) return;
    this.#strikes.note(fault);
    node.powerOff();
    this.#clock.after(fault.downUs, () => {
      if (this.#isPlugged(fault.node)) node.powerOn();
    });
  }

  #strike(fault: Kill | Trap): void {
    if (fault.kind === "kill") return this.#kill(fault);
    this.#world.node(fault.node)?.trapNext(fault.during, () => this.#strikes.note(fault));
  }

  #kill(fault: Kill): void {
    const { manager, downUs } = fault;
    if (this.#clock.now >= this.#calmUs || this.#world.processOf(manager) === null) return;
    this.#strikes.note(fault);
    this.#world.killManager(manager);
    this.#clock.after(downUs, () => this.#world.startManager(manager));
  }

  #look(matches: (fault: Kill | Trap) => boolean): void {
    for (const entry of [...this.#waiting]) {
      if (!matches(entry.fault) || --entry.left > 0) continue;
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      this.#strike(entry.fault);
    }
  }
}

/** Whose doing it waits for. */
function managerOf(fault: Kill | Trap): string {
  return fault.kind === "kill" ? fault.manager : APPLIANCE_MANAGER;
}
