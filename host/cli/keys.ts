/** `dobbs keys`: the appliance's own CA, and the certificates of its nodes. */
import { Argument, Command, InvalidArgumentError } from "commander";
import type { KeyEntry } from "../keys/authority.ts";
import { type Role, ROLES } from "../transport/peer.ts";
import { jsonOption, type JsonOption, wholeNumber } from "./options.ts";
import { print, printJson, table } from "./output.ts";

const HELP = `
TLS links (tls:host:port) let in only who shows a certificate of the appliance's own CA, and a certificate
says what it is for:
  manager  the appliance manager, and operators' tools: may do everything
  blade    the traffic manager of the blade of that name: its own shim, and the appliance manager
  leader   the same traffic manager, where it programs the shims of switches (--switch-tls-cert); it
           cannot flash them. Every blade may come to lead, so each gets one
  shim     the shim of the blade or the switch of that name
Keep ca.key off the nodes: who has it can be anyone. Keys are files for their owner alone (mode 0600).
Nothing is overwritten.

Examples:
  dobbs keys init keys
  dobbs keys issue keys manager am --address 10.0.0.1
  dobbs keys issue keys blade ardsley
  dobbs keys issue keys leader ardsley
  dobbs keys issue keys shim ardsley --address 10.0.0.7
  dobbs keys list keys

Then give each program ca.pem, and its own two files: --tls-ca, --tls-cert, --tls-key.

Exit codes: 0 done; 2 wrong usage, no CA there, or a file exists already (E_KEYS_*).`;

const NODE_DAYS = 825;
const DAYS_MAX = 3_650;

interface IssueOptions extends JsonOption {
  readonly address?: readonly string[];
  readonly days: number;
}

export function keysCommand(): Command {
  const keys = new Command("keys")
    .summary("make a CA, and certificates for TLS links")
    .description("Makes the appliance's own CA, and certificates for its nodes.")
    .helpCommand(false)
    .addHelpText("after", HELP);
  keys
    .command("init")
    .description("Makes a CA: <dir>/ca.pem and <dir>/ca.key.")
    .argument("<dir>", "a folder; it is made when there is none")
    .addOption(jsonOption())
    .action(init);
  keys
    .command("issue")
    .description("Makes a key and a certificate for one node: <dir>/<role>-<name>.pem and .key.")
    .argument("<dir>", "the folder of the CA")
    .addArgument(new Argument("<role>", "what it is for").choices(ROLES))
    .argument("<name>", "the node's name, as in the appliance file")
    .option("--address <host>", "a name or an address at which it is reached; may be given several times", gather)
    .option("--days <n>", "how long it is valid", wholeNumber(1, DAYS_MAX), NODE_DAYS)
    .addOption(jsonOption())
    .action(issue);
  keys
    .command("list")
    .description("Lists the certificates in a folder.")
    .argument("<dir>", "the folder of the CA")
    .addOption(jsonOption())
    .action(list);
  for (const one of keys.commands) {
    one.helpOption("-h, --help", "print this manual").exitOverride().configureOutput({ outputError: () => {} });
  }
  return keys;
}

function gather(host: string, hosts: readonly string[] = []): string[] {
  if (host === "") throw new InvalidArgumentError("It must not be empty.");
  return [...hosts, host];
}

// The certificates' library takes a while to load: only who makes some waits for it.
const authority = () => import("../keys/authority.ts");

async function init(folder: string, { json }: JsonOption): Promise<void> {
  const { certificate, key } = await (await authority()).initAuthority(folder);
  if (json) printJson({ certificate, key });
  else print(`Wrote ${certificate}, which every node gets, and ${key}, which none gets: keep it where you issue.`);
}

async function issue(folder: string, role: Role, name: string, { address = [], days, json }: IssueOptions): Promise<void> {
  const { certificate, key } = await (await authority()).issueKeys(folder, role, name, { addresses: address, days });
  if (json) printJson({ role, name, certificate, key });
  else print(`Wrote ${certificate} and ${key}, for ${days} days.`);
}

async function list(folder: string, { json }: JsonOption): Promise<void> {
  const entries = (await authority()).listKeys(folder);
  if (json) printJson({ keys: entries });
  else print(table([["role", "name", "valid until", "key", "addresses"], ...entries.map(row)]));
}

const KEY_STATES = { ok: "ok", missing: "not here", readable: "others may read it: chmod 600" } as const;

function row({ role, name, validTo, expired, keyState, addresses }: KeyEntry): string[] {
  const until = `${validTo.slice(0, 10)}${expired ? " EXPIRED" : ""}`;
  return [role ?? "ca", name, until, KEY_STATES[keyState], addresses.join(" ")];
}
