/** Drives a switch that runs our own switch image, over its management channel. */
import { ManagementSession } from "../management/session.ts";
import type { FilterEntry, ForwardStation, NodeIdentity } from "../management/tables.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Clock, ManagementChannel } from "./environment.ts";
import type { SwitchDriver, SwitchRoleName } from "./switch-driver.ts";

export interface ImageSwitchOptions {
  readonly name: string;
  readonly role: SwitchRoleName;
  readonly clock: Clock;
  readonly channel: ManagementChannel;
  readonly identity: Omit<NodeIdentity, "localOwners">;
  readonly filters?: readonly FilterEntry[];
  readonly forward?: readonly ForwardStation[];
}

type OnDone = (problem: string | null) => void;

export class ImageSwitch implements SwitchDriver {
  readonly name: string;
  readonly role: SwitchRoleName;
  readonly #session: ManagementSession;
  readonly #options: ImageSwitchOptions;

  constructor(options: ImageSwitchOptions) {
    this.name = options.name;
    this.role = options.role;
    this.#session = new ManagementSession(options.clock, options.channel);
    this.#options = options;
  }

  program(assignment: Assignment, onDone: OnDone): void {
    this.#session.hello((result) => {
      if (!result.ok) return onDone(result.refusal.text);
      const put = (): void =>
        this.#session.putAssignment(assignment, (put) => {
          const there =
            !put.ok && put.refusal.status === "STALE_GENERATION" && put.refusal.detail === assignment.generation;
          onDone(put.ok || there ? null : put.refusal.text);
        });
      if (result.generation > 0) return put();
      this.#introduce((problem) => (problem === null ? put() : onDone(problem)));
    });
  }

  /** Tells a switch that has no assignment yet who it is. */
  #introduce(onDone: OnDone): void {
    const { identity, filters = [], forward = [], role } = this.#options;
    this.#session.putIdentity({ ...identity, localOwners: [] }, (put) => {
      if (!put.ok) return onDone(put.refusal.text);
      this.#session.putFilters(filters, (put) => {
        if (!put.ok) return onDone(put.refusal.text);
        this.#session.putForward(forward, (put) => {
          if (!put.ok) return onDone(put.refusal.text);
          this.#session.putRole(role, (put) => onDone(put.ok ? null : put.refusal.text));
        });
      });
    });
  }
}
