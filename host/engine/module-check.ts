/** What an image must not have and JavaScript's WebAssembly API does not tell: read from the module's sections. */
import { imageError } from "./image-error.ts";

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const START_SECTION = 8;
const HAS_MAXIMUM = 1;

/** `bytes`: a module that WebAssembly has compiled, so its sections are well-formed. */
export function refuseWhatRunsUnasked(module: WebAssembly.Module, bytes: Uint8Array): void {
  const [wanted] = WebAssembly.Module.imports(module);
  if (wanted) throw imageError("E_IMAGE_IMPORT", `the image imports ${wanted.module}.${wanted.name}`);
  const sections = new Map(sectionsOf(bytes));
  if (sections.has(START_SECTION)) throw imageError("E_IMAGE_START", "the image has a start function");
  const memories = sections.get(MEMORY_SECTION);
  if (memories && canGrow(memories)) throw imageError("E_IMAGE_MEMORY", "the image's memory can grow");
}

function* sectionsOf(bytes: Uint8Array): Generator<[id: number, body: Reader]> {
  const reader = new Reader(bytes, HEADER_BYTES);
  while (!reader.done) {
    const id = reader.byte();
    const length = reader.number();
    yield [id, new Reader(bytes.subarray(reader.at, reader.at + length))];
    reader.at += length;
  }
}

function canGrow(memories: Reader): boolean {
  for (let left = memories.number(); left > 0; left--) {
    const flags = memories.byte();
    const minimum = memories.number();
    if ((flags & HAS_MAXIMUM) === 0 || memories.number() !== minimum) return true;
  }
  return false;
}

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++]!;
  }

  /** LEB128, unsigned. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }
}
