/** A board profile with everything that it takes from others filled in. What each field means stands in
 *  `boards/board.schema.json`. */
export interface Board {
  readonly name: string;
  readonly description: string;
  readonly target: { readonly cpu: string; readonly os: string };
  readonly engine: "wasmtime" | "pulley" | "v8" | "wasm2c";
  readonly wasm: { readonly features: readonly WasmFeature[]; readonly memoryKiB: number };
  readonly tables: {
    readonly flows: number;
    readonly handovers: number;
    readonly buckets: number;
    readonly owners: number;
    readonly localOwners: number;
    readonly vips: number;
    readonly services: number;
    readonly fragments: number;
    readonly filters: number;
    readonly forwards: number;
    readonly stations: number;
  };
  readonly frames: { readonly slots: number; readonly parked: number; readonly slotBytes: number };
  readonly ports: { readonly blade: number; readonly switch: number };
}

/** Wasm features that a board may have, by the names that asc knows them by. */
export const WASM_FEATURES = ["bulk-memory", "mutable-globals", "nontrapping-f2i", "sign-extension", "simd"] as const;
export type WasmFeature = (typeof WASM_FEATURES)[number];

export const DEFAULT_BOARD = "emulated";
