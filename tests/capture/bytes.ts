/** Builds capture files byte by byte, apart from the code under test. */

/** A writer of fields in one byte order. */
export class Bytes {
  readonly #littleEndian: boolean;
  readonly #bytes: number[] = [];

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  /** Appends an unsigned integer of `width` bytes. */
  number(width: number, value: number | bigint): this {
    const bytes = Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    return this.raw(this.#littleEndian ? bytes : bytes.reverse());
  }

  u16(...values: number[]): this {
    values.forEach((value) => this.number(2, value));
    return this;
  }

  u32(...values: number[]): this {
    values.forEach((value) => this.number(4, value));
    return this;
  }

  raw(bytes: Iterable<number>): this {
    this.#bytes.push(...bytes);
    return this;
  }

  pad4(): this {
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export interface PcapRecord {
  readonly seconds: number;
  readonly fraction: number;
  readonly bytes: Uint8Array;
  readonly wireLength?: number;
}

export interface PcapOptions {
  readonly littleEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

export function pcap(records: readonly PcapRecord[], options: PcapOptions = {}): Uint8Array {
  const { littleEndian = true, nanoseconds = false, linkType = 1 } = options;
  const file = new Bytes(littleEndian).u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(2, 4).u32(0, 0, 65535, linkType);
  for (const { seconds, fraction, bytes, wireLength } of records) {
    file.u32(seconds, fraction, bytes.length, wireLength ?? bytes.length).raw(bytes);
  }
  return file.done();
}

/** A pcapng block around `body`. */
export function block(littleEndian: boolean, type: number, body: (bytes: Bytes) => Bytes): Uint8Array {
  const inner = body(new Bytes(littleEndian)).pad4().done();
  return new Bytes(littleEndian).u32(type, inner.length + 12).raw(inner).u32(inner.length + 12).done();
}

export function section(littleEndian: boolean): Uint8Array {
  return block(littleEndian, 0x0a0d0d0a, (b) => b.u32(0x1a2b3c4d).u16(1, 0).raw(Array<number>(8).fill(0xff)));
}

/** `options`: code -> value. */
export function interfaceBlock(
  littleEndian: boolean,
  options: readonly (readonly [code: number, value: Uint8Array])[] = [],
  { linkType = 1, snapLength = 0 } = {},
): Uint8Array {
  return block(littleEndian, 1, (b) => {
    b.u16(linkType, 0).u32(snapLength);
    for (const [code, value] of options) b.u16(code, value.length).raw(value).pad4();
    return options.length > 0 ? b.u16(0, 0) : b;
  });
}

export function enhancedPacket(littleEndian: boolean, port: number, units: bigint, bytes: Uint8Array, wireLength = bytes.length): Uint8Array {
  return block(littleEndian, 6, (b) =>
    b.u32(port, Number(units >> 32n), Number(units & 0xffffffffn), bytes.length, wireLength).raw(bytes),
  );
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A frame of `length` bytes, each different from its neighbours. */
export function anyFrame(length: number, first = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i * 7) & 0xff);
}
