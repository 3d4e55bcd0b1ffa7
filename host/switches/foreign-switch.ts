/**
 * A switch that is not ours and is programmed by commands. Before it is given anything, it is asked what it has: an older
 * generation never replaces a newer one, and what seldom changes (ports, filters) is left alone when it is as it should be.
 */
import type { SwitchDriver, SwitchFound, SwitchRoleName, SwitchState } from "../supervisor/switch-driver.ts";
import { type SteeringIdentity, type Steering, steeringOf } from "./steering.ts";

/** What a switch has in force. */
export interface InForce {
  readonly generation: number;
  readonly role: SwitchRoleName;
  /** Digest of what seldom changes. */
  readonly layout: string;
  /** False: an interface was taken away or replaced since, so frames for it lead nowhere. */
  readonly isIntact: boolean;
  /** Tells this programming from the next, where the switch can. */
  readonly handle: number;
}

/** `inForce` is null when nothing of ours is there. */
export type Reading = { readonly problem: null; readonly inForce: InForce | null } | { readonly problem: string };

type OnDone = (problem: string | null) => void;

export abstract class ForeignSwitch implements SwitchDriver {
  readonly name: string;
  readonly #identity: SteeringIdentity;
  readonly #interfaces: Readonly<Record<number, string>>;
  /** One thing at a time: an older transaction must not end after a newer one. */
  readonly #waiting: ((next: () => void) => void)[] = [];

  constructor(name: string, identity: SteeringIdentity, interfaces: Readonly<Record<number, string>>) {
    this.name = name;
    this.#identity = identity;
    this.#interfaces = interfaces;
  }

  /** How its user empties it, as an imperative. */
  protected abstract readonly emptying: string;
  protected abstract read(onRead: (reading: Reading) => void): void;
  /** In one transaction. `inForce`: what was read just before. */
  protected abstract write(steering: Steering, inForce: InForce | null, onDone: OnDone): void;

  program(state: SwitchState, onDone: OnDone): void {
    let steering: Steering;
    try {
      steering = steeringOf(state, this.#identity, this.#interfaces);
    } catch (error) {
      return onDone((error as Error).message);
    }
    this.#inTurn((next) => {
      const done = (problem: string | null): void => {
        next();
        onDone(problem);
      };
      this.read((reading) => {
        if (reading.problem !== null) return done(reading.problem);
        const { inForce } = reading;
        if (inForce && inForce.generation > steering.generation) return done(this.#tooOld(inForce, steering));
        this.write(steering, inForce, done);
      });
    });
  }

  check(onChecked: (found: SwitchFound | null) => void): void {
    this.#inTurn((next) => {
      this.read((reading) => {
        next();
        if (reading.problem !== null) return onChecked(null);
        const { inForce } = reading;
        onChecked({ generation: inForce?.isIntact ? inForce.generation : 0, role: inForce?.role ?? "standby" });
      });
    });
  }

  #tooOld({ generation }: InForce, offered: Steering): string {
    return `Generation ${generation} is in force, and ${offered.generation} is older; if that one is of another life, ${this.emptying}.`;
  }

  #inTurn(task: (next: () => void) => void): void {
    this.#waiting.push(task);
    if (this.#waiting.length === 1) this.#begin();
  }

  #begin(): void {
    this.#waiting[0]?.(() => {
      this.#waiting.shift();
      this.#begin();
    });
  }
}
