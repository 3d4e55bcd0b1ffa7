/** binaryen, with its diagnostics caught: it prints them to the console that it finds when it is loaded. */
import type { WasmFeature } from "../boards/board.ts";

let diagnostics: string[] = [];
const { error } = console;
console.error = (text: string) => diagnostics.push(text);
const { default: binaryen } = await import("binaryen");
console.error = error;

export type Module = InstanceType<typeof binaryen.Module>;

// Its type declaration leaves out the features.
const readWithFeatures = binaryen.readBinary as (bytes: Uint8Array, features: number) => Module;

/** Throws what is no error of ours when the bytes are no module, or need more than `features`. Dispose of it. */
export function readBinary(bytes: Uint8Array, features: number): Module {
  return readWithFeatures(bytes, features);
}

/** What `action` returns, and what binaryen said meanwhile. */
export function listen<T>(action: () => T): { result: T; said: string } {
  diagnostics = [];
  const result = action();
  return { result, said: diagnostics.join("\n").trim() };
}

const { Features } = binaryen;
export const ALL_FEATURES: number = Features.All;

/** A feature's bits: its own, and those of features that are nothing without it. */
interface Bits {
  readonly own: number;
  readonly dependent: number;
}

/** By the names that boards and asc know features by; the later ones no board has. */
const FEATURES: ReadonlyMap<string, Bits> = new Map([
  ["bulk-memory", { own: Features.BulkMemory | Features.BulkMemoryOpt, dependent: 0 }],
  ["mutable-globals", { own: Features.MutableGlobals, dependent: 0 }],
  ["nontrapping-f2i", { own: Features.NontrappingFPToInt, dependent: 0 }],
  ["sign-extension", { own: Features.SignExt, dependent: 0 }],
  ["simd", { own: Features.SIMD128, dependent: Features.RelaxedSIMD }],
  ["relaxed-simd", { own: Features.RelaxedSIMD, dependent: 0 }],
  ["threads", { own: Features.Atomics, dependent: 0 }],
  ["exception-handling", { own: Features.ExceptionHandling, dependent: 0 }],
  ["tail-calls", { own: Features.TailCall, dependent: 0 }],
  ["reference-types", { own: Features.ReferenceTypes, dependent: Features.GC | Features.ExceptionHandling }],
  ["gc", { own: Features.GC, dependent: 0 }],
  ["multi-value", { own: Features.Multivalue, dependent: 0 }],
  ["memory64", { own: Features.Memory64, dependent: 0 }],
  ["multi-memory", { own: Features.MultiMemory, dependent: 0 }],
  ["extended-const", { own: Features.ExtendedConst, dependent: 0 }],
]);

export function featureBits(features: readonly WasmFeature[]): number {
  return features.reduce((bits, name) => bits | FEATURES.get(name)!.own, Features.MVP);
}

/** Names of the features without which the module is not valid. */
export function featuresOf(bytes: Uint8Array): string[] {
  const needed: string[] = [];
  for (const [name, { own, dependent }] of FEATURES) {
    if (!isValid(bytes, Features.All & ~(own | dependent))) needed.push(name);
  }
  return needed;
}

function isValid(bytes: Uint8Array, features: number): boolean {
  return listen(() => {
    let module: Module;
    try {
      module = readBinary(bytes, features);
    } catch {
      return false;
    }
    const valid = Boolean(module.validate());
    module.dispose();
    return valid;
  }).result;
}

/** Has a function run `before` at its start. `before` makes the code that does, given a way to read its parameters. */
export function prepend(module: Module, exported: string, before: (parameter: (index: number) => number) => number): void {
  const inner = binaryen.getExportInfo(module.getExport(exported)).value;
  const { params, results } = binaryen.getFunctionInfo(module.getFunction(inner));
  const types = binaryen.expandType(params);
  const parameter = (index: number): number => module.local.get(index, types[index]!);
  const body = module.block(null, [before(parameter), module.call(inner, types.map((_, index) => parameter(index)), results)], results);
  const outer = `${exported} with more before`;
  module.addFunction(outer, params, results, [], body);
  module.removeExport(exported);
  module.addFunctionExport(outer, exported);
}
