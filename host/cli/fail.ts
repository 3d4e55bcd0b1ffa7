/** `dobbs fail`: declares a blade dead. */
import { Command } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { blade, cutText, tell } from "./blade-commands.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";

const HELP = `
For a blade that is dead, or has to be treated so: its port is shut at the switches, then it is taken
out of everything. Its own connections are lost, and counted; all others go on. To have this done by
itself when a blade falls silent, run \`dobbs serve\` with --fail-after. When the blade says later that it
was alive all the time, that is an event, and counted (\`dobbs status\`).
${MANAGER_HELP}

Example:
  dobbs fail ardsley
${MANAGER_EXIT_CODES}`;

export function failCommand(): Command {
  const command = new Command("fail")
    .summary("declare a blade dead: shut its port, and go on without it")
    .description("Declares a blade dead: its port is shut at the switches, and the others take over its buckets.")
    .argument("<blade>", "its name");
  return withManagerOptions(command).addHelpText("after", HELP).action(failAction);
}

async function failAction(name: string, options: ManagerOptions): Promise<void> {
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "fail"));
    await tell(options, outcome, () => `${name} is failed, and its port is shut: ${cutText(outcome.cut)}.`);
  });
}
