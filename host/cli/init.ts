/** `dobbs init`: an appliance file to start from. */
import { writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { Command } from "commander";
import { DobbsError } from "../errors.ts";
import { APPLIANCE_SCHEMA_PATH } from "../model/appliance-schema.ts";
import { jsonOption, type JsonOption } from "./options.ts";
import { print, printJson } from "./output.ts";
import { starterFile } from "./starter.ts";

const HELP = `
The file is YAML, valid as it is, and every field in it has a comment. An editor that knows the YAML
language server checks it against the JSON Schema as you type.

Example:
  dobbs init appliance.yaml

Exit codes: 0 written; 2 the file exists already (E_FILE_EXISTS) or cannot be written (E_FILE_WRITE).`;

export function initCommand(): Command {
  return new Command("init")
    .summary("write a commented appliance file to start from")
    .description("Writes a commented appliance file to start from. A file that exists is left alone.")
    .argument("<file>", "where to write it, e.g. appliance.yaml")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(init);
}

function init(file: string, { json }: JsonOption): void {
  // Editors take a path relative to the file; on Windows' drives too it is a URL path.
  const schema = relative(dirname(resolve(file)), APPLIANCE_SCHEMA_PATH).replaceAll("\\", "/");
  try {
    writeFileSync(file, starterFile(schema), { flag: "wx" });
  } catch (error) {
    throw writeError(file, error as NodeJS.ErrnoException);
  }
  if (json) printJson({ file, schema: APPLIANCE_SCHEMA_PATH });
  else print(`Wrote ${file}: an appliance of two blades. Put in your own addresses.`);
}

function writeError(file: string, error: NodeJS.ErrnoException): DobbsError {
  if (error.code === "EEXIST") {
    return new DobbsError("E_FILE_EXISTS", `${file} exists, and is left as it is`, "Name another file, or move that one away.");
  }
  return new DobbsError("E_FILE_WRITE", `cannot write ${file}: ${error.message}`, "Check that the folder exists and is yours.");
}
