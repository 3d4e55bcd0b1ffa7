/** `dobbs move` and `dobbs rebalance`: buckets where an operator wants them, and back where balance does. */
import { Command, InvalidArgumentError } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { FORCE_HELP, forcedText, forceOption, type ForceOption, tell } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";

const MOVE_HELP = `
Connections that live stay where they are; new ones in these buckets are served by the new owner. The next
change of membership or weights, or \`dobbs rebalance\`, may take the buckets back.
${FORCE_HELP}
${MANAGER_HELP}

Examples:
  dobbs move 7 --to ardsley
  dobbs move 0-31,64 --to ardsley/vm1
${MANAGER_EXIT_CODES}`;

const REBALANCE_HELP = `
Moves as many buckets as balance needs: those that \`dobbs move\` has put elsewhere, for instance.
${FORCE_HELP}
${MANAGER_HELP}

Example:
  dobbs rebalance
${MANAGER_EXIT_CODES}`;

const BUCKETS_MAX = 65_536;
const RANGE = /^(\d{1,5})(?:-(\d{1,5}))?$/;

interface MoveOptions extends ManagerOptions, ForceOption {
  readonly to: string;
}

export function moveCommand(): Command {
  const command = new Command("move")
    .summary("give buckets to an owner, whatever balance says")
    .description("Gives buckets to a blade or a VM, whatever balance says.")
    .argument("<buckets>", "numbers and ranges of them, such as 7 or 0-31,64", bucketsOf)
    .requiredOption("--to <owner>", "a blade, or blade/vm")
    .addOption(forceOption());
  return withManagerOptions(command).addHelpText("after", MOVE_HELP).action(moveAction);
}

export function rebalanceCommand(): Command {
  const command = new Command("rebalance")
    .summary("move the buckets that balance needs moved")
    .description("Gives each owner its share of the buckets again.")
    .addOption(forceOption());
  return withManagerOptions(command).addHelpText("after", REBALANCE_HELP).action(rebalanceAction);
}

async function moveAction(buckets: readonly number[], options: MoveOptions): Promise<void> {
  const { to, force = false } = options;
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", "/v1/moves", { buckets, to, force });
    await tell(options, outcome, () => {
      const is = buckets.length === 1 ? "is" : "are";
      return `${count(buckets.length, "bucket")} ${is} ${to}'s (generation ${outcome.generation}).${forcedText(outcome)}`;
    });
  });
}

async function rebalanceAction(options: ManagerOptions & ForceOption): Promise<void> {
  const { force = false } = options;
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", "/v1/rebalance", { force });
    await tell(options, outcome, () => `Every owner has its share (generation ${outcome.generation}).${forcedText(outcome)}`);
  });
}

/** `0-3,7` -> 0, 1, 2, 3, 7. Each once. */
function bucketsOf(text: string): number[] {
  const buckets = new Set<number>();
  for (const part of text.split(",")) {
    const [, first, last = first] = RANGE.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to >= BUCKETS_MAX) {
      throw new InvalidArgumentError(`Write bucket numbers below ${BUCKETS_MAX}, and ranges of them, such as 7 or 0-31,64.`);
    }
    for (let bucket = from; bucket <= to; bucket++) buckets.add(bucket);
  }
  return [...buckets];
}
