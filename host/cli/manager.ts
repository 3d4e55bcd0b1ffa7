/** How commands find the appliance manager: by its state folder, or by address and token. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { ApiClient } from "../api/client.ts";
import { API_FILE, type ApiPlace, DEFAULT_STATE_FOLDER, TOKEN_FILE } from "../api/state-folder.ts";
import { DobbsError } from "../errors.ts";
import { jsonOption, type JsonOption } from "./options.ts";

export interface ManagerOptions extends JsonOption {
  readonly state: string;
  readonly api?: string;
  readonly tokenFile?: string;
}

export const MANAGER_HELP = `
The appliance manager is found by its state folder: --state, else $DOBBS_STATE, else
${DEFAULT_STATE_FOLDER}. Or say where it is with --api and --token-file (through a tunnel, say).`;

export const MANAGER_EXIT_CODES = `
Exit codes: 0 done; 1 refused, or no appliance manager answers (E_MANAGER_UNREACHABLE); 2 wrong usage, or
a name that it does not know.`;

export function stateOption(): Option {
  return new Option("--state <dir>", "the appliance manager's state folder").env("DOBBS_STATE").default(DEFAULT_STATE_FOLDER);
}

/** Adds the options that every command to the appliance manager has. */
export function withManagerOptions(command: Command): Command {
  return command
    .addOption(stateOption())
    .option("--api <url>", "where its API is, instead of what the state folder says")
    .option("--token-file <file>", "the file that has the API's token, instead of the state folder's")
    .addOption(jsonOption());
}

/** Runs `ask` with a connection to the appliance manager, and closes that. Rejects with E_MANAGER_UNREACHABLE,
 *  E_TOKEN_READ, and what the manager refuses. */
export async function withManager<T>(options: ManagerOptions, ask: (client: ApiClient) => Promise<T>): Promise<T> {
  const client = connect(options);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

/** Throws E_MANAGER_UNREACHABLE and E_TOKEN_READ. */
export function connect({ state, api, tokenFile }: ManagerOptions): ApiClient {
  const startMend = `Start it with: dobbs serve --appliance <file> --state ${state}; or name the folder of one that runs with --state.`;
  const url = api ?? placeOf(state, startMend).url;
  if (!URL.canParse(url) || new URL(url).protocol !== "http:") {
    throw new DobbsError("E_USAGE", `"${url}" is no address of an API`, "Write it as http://127.0.0.1:7440.");
  }
  return new ApiClient({ url, token: readToken(tokenFile ?? join(state, TOKEN_FILE)), startMend });
}

function placeOf(state: string, startMend: string): ApiPlace {
  const path = join(state, API_FILE);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ApiPlace;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES") throw unreadable(path);
    const why = code === "ENOENT" ? `none runs in ${state}` : `cannot read ${path}: ${message}`;
    throw new DobbsError("E_MANAGER_UNREACHABLE", `no appliance manager answers: ${why}`, startMend, 1);
  }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES") throw unreadable(path);
    throw new DobbsError("E_TOKEN_READ", `cannot read the token ${path}: ${message}`, "Name the right file with --token-file, or the folder with --state.");
  }
}

function unreadable(path: string): DobbsError {
  return new DobbsError("E_TOKEN_READ", `you may not read ${path}`, "Run this as the user that runs dobbs serve, for example with sudo.");
}
