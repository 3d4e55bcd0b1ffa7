/** Images on wasmtime, through the native library: bounded by fuel, restarted there. The default. */
import { nativeBinding, type NativeEngine, type NativeInstance } from "./binding.ts";
import { TRAPPED, type Engine, type Instance } from "./engine.ts";
import { imageError, isImageErrorCode } from "./image-error.ts";

export class WasmtimeEngine implements Engine {
  readonly name = "wasmtime";
  readonly #engine: NativeEngine;
  readonly #bounded: boolean;

  /** `bounded`: false lets a call run for ever, and saves the time for counting. */
  constructor({ bounded = true }: { bounded?: boolean } = {}) {
    this.#engine = new (nativeBinding().Engine)(bounded);
    this.#bounded = bounded;
  }

  load(image: Uint8Array): Instance {
    try {
      return new WasmtimeInstance(this.#engine.load(image), this.#bounded);
    } catch (error) {
      if (error instanceof Error && "code" in error && isImageErrorCode(error.code)) {
        throw imageError(error.code, error.message);
      }
      throw error;
    }
  }
}

class WasmtimeInstance implements Instance {
  readonly constants: ReadonlyMap<string, number>;
  readonly #native: NativeInstance;
  readonly #bounded: boolean;
  #memory: Uint8Array | undefined;

  constructor(native: NativeInstance, bounded: boolean) {
    this.#native = native;
    this.#bounded = bounded;
    this.constants = new Map(Object.entries(native.constants()));
  }

  memory(): Uint8Array {
    return (this.#memory ??= this.#native.memory());
  }

  process(first: number, count: number, now: number): number {
    return this.#called(this.#native.process(first, count, now));
  }

  manage(length: number, now: number): number {
    return this.#called(this.#native.manage(length, now));
  }

  counters(region: number): bigint[] {
    const counters = this.#native.counters(region);
    if (!counters) throw new RangeError(`region ${region} has no counters`);
    return [...counters];
  }

  get restarts(): number {
    return this.#native.restarts;
  }

  get framesLost(): number {
    return this.#native.framesLost;
  }

  get lastTrap(): string | null {
    return this.#native.lastTrap;
  }

  get fuelUsed(): number | null {
    return this.#bounded ? this.#native.fuelUsed : null;
  }

  #called(result: number): number {
    if (result === TRAPPED) this.#memory = undefined;
    return result;
  }
}
