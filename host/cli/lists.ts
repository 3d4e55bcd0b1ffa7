/** What `dobbs filter` and `dobbs forward` share: commands under a command. */
import { Command } from "commander";
import { withManagerOptions } from "./manager.ts";

/** A command that only has others under it. Alone, it prints its manual. */
export function listCommand(name: string, summary: string, description: string, help: string, parts: readonly Command[]): Command {
  const command = new Command(name).summary(summary).description(description).usage("list|add|remove [options]").addHelpText("after", help);
  for (const part of parts) {
    // As `dobbs.ts` does for its own: errors come back as exceptions.
    command.addCommand(withManagerOptions(part).helpOption("-h, --help", "print this manual").exitOverride().configureOutput({ outputError: () => {} }));
  }
  return command;
}
