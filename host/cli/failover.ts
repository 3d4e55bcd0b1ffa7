/** `dobbs failover`: makes a standby switch the active one. */
import { Command } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import type { SwitchDocument } from "../api/status-document.ts";
import { DobbsError } from "../errors.ts";
import { tell } from "./blade-commands.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";

const HELP = `
The active switch is made a standby first, so that there are never two; one that does not answer is
reported, and does not stop it. Switches hold no connections, so nothing is lost. Without a name, the
only standby is taken.
${MANAGER_HELP}

Examples:
  dobbs failover
  dobbs failover east
${MANAGER_EXIT_CODES}`;

export function failoverCommand(): Command {
  const command = new Command("failover")
    .summary("make a standby switch the active one")
    .description("Makes a standby switch the active one.")
    .argument("[switch]", "its name; needed if there are several standbys");
  return withManagerOptions(command).addHelpText("after", HELP).action(failoverAction);
}

async function failoverAction(given: string | undefined, options: ManagerOptions): Promise<void> {
  await withManager(options, async (client) => {
    const name = given ?? standbyOf((await client.ask<{ switches: SwitchDocument[] }>("GET", "/v1/switches")).switches);
    const outcome = await client.ask<OutcomeDocument>("POST", `/v1/switches/${encodeURIComponent(name)}/activate`);
    await tell(options, outcome, () => `${name} is the active switch now.`);
  });
}

function standbyOf(switches: readonly SwitchDocument[]): string {
  const [standby, ...others] = switches.filter(({ role }) => role === "standby").map(({ name }) => name);
  if (standby !== undefined && others.length === 0) return standby;
  if (standby === undefined) {
    throw new DobbsError("E_SWITCH_STANDBY", "there is no standby switch", "Put one into the switches of the appliance file.", 1);
  }
  throw new DobbsError("E_USAGE", "there are several standby switches", `Name one of: ${[standby, ...others].join(", ")}.`);
}
