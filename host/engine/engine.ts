/**
 * What runs an image. Two implementations: wasmtime through the Node-API binding (`wasmtime.ts`, the default) and
 * V8 (`v8.ts`); one conformance suite (`tests/conformance`).
 */

export type EngineName = "wasmtime" | "v8";

export interface Engine {
  readonly name: EngineName;
  /** Verifies, compiles and instantiates an image. Throws `DobbsError` (code `E_IMAGE_*`) when it is no image of
   *  ours: imports, a start function, missing exports or regions, another ABI version. */
  load(image: Uint8Array): Instance;
}

/** Returned by `process` and `manage` when the image trapped or ran out of its bound. */
export const TRAPPED = -1;

/**
 * One running image. A trap does not end it: the image is instantiated anew, the retained management messages are
 * replayed to it, and the call returns TRAPPED; the frames of that batch are lost (fail closed) and counted.
 */
export interface Instance {
  /** The i32 globals that the image exports, by name: `Egress.port`, `Verdict.DROP`, `LAYOUT`. */
  readonly constants: ReadonlyMap<string, number>;
  /** The linear memory. A view stays valid until the next restart: ask anew after a TRAPPED. */
  memory(): Uint8Array;
  /** Processes slots `first` to `first + count - 1` (no wrap) at `now` (ms, wraps at 2^32). Returns the number of
   *  egress records, or TRAPPED. */
  process(first: number, count: number, now: number): number;
  /** Handles the message of `length` bytes in the inbox. Returns the length of the answer in the outbox, or TRAPPED. */
  manage(length: number, now: number): number;
  /** Times the image was started anew. */
  readonly restarts: number;
  /** Frames lost to restarts. */
  readonly framesLost: number;
  /** Why the image was last started anew. */
  readonly lastTrap: string | null;
  /** What the last call used of its bound, about one a Wasm instruction; null where calls are not bounded. */
  readonly fuelUsed: number | null;
  /** u64 counters of `region` (a `RegionId` value), summed over restarts. */
  counters(region: number): bigint[];
}
