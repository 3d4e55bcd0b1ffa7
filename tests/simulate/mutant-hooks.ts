/** Hooks of the module loader: see `mutant-loader.ts`. */
import type { InitializeHook, LoadHook } from "node:module";
import { pathToFileURL } from "node:url";

const texts = new Map<string, string>();

export const initialize: InitializeHook<string> = (modules) => {
  for (const [path, text] of Object.entries(JSON.parse(modules) as Record<string, string>)) texts.set(pathToFileURL(path).href, text);
};

export const load: LoadHook = (url, context, nextLoad) => {
  const source = texts.get(url);
  return source === undefined ? nextLoad(url, context) : { format: "module", source, shortCircuit: true };
};
