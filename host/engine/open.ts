import type { Engine, EngineName } from "./engine.ts";
import { V8Engine } from "./v8.ts";
import { WasmtimeEngine } from "./wasmtime.ts";

export const ENGINES: readonly EngineName[] = ["wasmtime", "v8"];
export const DEFAULT_ENGINE: EngineName = "wasmtime";

/** `bounded` (default true): a call may do only so much; V8 has no bound, whatever is asked for. */
export function openEngine(name: EngineName, options: { bounded?: boolean } = {}): Engine {
  return name === "v8" ? new V8Engine() : new WasmtimeEngine(options);
}
