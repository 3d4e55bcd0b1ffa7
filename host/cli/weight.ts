/** `dobbs weight`: changes a blade's or a VM's share of the buckets. */
import { Command, InvalidArgumentError } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { FORCE_HELP, forcedText, forceOption, type ForceOption, statusOf, tell } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";

const HELP = `
Weights are relative to each other: a blade of weight 2 has twice the buckets of one of weight 1. The VMs
of a blade divide its weight evenly. Buckets move as balance needs, and no more; connections that live
stay where they are. With weight 0 it gets nothing new, keeps what it has, and stays in the appliance.
The weight is kept until it is changed again, or the blade is added anew.
${FORCE_HELP}
${MANAGER_HELP}

Examples:
  dobbs weight ardsley 2
  dobbs weight ardsley/vm1 0
${MANAGER_EXIT_CODES}`;

const WEIGHT_MAX = 1_000;

export function weightCommand(): Command {
  const command = new Command("weight")
    .summary("change a blade's share of the buckets")
    .description("Changes a blade's or a VM's share of the buckets, relative to the others.")
    .argument("<owner>", "a blade, or blade/vm")
    .argument("<weight>", `a number from 0 to ${WEIGHT_MAX}`, weightOf)
    .addOption(forceOption());
  return withManagerOptions(command).addHelpText("after", HELP).action(weightAction);
}

async function weightAction(owner: string, weight: number, options: ManagerOptions & ForceOption): Promise<void> {
  const { force = false } = options;
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", "/v1/weights", { weights: { [owner]: weight }, force });
    await tell(options, outcome, async () => {
      const { buckets, generation, owners } = await statusOf(client);
      const current = owners.reduce((sum, one) => sum + (one.name === owner || one.blade === owner ? one.current : 0), 0);
      return `${owner} has weight ${weight}, and ${current} of ${count(buckets, "bucket")} (generation ${generation}).${forcedText(outcome)}`;
    });
  });
}

function weightOf(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= WEIGHT_MAX) return value;
  throw new InvalidArgumentError(`It must be a number from 0 to ${WEIGHT_MAX}.`);
}
