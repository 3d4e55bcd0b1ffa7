/** `dobbs forward`: stations (VMs, end hosts) that serve no bucket, and the ports that lead to them. */
import { Command, Option } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import type { BladeDocument } from "../api/status-document.ts";
import type { Forward } from "../model/appliance.ts";
import { statusOf, tell } from "./blade-commands.ts";
import { listCommand } from "./lists.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager } from "./manager.ts";
import { wholeNumber } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
A station is a VM or an end host that owns no bucket: frames to its MAC address go to the port that is
named here. Ports of a blade count from 1 (0 is its wire), those of the switch from 0. Entries survive
a restart of the appliance manager. With --json: the API's answer.
${MANAGER_HELP}

Examples:
  dobbs forward list
  dobbs forward add 02:d0:bb:00:03:01 --at ardsley --port 2
  dobbs forward remove 02:d0:bb:00:03:01
${MANAGER_EXIT_CODES}`;

const PORT_MAX = 254;

/** What `GET /v1/forward` says. */
export interface ForwardDocument {
  readonly forward: readonly Forward[];
  readonly revision: string;
}

export function forwardCommand(): Command {
  const port = new Option("--port <n>", "the port that leads to it").argParser(wholeNumber(0, PORT_MAX)).makeOptionMandatory();
  return listCommand("forward", "list, add and remove stations behind a blade or the switch", "Lists, adds and removes stations (MAC address -> port), while the appliance runs.", HELP, [
    new Command("list").description("Lists the stations.").action(list),
    new Command("add")
      .description("Adds a station, or moves it.")
      .argument("<mac>", "its MAC address")
      .requiredOption("--at <place>", "a blade, or switch")
      .addOption(port)
      .action(add),
    new Command("remove").description("Removes a station.").argument("<mac>", "its MAC address").action(remove),
  ]);
}

async function list(options: ManagerOptions): Promise<void> {
  const answer = await withManager(options, (client) => client.ask<ForwardDocument>("GET", "/v1/forward"));
  if (options.json) printJson(answer);
  else print(forwardText(answer.forward));
}

export function forwardText(forward: readonly Forward[]): string {
  if (forward.length === 0) return "There are no stations but the owners of buckets.";
  return table([["MAC", "at", "port"], ...forward.map(({ mac, at, port }) => [mac, at, port])]);
}

async function add(mac: string, { at, port, ...options }: ManagerOptions & Pick<Forward, "at" | "port">): Promise<void> {
  const body = { station: { mac, at, port } };
  const { outcome, blade } = await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", "/v1/forward", body);
    return { outcome, blade: (await statusOf(client)).blades.find(({ name }) => name === at) };
  });
  await tell(options, outcome, () =>
    blade === undefined || isTold(blade)
      ? `${mac} is behind port ${port} of ${at}.`
      : `${mac} will be behind port ${port} of ${at}, which cannot be asked now: if it lacks that port, dobbs status says so when it serves.`,
  );
}

/** It has taken the list, or refused it, before the answer came. */
function isTold({ status, health }: BladeDocument): boolean {
  return (status === "active" || status === "draining") && health !== "absent" && health !== "silent";
}

async function remove(mac: string, options: ManagerOptions): Promise<void> {
  const outcome = await withManager(options, (client) => client.ask<OutcomeDocument>("DELETE", `/v1/forward/${encodeURIComponent(mac)}`));
  await tell(options, outcome, () => `${mac} is no station any more.`);
}
