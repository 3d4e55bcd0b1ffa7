/** `dobbs filter`: L2 filter rules of a running appliance. */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { FilterDocument } from "../api/rules.ts";
import type { OutcomeDocument } from "../api/service.ts";
import { tell } from "./blade-commands.ts";
import { listCommand } from "./lists.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager } from "./manager.ts";
import { wholeNumber } from "./options.ts";
import { type Cell, print, printJson, table } from "./output.ts";

const HELP = `
Rules hold at a blade, at all blades, or at the switches. The first rule that matches a frame decides,
and what none matches passes. A part that is left out matches everything. All rules are replaced at
once on each node; they survive a restart of the appliance manager. With --json: the API's answer.
${MANAGER_HELP}

Examples:
  dobbs filter list
  dobbs filter add drop --destination 01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0 --at switch
  dobbs filter add allow --source 02:d0:bb:00:09:01 --ethertype arp --at ardsley --position 1
  dobbs filter remove 2
${MANAGER_EXIT_CODES}`;

const PORT_MAX = 254;
const POSITION_MAX = 4_096;

/** What `GET /v1/filters` says. */
export interface FiltersDocument {
  readonly filters: readonly FilterDocument[];
  readonly revision: string;
}

export function filterCommand(): Command {
  const position = new Option("--position <n>", "put it before the rule that is there now; last if left out").argParser(wholeNumber(1, POSITION_MAX));
  return listCommand("filter", "list, add and remove L2 filter rules", "Lists, adds and removes L2 filter rules, while the appliance runs.", HELP, [
    new Command("list").description("Lists the rules, in the order in which they are tried.").action(list),
    new Command("add")
      .description("Adds a rule.")
      .addArgument(new Argument("<action>", "what becomes of a frame that matches").choices(["allow", "drop"]))
      .option("--destination <mac[/mask]>", "destination address")
      .option("--source <mac[/mask]>", "source address")
      .option("--ethertype <type>", "arp, ipv4, ipv6 or a number such as 0x88cc", ethertype)
      .option("--port <n>", "the port that the frame came in by; on a blade 0 is the wire", wholeNumber(0, PORT_MAX))
      .option("--at <place>", "a blade, blades or switch", "blades")
      .addOption(position)
      .action(add),
    new Command("remove").description("Removes a rule.").argument("<position>", "as `dobbs filter list` shows it", wholeNumber(1, POSITION_MAX)).action(remove),
  ]);
}

async function list(options: ManagerOptions): Promise<void> {
  const answer = await withManager(options, (client) => client.ask<FiltersDocument>("GET", "/v1/filters"));
  if (options.json) printJson(answer);
  else print(filtersText(answer.filters));
}

export function filtersText(filters: readonly FilterDocument[]): string {
  if (filters.length === 0) return "There are no filter rules: everything passes.";
  const any = (value: string | number | undefined): Cell => String(value ?? "any");
  const rows = filters.map(({ action, at, destination, source, ethertype: type, port }, index): Cell[] => [
    index + 1,
    action,
    at,
    any(destination),
    any(source),
    typeof type === "number" ? `0x${type.toString(16).padStart(4, "0")}` : any(type),
    any(port),
  ]);
  return table([["position", "action", "at", "destination", "source", "ethertype", "port"], ...rows]);
}

interface AddOptions extends ManagerOptions, Omit<FilterDocument, "action"> {
  readonly position?: number;
}

async function add(action: "allow" | "drop", options: AddOptions): Promise<void> {
  const { destination, source, ethertype: type, port, at, position } = options;
  const filter: FilterDocument = {
    action,
    at,
    ...(destination !== undefined && { destination }),
    ...(source !== undefined && { source }),
    ...(type !== undefined && { ethertype: type }),
    ...(port !== undefined && { port }),
  };
  const body = { filter, ...(position !== undefined && { position }) };
  const outcome = await withManager(options, (client) => client.ask<OutcomeDocument>("POST", "/v1/filters", body));
  await tell(options, outcome, () => "The rule is in force.");
}

/** The list is looked at first, so that a rule that has moved since is not taken for another one. */
async function remove(position: number, options: ManagerOptions): Promise<void> {
  const outcome = await withManager(options, async (client) => {
    const { revision } = await client.ask<FiltersDocument>("GET", "/v1/filters");
    return client.ask<OutcomeDocument>("DELETE", `/v1/filters/${position}?revision=${revision}`);
  });
  await tell(options, outcome, () => "The rule is gone.");
}

function ethertype(text: string): FilterDocument["ethertype"] {
  if (text === "arp" || text === "ipv4" || text === "ipv6") return text;
  const number = Number(text);
  if (/^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(text) && number >= 0x0600 && number <= 0xffff) return number;
  throw new InvalidArgumentError("Write arp, ipv4, ipv6, or a number from 0x0600 to 0xffff.");
}
