/**
 * A firmware image that can be made to trap: `process` traps when bit 31 of `first` is set, `manage` when that of `length`
 * is. The images that are shipped trap on nothing that a host can give them, so the way back from a trap would go untried.
 * Everything else in them is as it was.
 */
import { ALL_FEATURES, prepend, readBinary } from "../build/binaryen.ts";

/** The parameter with which the image traps. */
export const TRAP_BIT = 0x80000000;

/** By export: its parameter that is looked at. */
const GUARDED = { process: 0, manage: 0 } as const;

export function withTrap(image: Uint8Array): Uint8Array {
  const module = readBinary(image, ALL_FEATURES);
  try {
    for (const [name, index] of Object.entries(GUARDED)) {
      prepend(module, name, (parameter) =>
        module.if(module.i32.lt_s(parameter(index), module.i32.const(0)), module.unreachable()),
      );
    }
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}
