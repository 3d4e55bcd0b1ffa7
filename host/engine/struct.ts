/** Fields of records, by the offsets and widths that an image exports. Integers are little-endian and unsigned. */
import { imageError } from "./image-error.ts";

/** Both in bytes. */
export interface Field {
  readonly offset: number;
  readonly width: number;
}

/** The layout of one kind of record. A field of 1, 2 or 4 bytes is a number; of any width, it is bytes. */
export class Struct {
  readonly name: string;
  /** Bytes of a record. */
  readonly size: number;
  readonly fields: ReadonlyMap<string, Field>;

  constructor(name: string, size: number, fields: ReadonlyMap<string, Field>) {
    this.name = name;
    this.size = size;
    this.fields = fields;
  }

  /** Throws E_IMAGE_NAME when the image has no such field. */
  field(name: string): Field {
    const field = this.fields.get(name);
    if (!field) throw imageError("E_IMAGE_NAME", `the image exports no field ${this.name}.${name}`);
    return field;
  }

  /** The field's number in the record at `at`. */
  get(bytes: Uint8Array, at: number, name: string): number {
    return readNumber(bytes, at, this.field(name));
  }

  set(bytes: Uint8Array, at: number, name: string, value: number): void {
    writeNumber(bytes, at, this.field(name), value);
  }

  /** The field's bytes in the record at `at`: a view, no copy. */
  bytes(bytes: Uint8Array, at: number, name: string): Uint8Array {
    const { offset, width } = this.field(name);
    return bytes.subarray(at + offset, at + offset + width);
  }
}

/** For loops: takes the field where `Struct.get` takes its name. */
export function readNumber(bytes: Uint8Array, at: number, { offset, width }: Field): number {
  const from = at + offset;
  switch (width) {
    case 1:
      return bytes[from]!;
    case 2:
      return bytes[from]! | (bytes[from + 1]! << 8);
    case 4:
      return (bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)) >>> 0;
    default:
      throw new RangeError(`a field of ${width} bytes is no number`);
  }
}

/** For loops: takes the field where `Struct.set` takes its name. */
export function writeNumber(bytes: Uint8Array, at: number, { offset, width }: Field, value: number): void {
  if (width !== 1 && width !== 2 && width !== 4) throw new RangeError(`a field of ${width} bytes is no number`);
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
    throw new RangeError(`a field of ${width} bytes cannot hold ${value}`);
  }
  for (let byte = 0; byte < width; byte++) bytes[at + offset + byte] = value >>> (8 * byte);
}
