/** How commands talk: text for people, one JSON document for programs, errors with a code and a mend. */
import { DobbsError } from "../errors.ts";

/** Writes one line, or several, to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes the one JSON document of a `--json` run. Big integers become numbers. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? Number(item) : item), 2));
}

export type Cell = string | number | bigint;

/** Lines of aligned columns, two spaces apart. A column with a number in it goes to the right, heading and all. */
export function table(rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(cellText));
  const columns = [...(rows[0] ?? []).keys()].map((c) => ({
    width: Math.max(...texts.map((row) => row[c]!.length)),
    right: rows.some((row) => typeof row[c] !== "string"),
  }));
  const aligned = (text: string, c: number): string => {
    const { width, right } = columns[c]!;
    return right ? text.padStart(width) : text.padEnd(width);
  };
  return texts.map((row) => row.map(aligned).join("  ").trimEnd()).join("\n");
}

function cellText(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.toLocaleString("en-US");
}

/** Tells an error on stderr; with `json` also as the JSON document on stdout. Returns the exit status. */
export function report(error: unknown, json: boolean): number {
  const known = error instanceof DobbsError ? error : internal(error);
  process.stderr.write(`error ${known.code}: ${known.message}\n  mend: ${known.mend}\n`);
  const { code, message, mend, exitStatus } = known;
  if (json) printJson({ error: { code, message, mend } });
  return exitStatus;
}

/** An error that no user can cause: a fault of ours, so the stack is part of the message. */
function internal(error: unknown): DobbsError {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new DobbsError("E_INTERNAL", what, "Report this: it is a fault in Dobbs, not in what you gave it.", 1);
}
