/** What can be wrong with a file that a person wrote, and where. */

/** Where in the file, from its root: `["blades", 1, "mac"]`. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** E_<what the file is>_<what is wrong>. */
  readonly code: string;
  readonly path: Path;
  /** What is wrong; the reader knows the file, line and field already. */
  readonly message: string;
  readonly mend: string;
}

/** `["blades", 1, "mac"]` -> `blades[1].mac`. */
export function fieldName(path: Path): string {
  return path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("").replace(/^\./, "");
}
