/**
 * The gate: what an image must not have (design: "Firmware: what an image is"), checked on the compiled bytes, so that
 * neither the source nor the compiler has to be trusted.
 */
import type { WasmFeature } from "../boards/board.ts";
import { DobbsError } from "../errors.ts";
import { ALL_FEATURES, featureBits, featuresOf, listen, type Module, readBinary } from "./binaryen.ts";
import { deepestCall } from "./call-graph.ts";
import { type ModuleText, readModuleText } from "./module-text.ts";

export type GateRule =
  | "import"
  | "start"
  | "memory-size"
  | "memory-grow"
  | "table"
  | "indirect-call"
  | "recursion"
  | "feature";

export interface GateProblem {
  readonly rule: GateRule;
  /** What in the image breaks the rule. */
  readonly detail: string;
}

export interface GateReport {
  /** Size of the image. */
  readonly bytes: number;
  /** The memory that it starts with. */
  readonly memoryKiB: number;
  /** Functions on the longest chain of calls from an export; null where recursion makes it endless. */
  readonly maxCallDepth: number | null;
  readonly functions: number;
  readonly exports: number;
  /** Wasm features that it needs, by the names that board profiles use. */
  readonly features: readonly string[];
  /** Empty: the image passes. */
  readonly problems: readonly GateProblem[];
}

const PAGE_KIB = 64;
const INDIRECT_CALLS = ["call_indirect", "return_call_indirect", "call_ref", "return_call_ref"];

/** `features`: what the board has. Throws E_IMAGE_INVALID for what is no Wasm module at all. */
export function gateReport(bytes: Uint8Array, features: readonly WasmFeature[]): GateReport {
  const module = readModule(bytes);
  try {
    const text = readModuleText(module.emitText());
    const deepest = deepestCall(text);
    const needed = featuresOf(bytes);
    return {
      bytes: bytes.length,
      memoryKiB: module.hasMemory() ? module.getMemoryInfo().initial * PAGE_KIB : 0,
      maxCallDepth: "depth" in deepest ? deepest.depth : null,
      functions: text.functions.size,
      exports: module.getNumExports(),
      features: needed,
      problems: [
        ...text.imports.map((name) => problem("import", `it imports ${name}`)),
        ...(text.start === undefined ? [] : [problem("start", `function ${text.start} runs when it is instantiated`)]),
        ...memoryProblems(module),
        ...text.tables.map((name) => problem("table", `it has the table ${name}`)),
        ...instructionProblems(text),
        ...("cycle" in deepest ? [problem("recursion", deepest.cycle.join(" calls "))] : []),
        ...featureProblems(bytes, needed, features),
      ],
    };
  } finally {
    module.dispose();
  }
}

function problem(rule: GateRule, detail: string): GateProblem {
  return { rule, detail };
}

function readModule(bytes: Uint8Array): Module {
  try {
    return listen(() => readBinary(bytes, ALL_FEATURES)).result;
  } catch {
    const mend = "Give an image as the build made it, or build it anew: npm run build";
    throw new DobbsError("E_IMAGE_INVALID", "this is no WebAssembly module, or it is cut off", mend);
  }
}

function memoryProblems(module: Module): GateProblem[] {
  if (!module.hasMemory()) return [problem("memory-size", "it has no memory")];
  const { initial, max } = module.getMemoryInfo();
  if (initial === max) return [];
  const most = max === undefined ? "without a maximum" : `up to ${max * PAGE_KIB} KiB`;
  return [problem("memory-size", `its memory starts with ${initial * PAGE_KIB} KiB and may grow ${most}`)];
}

function instructionProblems({ functions }: ModuleText): GateProblem[] {
  const problems: GateProblem[] = [];
  for (const [name, { instructions }] of functions) {
    if (instructions.has("memory.grow")) problems.push(problem("memory-grow", `function ${name} grows the memory`));
    for (const call of INDIRECT_CALLS.filter((call) => instructions.has(call))) {
      problems.push(problem("indirect-call", `function ${name} has a ${call}`));
    }
  }
  return problems;
}

function featureProblems(bytes: Uint8Array, needed: readonly string[], board: readonly WasmFeature[]): GateProblem[] {
  const missing = needed.filter((name) => !(board as readonly string[]).includes(name));
  if (missing.length > 0) return missing.map((name) => problem("feature", `it needs ${name}, which the board lacks`));
  // Features that this file has no name for are caught here.
  const { result, said } = listen(() => {
    const module = readBinary(bytes, featureBits(board));
    const valid = Boolean(module.validate());
    module.dispose();
    return valid;
  });
  return result ? [] : [problem("feature", `it is not valid with what the board has: ${said.split("\n", 1)[0]}`)];
}
