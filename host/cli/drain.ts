/** `dobbs drain`: announces maintenance of a blade. */
import { Command } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { blade, bladeOf, tell } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";
import { durationText, parseDuration } from "./time-text.ts";

const HELP = `
The blade gets no new connections, keeps those it has, and goes offline when the last one has closed.
With a deadline, what is left then is cut, and counted. The command returns when the drain has begun;
\`dobbs watch\` shows how it goes on, \`dobbs remove\` ends it at once.
${MANAGER_HELP}

Examples:
  dobbs drain ardsley
  dobbs drain ardsley --deadline 10m
${MANAGER_EXIT_CODES}`;

interface DrainOptions extends ManagerOptions {
  readonly deadline?: number;
}

export function drainCommand(): Command {
  const command = new Command("drain")
    .summary("take a blade's new connections away, and let it finish those it has")
    .description("Announces maintenance: the blade gets no new connections, and goes offline when it has none left.")
    .argument("<blade>", "its name")
    .option("--deadline <duration>", "cut what is left after so long, such as 90s, 10m or 1h30m", parseDuration);
  return withManagerOptions(command).addHelpText("after", HELP).action(drainAction);
}

async function drainAction(name: string, options: DrainOptions): Promise<void> {
  const { deadline = null } = options;
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "drain"), { deadlineMs: deadline });
    await tell(options, outcome, async () => {
      const live = (await bladeOf(client, name))?.live ?? 0;
      const end = deadline === null ? "without a deadline" : `what is left in ${durationText(deadline)} is cut`;
      return `${name} drains: ${count(live, "connection")} left, ${end}.`;
    });
  });
}
