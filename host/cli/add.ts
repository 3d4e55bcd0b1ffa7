/** `dobbs add`: takes a blade into a running appliance. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { OutcomeDocument } from "../api/service.ts";
import { DobbsError } from "../errors.ts";
import { blade, FORCE_HELP, forcedText, forceOption, type ForceOption, statusOf, tell } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";
import { wholeNumber } from "./options.ts";

const HELP = `
The blade's traffic manager must run, and reach the appliance manager. A blade that the appliance file
describes needs its name only; another one needs --mac and --port at least. Buckets move to it as
balance needs; connections that live stay where they are.
${FORCE_HELP}
${MANAGER_HELP}

Examples:
  dobbs add irvington
  dobbs add irvington --mac 02:d0:bb:00:01:03 --port 3 --weight 2
  dobbs add irvington --mac 02:d0:bb:00:01:03 --port 3 --vm vm1=02:d0:bb:00:02:01@1 --vm vm2=02:d0:bb:00:02:02@2
${MANAGER_EXIT_CODES}`;

const SWITCH_PORT_MAX = 254;
const WEIGHT_MAX = 1_000;
const VM = /^([^=@]+)=([0-9a-fA-F:]+)@(\d{1,3})$/;

interface Vm {
  readonly name: string;
  readonly mac: string;
  readonly port: number;
}

interface AddOptions extends ManagerOptions, ForceOption {
  readonly mac?: string;
  readonly port?: number;
  readonly weight?: number;
  readonly vm: readonly Vm[];
}

export function addCommand(): Command {
  const vm = new Option("--vm <name=mac@port>", "a VM on it that serves, behind a host port of the blade; may be repeated");
  const command = new Command("add")
    .summary("take a blade into the appliance")
    .description("Takes a blade into a running appliance, or an offline one back into it.")
    .argument("<blade>", "its name")
    .option("--mac <mac>", "its MAC address, of a blade that the appliance file does not have")
    .option("--port <n>", "the switch's port that it is plugged into", wholeNumber(0, SWITCH_PORT_MAX))
    .option("--weight <n>", "its share of the buckets, relative to the others: 1 if left out", wholeNumber(1, WEIGHT_MAX))
    .addOption(vm.argParser(vmOf).default([], "none"))
    .addOption(forceOption());
  return withManagerOptions(command).addHelpText("after", HELP).action(addAction);
}

async function addAction(name: string, options: AddOptions): Promise<void> {
  const body = bodyOf(name, options);
  await withManager(options, async (client) => {
    const outcome = await client.ask<OutcomeDocument>("POST", blade(name, "add"), body);
    await tell(options, outcome, async () => {
      const { buckets, generation, blades } = await statusOf(client);
      const current = blades.find((one) => one.name === name)?.current ?? 0;
      return `${name} is in the appliance, with ${current} of ${count(buckets, "bucket")} (generation ${generation}).${forcedText(outcome)}`;
    });
  });
}

function bodyOf(name: string, { mac, port, weight, vm, force = false }: AddOptions): object {
  if (mac === undefined && port === undefined && weight === undefined && vm.length === 0) return { force };
  if (mac === undefined || port === undefined) {
    throw new DobbsError("E_USAGE", "a blade is described by --mac and --port at least", `Run for example: dobbs add ${name} --mac 02:d0:bb:00:01:03 --port 3`);
  }
  return { blade: { name, mac, port, ...(weight !== undefined && { weight }), ...(vm.length > 0 && { vms: vm }) }, force };
}

function vmOf(text: string, others: readonly Vm[]): readonly Vm[] {
  const [, name, mac, port] = VM.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Write it as name=mac@port, such as vm1=02:d0:bb:00:02:01@1.");
  return [...others, { name, mac: mac!, port: Number(port) }];
}
