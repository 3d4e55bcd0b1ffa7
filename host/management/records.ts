/** Records of the ABI, written and read by the field offsets and widths that the image exports. */
import type { Layout } from "../engine/layout.ts";

/** A number for fields of up to 4 bytes; bytes, as they stand in memory, for any field. */
export type FieldValue = number | Uint8Array;

/** `at` is where the record begins in `bytes`. */
export class Records {
  readonly layout: Layout;

  constructor(layout: Layout) {
    this.layout = layout;
  }

  size(struct: string): number {
    return this.layout.struct(struct).size;
  }

  /** Code of a name, e.g. `("Message", "PUT")`. */
  code(group: string, name: string): number {
    return this.layout.code(group, name);
  }

  /** Writes some fields of the record at `at`; the others stay as they are. */
  write(bytes: Uint8Array, struct: string, at: number, values: Readonly<Record<string, FieldValue>>): void {
    const layout = this.layout.struct(struct);
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === "number") {
        layout.set(bytes, at, name, value);
      } else {
        const field = layout.bytes(bytes, at, name);
        if (value.length > field.length)
          throw new RangeError(`${struct}.${name} has ${field.length} bytes, not ${value.length}`);
        field.set(value);
      }
    }
  }

  /** Reads a field of up to 4 bytes of the record at `at`. */
  number(bytes: Uint8Array, struct: string, at: number, name: string): number {
    return this.layout.struct(struct).get(bytes, at, name);
  }

  /** A copy of a field's bytes. */
  bytes(bytes: Uint8Array, struct: string, at: number, name: string): Uint8Array {
    return this.layout.struct(struct).bytes(bytes, at, name).slice();
  }
}

/** Puts byte strings behind each other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** 16-bit port numbers stand in network order where they are compared with packets. */
export function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 0xff);
}

export function bytesPort(bytes: Uint8Array): number {
  return (bytes[0]! << 8) | bytes[1]!;
}
