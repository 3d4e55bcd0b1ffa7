/** All that an image says of itself, as plain data. */
import type { Firmware, FirmwareKind } from "../engine/firmware.ts";

export interface Descriptor {
  readonly kind: FirmwareKind;
  readonly abi: number;
  /** Tables in the image's memory, by address. */
  readonly regions: readonly RegionDescriptor[];
  /** By name. */
  readonly structs: readonly StructDescriptor[];
  /** Groups of codes, by name; their members by code. */
  readonly codes: readonly { readonly name: string; readonly members: Readonly<Record<string, number>> }[];
  readonly constants: Readonly<Record<string, number>>;
}

export interface RegionDescriptor {
  readonly name: string;
  readonly address: number;
  /** Bytes from one record to the next. */
  readonly stride: number;
  readonly count: number;
  readonly bytes: number;
}

export interface StructDescriptor {
  readonly name: string;
  readonly size: number;
  /** By offset. */
  readonly fields: readonly { readonly name: string; readonly offset: number; readonly width: number }[];
}

export function describeImage({ instance, kind, layout }: Firmware): Descriptor {
  const names = [...instance.constants.keys()].sort();
  const structs = [...layout.structs()].sort();
  const groups = new Set(names.filter((name) => name.includes(".")).map((name) => name.slice(0, name.indexOf("."))));
  const regions = layout.regions().map((name) => {
    const { address, stride, count } = layout.region(name);
    return { name, address, stride, count, bytes: stride * count };
  });
  return {
    kind,
    abi: layout.constant("ABI_VERSION"),
    regions: regions.sort((a, b) => a.address - b.address),
    structs: structs.map((name) => {
      const { size, fields } = layout.struct(name);
      const list = [...fields].map(([field, { offset, width }]) => ({ name: field, offset, width }));
      return { name, size, fields: list.sort((a, b) => a.offset - b.offset) };
    }),
    codes: [...groups].filter((name) => !structs.includes(name)).map((name) => ({
      name,
      members: Object.fromEntries(layout.names(name).map((member) => [member, layout.code(name, member)])),
    })),
    constants: Object.fromEntries(names.filter((name) => !name.includes(".")).map((name) => [name, layout.constant(name)])),
  };
}
