/** Small Wasm modules for the gate, from text. */
import binaryen from "binaryen";

const MEMORY = '(memory $0 1 1) (export "memory" (memory $0))';
const PROCESS = '(func $process (export "process") (param i32 i32) (result i32) (i32.add (local.get 0) (call $helper)))';
const HELPER = "(func $helper (result i32) (i32.const 7))";

/** A module that the gate lets through. */
export const CLEAN = `(module ${MEMORY} ${PROCESS} ${HELPER})`;

/** The clean module with `fields` added, and with another memory or helper where they are given. */
export function moduleWith({ fields = "", memory = MEMORY, helper = HELPER }): string {
  return `(module ${fields} ${memory} ${PROCESS} ${helper})`;
}

export function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}
