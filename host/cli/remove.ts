/** `dobbs remove`: ends a drain at once, or forgets an offline blade. */
import { Command } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { blade, cutText, tell } from "./blade-commands.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";

const HELP = `
A draining blade is taken off at once: the connections that it still has are cut, and counted. Of an
offline blade the appliance manager forgets the name. An active one has to be drained first.
${MANAGER_HELP}

Example:
  dobbs remove ardsley
${MANAGER_EXIT_CODES}`;

export function removeCommand(): Command {
  const command = new Command("remove")
    .summary("take a draining blade off at once, or forget an offline one")
    .description("Takes a draining blade off at once, cutting what it still has, or forgets an offline one.")
    .argument("<blade>", "its name");
  return withManagerOptions(command).addHelpText("after", HELP).action(removeAction);
}

async function removeAction(name: string, options: ManagerOptions): Promise<void> {
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "remove"));
    await tell(options, outcome, () => `${name} is removed: ${cutText(outcome.cut)}.`);
  });
}
