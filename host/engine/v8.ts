/**
 * Images on V8, in this process: the second opinion of the conformance suite. Traps are survived as on wasmtime, but a
 * call is not bounded: JavaScript cannot stop Wasm that loops for ever. Not for production.
 */
import { Counters } from "./counters.ts";
import { TRAPPED, type Engine, type Instance } from "./engine.ts";
import { imageError } from "./image-error.ts";
import { Layout, type Region } from "./layout.ts";
import { refuseWhatRunsUnasked } from "./module-check.ts";
import { Retained, type Retain } from "./retained.ts";
import { readNumber, type Field } from "./struct.ts";

/** Compiled images that are kept: an emulator loads the same one for each of its nodes. */
const IMAGES_KEPT = 8;
/** Parameters of what an image exports, beside its memory and constants. */
const PROCESS_PARAMETERS = 3;
const MANAGE_PARAMETERS = 2;

interface Image {
  readonly bytes: Uint8Array;
  readonly module: WebAssembly.Module;
}

export class V8Engine implements Engine {
  readonly name = "v8";
  /** The latest last. */
  readonly #images: Image[] = [];

  load(bytes: Uint8Array): Instance {
    const known = this.#images.find((image) => Buffer.compare(image.bytes, bytes) === 0);
    if (known) return new V8Instance(known.module);
    const module = compile(bytes);
    if (this.#images.length === IMAGES_KEPT) this.#images.shift();
    this.#images.push({ bytes: bytes.slice(), module });
    return new V8Instance(module);
  }
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch (error) {
    throw imageError("E_IMAGE_INVALID", `no valid WebAssembly module: ${reasonOf(error)}`);
  }
  refuseWhatRunsUnasked(module, bytes);
  return module;
}

class V8Instance implements Instance {
  readonly constants: ReadonlyMap<string, number>;
  restarts = 0;
  framesLost = 0;
  lastTrap: string | null = null;
  readonly fuelUsed = null;
  readonly #module: WebAssembly.Module;
  readonly #counters: Counters;
  readonly #retained = new Retained();
  readonly #inbox: Region;
  readonly #retain: RetainReader;
  #running: Running;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
    this.#running = start(module);
    this.constants = this.#running.constants;
    const layout = new Layout(this.constants, this.#running.memory);
    this.#inbox = layout.region("INBOX");
    this.#retain = new RetainReader(layout);
    this.#counters = new Counters(layout);
  }

  memory(): Uint8Array {
    return this.#running.memory;
  }

  process(first: number, count: number, now: number): number {
    this.#counters.save(this.#running.memory);
    try {
      return this.#running.process(first, count, now);
    } catch (error) {
      this.framesLost += count;
      this.#restart(error, now);
      return TRAPPED;
    }
  }

  manage(length: number, now: number): number {
    const { address, stride } = this.#inbox;
    const request = this.#running.memory.slice(address, address + Math.min(length, stride));
    this.#counters.save(this.#running.memory);
    try {
      const answer = this.#running.manage(length, now);
      this.#retained.note(request, this.#retain.read(this.#running.memory));
      return answer;
    } catch (error) {
      this.#restart(error, now);
      return TRAPPED;
    }
  }

  counters(region: number): bigint[] {
    return this.#counters.total(region, this.#running.memory);
  }

  #restart(trap: unknown, now: number): void {
    this.lastTrap = reasonOf(trap);
    this.#retained.abandonPending();
    // Each turn but the last forgets a group, so this ends.
    do {
      this.restarts++;
      this.#running = start(this.#module);
    } while (!this.#replay(now));
    this.#counters.carrySaved(this.#running.memory);
  }

  /** False: a message trapped, and is forgotten with its group. */
  #replay(now: number): boolean {
    for (const { key, message } of this.#retained.messages()) {
      this.#running.memory.set(message, this.#inbox.address);
      try {
        this.#running.manage(message.length, now);
      } catch (error) {
        this.lastTrap = reasonOf(error);
        this.#retained.forget(key);
        return false;
      }
    }
    return true;
  }
}

/** One instance of an image, from its start to its first trap. */
interface Running {
  readonly constants: ReadonlyMap<string, number>;
  readonly memory: Uint8Array;
  readonly process: (first: number, count: number, now: number) => number;
  readonly manage: (length: number, now: number) => number;
}

function start(module: WebAssembly.Module): Running {
  let exports: WebAssembly.Exports;
  try {
    exports = new WebAssembly.Instance(module).exports;
  } catch (error) {
    throw imageError("E_IMAGE_INSTANTIATE", reasonOf(error));
  }
  const constants = new Map<string, number>();
  for (const [name, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Global && typeof value.value === "number") constants.set(name, value.value);
  }
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw imageError("E_IMAGE_EXPORT", "the image exports no memory");
  return {
    constants,
    memory: new Uint8Array(memory.buffer),
    process: exportedFunction(exports, "process", PROCESS_PARAMETERS) as Running["process"],
    manage: exportedFunction(exports, "manage", MANAGE_PARAMETERS) as Running["manage"],
  };
}

function exportedFunction(exports: WebAssembly.Exports, name: string, parameters: number): unknown {
  const found = exports[name];
  if (typeof found === "function" && found.length === parameters) return found;
  throw imageError("E_IMAGE_EXPORT", `the image exports no function ${name} of ${parameters} i32 that returns i32`);
}

/** Reads off an answer what to do with its request. */
class RetainReader {
  readonly #outbox: number;
  readonly #bits: Field;
  readonly #key: Field;
  readonly #begin: number;
  readonly #hold: number;
  readonly #close: number;

  constructor(layout: Layout) {
    const envelope = layout.struct("Envelope");
    this.#outbox = layout.region("OUTBOX").address;
    this.#bits = envelope.field("retain");
    this.#key = envelope.field("retainKey");
    this.#begin = layout.code("Retain", "BEGIN");
    this.#hold = layout.code("Retain", "HOLD");
    this.#close = layout.code("Retain", "CLOSE");
  }

  read(memory: Uint8Array): Retain {
    const bits = readNumber(memory, this.#outbox, this.#bits);
    return {
      begin: (bits & this.#begin) !== 0,
      hold: (bits & this.#hold) !== 0,
      close: (bits & this.#close) !== 0,
      key: readNumber(memory, this.#outbox, this.#key),
    };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
