/**
 * Drives a Linux box with nftables, unchanged otherwise: hooks at the ingress of its interfaces, one transaction a programming.
 *
 * No kernel bridge takes part. A bridge that has lost its table would flood what is for the VMAC to every blade; an interface
 * without one forwards nothing. So the table does all: it steers and forwards by `fwd`, floods by `dup`, and remembers where
 * it heard of a station. `README.md` here says what the box must be given.
 */
import type { NftSwitchSpec } from "../model/appliance.ts";
import { runCommand } from "./command.ts";
import { ForeignSwitch, type InForce, type Reading } from "./foreign-switch.ts";
import { parseState, READ, transaction, WRITE } from "./nft-text.ts";
import type { Steering, SteeringIdentity } from "./steering.ts";

/** The first words of nft's complaint about a table or chain that is not there. */
const NOT_THERE = "nft failed: Error: No such file or directory";

export class NftSwitch extends ForeignSwitch {
  protected readonly emptying: string;
  readonly #run: readonly string[];

  constructor({ name, run, interfaces }: NftSwitchSpec, identity: SteeringIdentity) {
    super(name, identity, interfaces);
    this.#run = run;
    this.emptying = `empty the switch with \`${[...run, "nft", "delete", "table", "netdev", "dobbs"].join(" ")}\``;
  }

  protected read(onRead: (reading: Reading) => void): void {
    runCommand({ run: this.#run, command: [...READ] }, ({ output, problem }) => {
      if (problem?.startsWith(NOT_THERE)) return onRead({ problem: null, inForce: null });
      onRead(problem === null ? { problem, inForce: parseState(output) } : { problem });
    });
  }

  protected write(steering: Steering, inForce: InForce | null, onDone: (problem: string | null) => void): void {
    const input = transaction(steering, inForce);
    runCommand({ run: this.#run, command: [...WRITE], input }, ({ problem }) => onDone(problem));
  }
}
