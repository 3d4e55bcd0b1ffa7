/** How deep calls go. */
import type { ModuleText } from "./module-text.ts";

/**
 * The longest chain of calls from an exported function, counted in functions; or, as `cycle`, a chain of calls that
 * comes back to a function in it.
 */
export function deepestCall({ functions, entries }: ModuleText): { depth: number } | { cycle: string[] } {
  const depths = new Map<string, number>();
  const chain: string[] = [];

  /** Undefined: `chain` has become a cycle. */
  function depthOf(name: string): number | undefined {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const again = chain.includes(name);
    chain.push(name);
    if (again) return undefined;
    let below = 0;
    for (const callee of functions.get(name)?.calls ?? []) {
      const depth = depthOf(callee);
      if (depth === undefined) return undefined;
      below = Math.max(below, depth);
    }
    chain.pop();
    depths.set(name, below + 1);
    return below + 1;
  }

  // Entries first, so that a cycle is told from where the host calls; functions that nothing reaches count as well.
  for (const name of [...entries.values(), ...functions.keys()]) {
    if (depthOf(name) === undefined) return { cycle: chain };
  }
  return { depth: Math.max(0, ...[...entries.values()].map((name) => depths.get(name)!)) };
}
