/** Drives a switch that runs our own switch image, over its management channel. */
import { ManagementSession, type OnResult } from "../management/session.ts";
import type { NodeIdentity } from "../management/tables.ts";
import type { Clock, ManagementChannel } from "./environment.ts";
import { inOrder, type OnDone, type Step } from "./steps.ts";
import type { SwitchDriver, SwitchFound, SwitchRoleName, SwitchState } from "./switch-driver.ts";

export interface ImageSwitchOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly channel: ManagementChannel;
  readonly identity: Omit<NodeIdentity, "localOwners" | "ports">;
}

export class ImageSwitch implements SwitchDriver {
  readonly name: string;
  readonly #session: ManagementSession;
  readonly #identity: ImageSwitchOptions["identity"];
  /** As this driver has put it; null: not, or it is not known whether it has arrived. */
  #role: SwitchRoleName | null = null;

  constructor(options: ImageSwitchOptions) {
    this.name = options.name;
    this.#session = new ManagementSession(options.clock, options.channel);
    this.#identity = options.identity;
  }

  /** Everything is put every time: another traffic manager may have put other things in between. */
  program(state: SwitchState, onDone: OnDone): void {
    this.#session.hello((result) => {
      if (!result.ok) return onDone(result.refusal.text);
      const offered = state.assignment.generation;
      if (result.generation > offered) return onDone(`Generation ${result.generation} is in force, and not ${offered}.`);
      const role: Step = (then) => this.#putRole(state.role, then);
      const tables = this.#tables(state);
      // On the way to standby at once; on the way to active when everything is there.
      inOrder(state.role === "standby" ? [role, ...tables] : [...tables, role], onDone);
    });
  }

  check(onChecked: (found: SwitchFound | null) => void): void {
    this.#session.hello((result) => {
      if (!result.ok) return onChecked(null);
      const { generation } = result;
      // A switch is born standby.
      onChecked({ generation, role: generation === 0 ? "standby" : this.#role });
    });
  }

  /** Those first that there may be no room for: when one is refused, less has changed. */
  #tables({ assignment, ports, filters, forward }: SwitchState): Step[] {
    const onPut =
      (then: OnDone): OnResult<null> =>
      (put) =>
        then(put.ok ? null : put.refusal.text);
    return [
      (then) => this.#session.putFilters(filters, onPut(then)),
      (then) => this.#session.putForward(forward, onPut(then)),
      (then) => this.#session.putIdentity({ ...this.#identity, ports, localOwners: [] }, onPut(then)),
      (then) =>
        this.#session.putAssignment(assignment, (put) => {
          const there =
            !put.ok && put.refusal.status === "STALE_GENERATION" && put.refusal.detail === assignment.generation;
          then(put.ok || there ? null : put.refusal.text);
        }),
    ];
  }

  #putRole(role: SwitchRoleName, then: OnDone): void {
    this.#role = null;
    this.#session.putRole(role, (put) => {
      if (put.ok) this.#role = role;
      then(put.ok ? null : put.refusal.text);
    });
  }
}
