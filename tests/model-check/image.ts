/// <reference path="../../host/engine/webassembly.d.ts" />
/**
 * The blade's image as the model runs it: compiled from `assembly/` for a board with the smallest tables, and with its
 * whole state (memory and globals) open to be set back. Nothing of the firmware is written down a second time.
 */
import binaryen from "binaryen";
import type { Board } from "../../host/boards/board.ts";
import { loadBoard } from "../../host/boards/board-file.ts";
import { compileFirmware } from "../../host/build/firmware.ts";
import type { Engine, Instance } from "../../host/engine/engine.ts";
import { Firmware } from "../../host/engine/firmware.ts";

/** Ways of the model's flow table: two sets of eight. */
export const FLOW_ROWS = 16;

const GLOBAL_PREFIX = "state of ";
const PAGE_KIB = 64;
const MEMORY_KIB_MAX = 16 * PAGE_KIB;

export function modelBoard(): Board {
  const tiny = loadBoard("tiny");
  return {
    ...tiny,
    name: "model",
    wasm: { ...tiny.wasm, memoryKiB: MEMORY_KIB_MAX },
    tables: { ...tiny.tables, flows: FLOW_ROWS, buckets: 2, owners: 8, localOwners: 1 },
    frames: { ...tiny.frames, slots: 1 },
  };
}

/** Compiles the blade's image, not optimized: that takes ten times as long, and changes nothing that the model asks for. `overlay`: sources that stand in for those on disk, by path from the package's root. */
export async function compileModelImage(overlay: ReadonlyMap<string, string> = new Map()): Promise<Uint8Array> {
  const board = modelBoard();
  for (let kib = PAGE_KIB; kib <= MEMORY_KIB_MAX; kib += PAGE_KIB) {
    const pages = String(kib / PAGE_KIB);
    const memory = ["--initialMemory", pages, "--maximumMemory", pages];
    const options = [...memory, "-O0"];
    const { wasm, said } = await compileFirmware("assembly/blade.ts", board, "asconfig.json", options, overlay);
    if (wasm) return withOpenGlobals(wasm);
    // As few pages as the tables fit in: the memory is set back for each reaction that is asked for.
    if (!/pages of (?:initial|maximum) memory/.test(said)) throw new Error(`the image does not compile:\n${said}`);
  }
  throw new Error(`the image does not fit into ${MEMORY_KIB_MAX} KiB`);
}

/** The same module, with its mutable globals exported. */
function withOpenGlobals(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  for (let index = 0; index < module.getNumGlobals(); index++) {
    const { name, mutable } = binaryen.getGlobalInfo(module.getGlobalByIndex(index));
    if (mutable) module.addGlobalExport(name, GLOBAL_PREFIX + name);
  }
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** An image whose state can be kept and set back. */
export class ModelInstance implements Instance {
  readonly constants: ReadonlyMap<string, number>;
  readonly restarts = 0;
  readonly framesLost = 0;
  readonly lastTrap = null;
  readonly fuelUsed = null;
  readonly process: Instance["process"];
  readonly manage: Instance["manage"];
  readonly #memory: Uint8Array;
  readonly #globals: readonly WebAssembly.Global[];

  constructor(wasm: Uint8Array) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    const globals = Object.entries(exports).filter(
      (entry): entry is [string, WebAssembly.Global] => entry[1] instanceof WebAssembly.Global,
    );
    this.constants = new Map(
      globals.flatMap(([name, { value }]) => (typeof value === "number" ? [[name, value] as const] : [])),
    );
    this.#globals = globals.filter(([name]) => name.startsWith(GLOBAL_PREFIX)).map(([, global]) => global);
    this.#memory = new Uint8Array((exports["memory"] as WebAssembly.Memory).buffer);
    this.process = exports["process"] as Instance["process"];
    this.manage = exports["manage"] as Instance["manage"];
  }

  memory(): Uint8Array {
    return this.#memory;
  }

  counters(): bigint[] {
    return [];
  }

  /** Returns what sets the image back to where it is now. */
  keep(): () => void {
    const memory = this.#memory.slice();
    const values = this.#globals.map(({ value }) => value as unknown);
    return () => {
      this.#memory.set(memory);
      this.#globals.forEach((global, index) => (global.value = values[index]));
    };
  }
}

export interface ModelFirmware {
  readonly firmware: Firmware;
  readonly instance: ModelInstance;
}

export function loadModelFirmware(wasm: Uint8Array): ModelFirmware {
  const instance = new ModelInstance(wasm);
  const engine: Engine = { name: "v8", load: () => instance };
  return { firmware: Firmware.load(engine, wasm), instance };
}
