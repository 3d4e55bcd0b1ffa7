/** Finds the package's own files, wherever a module runs from: the sources, or `build/`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let root: string | undefined;

/** The absolute path of a file or folder of the package: `packagePath("schemas", "appliance.schema.json")`. */
export function packagePath(...parts: string[]): string {
  root ??= findRoot();
  return join(root, ...parts);
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (folder === dirname(folder)) throw new Error(`no package.json above ${import.meta.url}`);
    folder = dirname(folder);
  }
  return folder;
}
