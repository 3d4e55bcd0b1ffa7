/**
 * An image's own description of itself: structs, codes, constants and tables, by name. This is the only place where
 * host code learns a number of the ABI.
 */
import { imageError } from "./image-error.ts";
import { readNumber, Struct, type Field } from "./struct.ts";

/** The one number that a host has of its own: the ABI that it was written for. */
export const ABI_VERSION = 2;

/** A table in linear memory: `count` records, `stride` bytes apart, from `address` on. */
export interface Region {
  readonly address: number;
  readonly stride: number;
  readonly count: number;
}

/** What there is of an image that runs elsewhere: its LAYOUT_REGIONS `Region` records, and the size of its memory. */
export interface LayoutDescriptor {
  readonly descriptor: Uint8Array;
  readonly memoryBytes: number;
}

/** Exported names are `Group.member`; a group that has this member is a struct, any other one is a group of codes. */
const SIZE = "SIZE";
/** A struct's field is `offset | width << 16`. */
const WIDTH_SHIFT = 16;
const OFFSET_MASK = 0xffff;

export class Layout {
  readonly #constants: ReadonlyMap<string, number>;
  readonly #structs = new Map<string, Struct>();
  readonly #codes = new Map<string, Codes>();
  readonly #regions: ReadonlyMap<string, Region>;

  /**
   * `constants`: an image's exported globals. `image`: its memory, which has the layout descriptor in it, or what there
   * is of it. Throws E_IMAGE_ABI, E_IMAGE_NAME or E_IMAGE_REGION.
   */
  constructor(constants: ReadonlyMap<string, number>, image: Uint8Array | LayoutDescriptor) {
    this.#constants = constants;
    const version = this.constant("ABI_VERSION");
    if (version !== ABI_VERSION) {
      throw imageError("E_IMAGE_ABI", `the image speaks ABI ${version}, this host ABI ${ABI_VERSION}`);
    }
    for (const [group, members] of groups(constants)) {
      if (members.has(SIZE)) this.#structs.set(group, structOf(group, members));
      else this.#codes.set(group, new Codes(members));
    }
    this.#regions = image instanceof Uint8Array ? this.#readMemory(image) : this.#readRegions(image);
  }

  /** A plain constant, e.g. `MESSAGE_BYTES_MAX`; unsigned. */
  constant(name: string): number {
    const value = this.#constants.get(name);
    if (value === undefined) throw imageError("E_IMAGE_NAME", `the image exports no constant ${name}`);
    return value >>> 0;
  }

  struct(name: string): Struct {
    const struct = this.#structs.get(name);
    if (!struct) throw imageError("E_IMAGE_NAME", `the image exports no struct ${name}`);
    return struct;
  }

  /** The code of a name, e.g. `("Verdict", "DROP")`. */
  code(group: string, name: string): number {
    const code = this.#group(group).codes.get(name);
    if (code === undefined) throw imageError("E_IMAGE_NAME", `the image exports no code ${group}.${name}`);
    return code;
  }

  /** The name of a code; undefined when the image has none for it. */
  nameOf(group: string, code: number): string | undefined {
    return this.#group(group).names.get(code);
  }

  /** All names of a group, in the order of their codes. */
  names(group: string): readonly string[] {
    return [...this.#group(group).names.values()];
  }

  /** The table of a `RegionId` name, e.g. `FRAME`. Throws E_IMAGE_REGION when this image has none, E_IMAGE_NAME when
   *  there is no such name. */
  region(name: string): Region {
    const region = this.#regions.get(name);
    if (!region) this.code("RegionId", name);
    if (!region) throw imageError("E_IMAGE_REGION", `the image has no region ${name}`);
    return region;
  }

  /** Names of the tables that this image has. */
  regions(): readonly string[] {
    return [...this.#regions.keys()];
  }

  /** Names of the structs that this image exports. */
  structs(): readonly string[] {
    return [...this.#structs.keys()];
  }

  #group(name: string): Codes {
    const codes = this.#codes.get(name);
    if (!codes) throw imageError("E_IMAGE_NAME", `the image exports no codes ${name}`);
    return codes;
  }

  #readMemory(memory: Uint8Array): Map<string, Region> {
    const table = this.constant("LAYOUT");
    const descriptor = memory.subarray(table, table + this.constant("LAYOUT_REGIONS") * this.struct("Region").size);
    return this.#readRegions({ descriptor, memoryBytes: memory.length });
  }

  #readRegions({ descriptor, memoryBytes }: LayoutDescriptor): Map<string, Region> {
    const record = this.struct("Region");
    const count = this.constant("LAYOUT_REGIONS");
    if (count * record.size > descriptor.length) {
      throw imageError("E_IMAGE_REGION", `the layout descriptor at ${this.constant("LAYOUT")} is outside of the memory`);
    }
    const regions = new Map<string, Region>();
    for (let index = 0; index < count; index++) {
      const at = index * record.size;
      const number = (name: string): number => readNumber(descriptor, at, record.field(name));
      const name = this.nameOf("RegionId", number("id"));
      if (name === undefined) continue;
      const region: Region = { address: number("address"), stride: number("stride"), count: number("count") };
      if (region.count === 0 || region.stride === 0 || region.address + region.stride * region.count > memoryBytes) {
        throw imageError("E_IMAGE_REGION", `region ${name} is empty, or not inside the memory`);
      }
      regions.set(name, region);
    }
    return regions;
  }
}

/** The codes of one enum, both ways; `names` in the order of the codes. */
class Codes {
  readonly codes: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;

  constructor(codes: ReadonlyMap<string, number>) {
    this.codes = codes;
    this.names = new Map([...codes].map(([name, code]): [number, string] => [code, name]).sort(([a], [b]) => a - b));
  }
}

function groups(constants: ReadonlyMap<string, number>): Map<string, Map<string, number>> {
  const groups = new Map<string, Map<string, number>>();
  for (const [name, value] of constants) {
    const dot = name.indexOf(".");
    if (dot < 0) continue;
    const group = name.slice(0, dot);
    let members = groups.get(group);
    if (!members) groups.set(group, (members = new Map()));
    members.set(name.slice(dot + 1), value);
  }
  return groups;
}

function structOf(name: string, members: ReadonlyMap<string, number>): Struct {
  const fields = new Map<string, Field>();
  for (const [member, value] of members) {
    if (member !== SIZE) fields.set(member, { offset: value & OFFSET_MASK, width: value >>> WIDTH_SHIFT });
  }
  return new Struct(name, members.get(SIZE)!, fields);
}
