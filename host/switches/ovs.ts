/**
 * Drives a bridge of Open vSwitch, unchanged otherwise: OpenFlow flows on the low bits of the sender's address, one bundle a
 * programming. The bridge is made to fail secure, so that one that has lost its flows forwards nothing. `README.md` here says
 * what it must be given.
 *
 * A bundle takes effect as a whole. The datapath goes by its cache of decisions for a moment longer: a client's frames go where
 * they went before then, never to two places. A programming is done when that cache is emptied.
 */
import type { OvsSwitchSpec } from "../model/appliance.ts";
import { runCommand } from "./command.ts";
import { ForeignSwitch, type InForce, type Reading } from "./foreign-switch.ts";
import { bundle, parseState, readCommand, writeCommand } from "./ovs-flows.ts";
import type { Steering, SteeringIdentity } from "./steering.ts";

export class OvsSwitch extends ForeignSwitch {
  protected readonly emptying: string;
  readonly #run: readonly string[];
  readonly #bridge: string;

  constructor({ name, run, bridge, interfaces }: OvsSwitchSpec, identity: SteeringIdentity) {
    super(name, identity, interfaces);
    this.#run = run;
    this.#bridge = bridge;
    this.emptying = `empty the switch with \`${[...run, "ovs-ofctl", "del-flows", bridge].join(" ")}\``;
  }

  protected read(onRead: (reading: Reading) => void): void {
    runCommand({ run: this.#run, command: readCommand(this.#bridge) }, ({ output, problem }) =>
      onRead(problem === null ? { problem, inForce: parseState(output) } : { problem }),
    );
  }

  protected write(steering: Steering, inForce: InForce | null, onDone: (problem: string | null) => void): void {
    const put = (): void =>
      runCommand({ run: this.#run, command: writeCommand(this.#bridge), input: bundle(steering, inForce) }, ({ problem }) =>
        problem === null ? this.#forget(() => onDone(null)) : onDone(problem),
      );
    if (inForce) return put();
    const secure = ["ovs-vsctl", "--timeout=4", "set-fail-mode", this.#bridge, "secure"] as const;
    runCommand({ run: this.#run, command: secure }, ({ problem }) => (problem === null ? put() : onDone(problem)));
  }

  /** Empties the datapath's cache, which would follow by itself some milliseconds later: so where it cannot be asked, that is no
   *  problem. */
  #forget(onForgotten: () => void): void {
    runCommand({ run: this.#run, command: ["ovs-appctl", "--timeout=2", "revalidator/purge"] }, onForgotten);
  }
}
