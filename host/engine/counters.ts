/** Counters that outlive the instance that counts them. */
import { imageError } from "./image-error.ts";
import type { Layout, Region } from "./layout.ts";

/** Regions of u64 counters that every image has; those that some have end like them. */
const COUNTER_REGIONS = ["VERDICT_COUNTER", "DROP_COUNTER", "EVENT_COUNTER"];
const COUNTER_SUFFIX = "_COUNTER";

const COUNTER_BYTES = BigUint64Array.BYTES_PER_ELEMENT;

interface Counted {
  readonly id: number;
  readonly place: Region;
  /** May be "negative": it wraps. */
  readonly carried: BigUint64Array;
  readonly saved: Uint8Array;
}

/**
 * What was counted before the last restart. A call that traps may have counted some of its frames, and may have
 * written anywhere; so the counters are read before each call, and those of a call that trapped are not used. What a
 * replay counts is taken off: it was counted when it was done first.
 */
export class Counters {
  readonly #regions: readonly Counted[];

  constructor(layout: Layout) {
    const names = new Set([...COUNTER_REGIONS, ...layout.regions().filter((name) => name.endsWith(COUNTER_SUFFIX))]);
    this.#regions = [...names].map((name) => {
      const place = layout.region(name);
      if (place.stride !== COUNTER_BYTES) {
        throw imageError("E_IMAGE_REGION", `region ${name} has records of ${place.stride} bytes, not u64`);
      }
      return {
        id: layout.code("RegionId", name),
        place,
        carried: new BigUint64Array(place.count),
        saved: new Uint8Array(place.count * COUNTER_BYTES),
      };
    });
  }

  /** Before a call. */
  save(memory: Uint8Array): void {
    for (const { place, saved } of this.#regions) {
      saved.set(memory.subarray(place.address, place.address + saved.length));
    }
  }

  /** After a restart: from here on the totals are those of the last `save`, and what the fresh instance counts. */
  carrySaved(fresh: Uint8Array): void {
    for (const { place, carried, saved } of this.#regions) {
      for (let index = 0; index < place.count; index++) {
        carried[index]! += counterAt(saved, index) - counterAt(fresh, index, place.address);
      }
    }
  }

  /** Throws RangeError for a region that has no counters. */
  total(id: number, memory: Uint8Array): bigint[] {
    const region = this.#regions.find((counted) => counted.id === id);
    if (!region) throw new RangeError(`region ${id} has no counters`);
    const { place, carried } = region;
    return Array.from(carried, (count, index) => BigInt.asUintN(64, count + counterAt(memory, index, place.address)));
  }
}

function counterAt(bytes: Uint8Array, index: number, from = 0): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getBigUint64(from + index * COUNTER_BYTES, true);
}
