/** Reads from a module's text, as binaryen prints it, what the gate asks about. */

export interface FunctionText {
  /** Names of functions that it calls, each once. */
  readonly calls: ReadonlySet<string>;
  /** Names of its instructions, each once. */
  readonly instructions: ReadonlySet<string>;
}

export interface ModuleText {
  /** `func "env" "abort"`. */
  readonly imports: readonly string[];
  /** The start function's name. */
  readonly start: string | undefined;
  /** Names of the tables that it declares itself. */
  readonly tables: readonly string[];
  /** By name, in the module's order. Imported functions are not among them. */
  readonly functions: ReadonlyMap<string, FunctionText>;
  /** Names of exported functions, by the name that they are exported under. */
  readonly entries: ReadonlyMap<string, string>;
}

const TOKEN = /\$"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*"|\(;[\s\S]*?;\)|;;.*|[()]|[^\s()"]+/g;
/** A module's fields are at this depth of parentheses. */
const FIELD_DEPTH = 2;

export function readModuleText(text: string): ModuleText {
  const imports: string[] = [];
  const tables: string[] = [];
  const functions = new Map<string, FunctionText>();
  const entries = new Map<string, string>();
  let start: string | undefined;

  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  let calls = new Set<string>();
  let instructions = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    if (token === ")") depth--;
    if (token !== "(") continue;
    depth++;
    const [head = "", first = "", second = "", third = "", fourth = ""] = tokens.slice(i + 1, i + 6);
    if (depth > FIELD_DEPTH) {
      instructions.add(head);
      if (head === "call" || head === "return_call") calls.add(first);
      continue;
    }
    switch (head) {
      case "func":
        calls = new Set();
        instructions = new Set();
        functions.set(first, { calls, instructions });
        break;
      case "export": // (export "process" (func $process))
        if (third === "func") entries.set(first.slice(1, -1), fourth);
        break;
      case "import": // (import "env" "abort" (func $abort ...))
        imports.push(`${fourth} ${first} ${second}`);
        break;
      case "start":
        start = first;
        break;
      case "table":
        tables.push(first);
        break;
    }
  }
  return { imports, start, tables, functions, entries };
}
