/** The table of the model's mutants in docs/protocol.md. */
import { readFileSync } from "node:fs";
import { packagePath } from "../../host/paths.ts";

export interface DocumentedMutant {
  readonly name: string;
  /** Of its shortest trace. */
  readonly steps: number;
}

/** In the order of the table. */
export function documentedMutants(): DocumentedMutant[] {
  const section = readFileSync(packagePath("docs", "protocol.md"), "utf8").split("### Mutants\n")[1]!.split(/\n##+ /)[0]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| what is broken"));
  return rows.map((row) => {
    const [name = "", steps] = row.slice("| ".length).split(" | ");
    return { name, steps: Number(steps) };
  });
}
