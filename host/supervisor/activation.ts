/** Making another switch the active one: the one that was is made standby first, if it answers. */
import { DobbsError } from "../errors.ts";
import type { Core } from "./core.ts";
import type { Cancel } from "./environment.ts";
import type { Activation } from "./state.ts";
import type { SwitchControl } from "./switch-control.ts";
import type { SwitchProblem, SwitchRoleName } from "./switch-driver.ts";

/** Null: the switch is active. Else it is not, and all have the roles again that they had. */
export type OnActivated = (id: number, error: DobbsError | null) => void;

type Roles = Readonly<Record<string, SwitchRoleName>>;

export class SwitchActivation {
  readonly #core: Core;
  readonly #switches: SwitchControl;
  readonly #onDone: OnActivated;
  /** What the switch that is to be active said last. */
  #why = "it does not answer";
  #cancel: Cancel | null = null;

  constructor(core: Core, switches: SwitchControl, onDone: OnActivated) {
    this.#core = core;
    this.#switches = switches;
    this.#onDone = onDone;
  }

  begin(id: number, name: string): void {
    const { activation, switches } = this.#core.state;
    const before = switches.roles;
    // Callers name anything; "constructor" is in every object.
    if (!Object.hasOwn(before, name)) return this.#onDone(id, unknownSwitch(name, before));
    if (activation !== null) return this.#onDone(id, busy(activation));
    if (before[name] === "active" && !switches.behind) return this.#onDone(id, null);
    if (this.#switches.isSilent(name)) return this.#onDone(id, notActive(name, this.#why));
    this.#core.change({ activation: { id, name, since: this.#core.now, before } });
    this.#switches.want({ roles: mapRoles(before, (other) => (other === name ? "active" : "standby")) });
    this.#await();
  }

  /** Goes on after the appliance manager was started anew. */
  resume(): void {
    if (this.#core.state.activation !== null) this.#await();
  }

  onProgrammed(problems: readonly SwitchProblem[]): void {
    const { activation } = this.#core.state;
    if (activation === null) return;
    const { id, name, before } = activation;
    const problem = problems.find((candidate) => candidate.switch === name);
    if (problem) {
      this.#why = problem.why;
      return;
    }
    for (const other of problems) {
      if (before[other.switch] === "active")
        this.#core.note("not-demoted", { switch: other.switch, why: other.why });
    }
    this.#core.note("activated", { switch: name });
    this.#finish(id, null);
  }

  #await(): void {
    this.#why = "it does not answer";
    this.#cancel = this.#core.timer(this.#core.timing.installMs, () => {
      const { activation } = this.#core.state;
      if (activation === null) return;
      const { id, name, before } = activation;
      this.#switches.want({ roles: before });
      this.#finish(id, notActive(name, this.#why));
    });
  }

  #finish(id: number, error: DobbsError | null): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#core.change({ activation: null });
    this.#onDone(id, error);
  }
}

function mapRoles(roles: Roles, role: (name: string) => SwitchRoleName): Roles {
  return Object.fromEntries(Object.keys(roles).map((name) => [name, role(name)]));
}

function unknownSwitch(name: string, roles: Roles): DobbsError {
  const names = Object.keys(roles).sort().join(", ") || "(none)";
  return new DobbsError("E_SWITCH_UNKNOWN", `there is no switch "${name}"`, `Name one of: ${names}.`);
}

function busy({ name }: Activation): DobbsError {
  return new DobbsError("E_SWITCH_BUSY", `switch "${name}" is being made active`, "Wait until that is done.", 1);
}

function notActive(name: string, why: string): DobbsError {
  const mend = "Look after the switch and the way to it, and ask again.";
  return new DobbsError("E_SWITCH", `switch "${name}" cannot be made active: ${why}`, mend, 1);
}
