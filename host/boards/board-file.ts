/** Finds board profiles and reads them: what a profile extends, then its schema, then what a schema cannot say. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DobbsError } from "../errors.ts";
import { fieldName } from "../files/problem.ts";
import { SchemaCheck } from "../files/schema-check.ts";
import { packagePath } from "../paths.ts";
import type { Board } from "./board.ts";

type Fields = Readonly<Record<string, unknown>>;

const SUFFIX = ".json";
const SCHEMA_SUFFIX = ".schema.json";

/** Where the shipped profiles are. */
export const BOARDS_FOLDER = packagePath("boards");

const START_MEND = "Start from a profile that works, such as boards/emulated.json.";
const schema = new SchemaCheck({
  schemaPath: packagePath("boards", "board.schema.json"),
  codePrefix: "E_BOARD",
  startMend: START_MEND,
});

/** Names of all boards in a folder, in order. */
export function boardNames(folder: string = BOARDS_FOLDER): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(SUFFIX) && !file.endsWith(SCHEMA_SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
}

/** Throws E_BOARD_NOT_FOUND, _SYNTAX, _EXTENDS, _NAME, and the schema's _MISSING, _UNKNOWN and _VALUE. */
export function loadBoard(name: string, folder: string = BOARDS_FOLDER): Board {
  const file = join(folder, name + SUFFIX);
  const { $schema: _, extends: __, ...fields } = inherit(name, folder, []);
  const problem = schema.check(fields);
  if (problem) {
    const field = problem.path.length > 0 ? `${fieldName(problem.path)}: ` : "";
    throw new DobbsError(problem.code, `${file}: ${field}${problem.message}`, problem.mend);
  }
  const board = fields as unknown as Board;
  if (board.name !== name) {
    const mend = `Name it "${name}", or rename the file to ${board.name}${SUFFIX}.`;
    throw new DobbsError("E_BOARD_NAME", `${file}: name is "${board.name}", and the file is called ${name}${SUFFIX}`, mend);
  }
  return board;
}

/** The fields of a profile over those of the profiles that it extends. `heirs`: the profiles that lead here. */
function inherit(name: string, folder: string, heirs: readonly string[]): Fields {
  const fields = readFields(name, folder, heirs);
  const parent = fields.extends;
  if (parent === undefined) return fields;
  const chain = [...heirs, name];
  if (typeof parent !== "string" || chain.includes(parent)) {
    const what = typeof parent === "string" ? `goes in a circle: ${[...chain, parent].join(" -> ")}` : "is no name of a profile";
    throw new DobbsError("E_BOARD_EXTENDS", `${join(folder, name + SUFFIX)}: extends ${what}`, "Name a profile that does not build on this one.");
  }
  return merge(inherit(parent, folder, chain), fields);
}

function readFields(name: string, folder: string, heirs: readonly string[]): Fields {
  const file = join(folder, name + SUFFIX);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const heir = heirs.at(-1);
    const wanted = heir === undefined ? "" : `, which ${join(folder, heir + SUFFIX)} extends`;
    const mend = `Use one of ${boardNames(folder).join(", ")}, or write ${file}.`;
    throw new DobbsError("E_BOARD_NOT_FOUND", `there is no board "${name}"${wanted}`, mend);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DobbsError("E_BOARD_SYNTAX", `${file}: ${(error as Error).message}`, "Correct the JSON there.");
  }
  if (isFields(value)) return value;
  throw new DobbsError("E_BOARD_SYNTAX", `${file}: not a JSON object`, START_MEND);
}

function merge(parent: Fields, child: Fields): Fields {
  const merged: Record<string, unknown> = { ...parent };
  for (const [key, value] of Object.entries(child)) {
    const inherited = parent[key];
    merged[key] = isFields(value) && isFields(inherited) ? merge(inherited, value) : value;
  }
  return merged;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
