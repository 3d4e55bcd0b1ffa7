/** `dobbs drain`: announces maintenance of a blade, or takes that back. */
import { Command } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { DobbsError } from "../errors.ts";
import { blade, bladeOf, FORCE_HELP, forcedText, forceOption, type ForceOption, tell } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";
import { durationText, parseDuration } from "./time-text.ts";

const HELP = `
The blade gets no new connections, keeps those it has, and goes offline when the last one has closed.
With a deadline, what is left then is cut, and counted. The command returns when the drain has begun;
\`dobbs watch\` shows how it goes on, \`dobbs remove\` ends it at once. --cancel takes it back: the blade
gets its share of the buckets again, and has lost nothing.
${FORCE_HELP}
${MANAGER_HELP}

Examples:
  dobbs drain ardsley
  dobbs drain ardsley --deadline 10m
  dobbs drain ardsley --cancel
${MANAGER_EXIT_CODES}`;

interface DrainOptions extends ManagerOptions, ForceOption {
  readonly deadline?: number;
  readonly cancel?: true;
}

export function drainCommand(): Command {
  const command = new Command("drain")
    .summary("take a blade's new connections away, and let it finish those it has")
    .description("Announces maintenance: the blade gets no new connections, and goes offline when it has none left.")
    .argument("<blade>", "its name")
    .option("--deadline <duration>", "cut what is left after so long, such as 90s, 10m or 1h30m", parseDuration)
    .option("--cancel", "end a drain that has begun, and let the blade serve again")
    .addOption(forceOption());
  return withManagerOptions(command).addHelpText("after", HELP).action(drainAction);
}

async function drainAction(name: string, options: DrainOptions): Promise<void> {
  const { deadline = null, cancel, force = false } = options;
  if (cancel && deadline !== null) {
    throw new DobbsError("E_USAGE", "a drain that is cancelled has no deadline", `Run: dobbs drain ${name} --cancel`);
  }
  await withManager(options, async (client) => {
    if (cancel) {
      const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "undrain"), { force });
      return tell(options, outcome, async () => {
        const current = (await bladeOf(client, name))?.current ?? 0;
        return `${name} serves again, with ${count(current, "bucket")}.${forcedText(outcome)}`;
      });
    }
    const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "drain"), { deadlineMs: deadline, force });
    await tell(options, outcome, async () => {
      const live = (await bladeOf(client, name))?.live ?? 0;
      const end = deadline === null ? "without a deadline" : `what is left in ${durationText(deadline)} is cut`;
      return `${name} drains: ${count(live, "connection")} left, ${end}.${forcedText(outcome)}`;
    });
  });
}
