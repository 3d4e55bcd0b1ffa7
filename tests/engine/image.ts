/**
 * Small hand-written images with the exports of real ones; what they do stands in `fixtures/*.wat`, which the engine
 * crate's own tests use too. The addresses in the fixtures are those of `REGIONS`.
 */
import { readFileSync } from "node:fs";
import binaryen from "binaryen";
import { packagePath } from "../../host/paths.ts";

const field = (offset: number, width: number): number => offset | (width << 16);

export const CONSTANTS: Readonly<Record<string, number>> = {
  ABI_VERSION: 2,
  IMAGE_KIND: 1,
  RING_SLOTS: 4,
  "ImageKind.BLADE": 1,
  "ImageKind.SWITCH": 2,
  LAYOUT: 1024,
  LAYOUT_REGIONS: 8,
  "Region.SIZE": 16,
  "Region.id": field(0, 4),
  "Region.address": field(4, 4),
  "Region.stride": field(8, 4),
  "Region.count": field(12, 4),
  "RegionId.FRAME": 1,
  "RegionId.SLOT": 2,
  "RegionId.EGRESS": 3,
  "RegionId.INBOX": 4,
  "RegionId.OUTBOX": 5,
  "RegionId.VERDICT_COUNTER": 6,
  "RegionId.DROP_COUNTER": 7,
  "RegionId.EVENT_COUNTER": 8,
  "Envelope.SIZE": 32,
  "Envelope.retain": field(18, 1),
  "Envelope.retainKey": field(19, 1),
  "Retain.BEGIN": 1,
  "Retain.HOLD": 2,
  "Retain.CLOSE": 4,
  "Slot.SIZE": 8,
  "Slot.length": field(0, 2),
  "Slot.port": field(2, 1),
  "Slot.verdict": field(3, 1),
  "Slot.drop": field(4, 1),
  "Egress.SIZE": 16,
  "Egress.slot": field(0, 2),
  "Egress.port": field(2, 1),
  "Egress.rewrite": field(3, 1),
  "Egress.destination": field(4, 6),
  "Egress.source": field(10, 6),
  "Verdict.DROP": 0,
  "Verdict.DELIVER": 1,
  "Drop.NONE": 0,
  "Drop.OVERSIZE": 1,
  "Drop.BAD_ETHERNET": 2,
  "Event.FRAME_IN": 0,
  "Event.MESSAGE_IN": 1,
};

export const FRAME_BYTES = 64;
export const SLOTS = 4;
export const INBOX = 2048;

/** id, address, stride, count */
export type RegionRow = [id: number, address: number, stride: number, count: number];

export const REGIONS: readonly RegionRow[] = [
  [1, 8192, FRAME_BYTES, SLOTS],
  [2, 9216, 8, SLOTS],
  [3, 9472, 16, 16],
  [4, INBOX, 64, 1],
  [5, 2112, 64, 1],
  [6, 2176, 8, 2],
  [7, 2192, 8, 4],
  [8, 2224, 8, 2],
];

/** What an image is put together from, so that a test can change one part. */
export interface Parts {
  head: string;
  memory: string;
  process: string;
  manage: string;
  constants: Readonly<Record<string, number>>;
  regions: readonly RegionRow[];
}

export function fixture(name: string): string {
  return readFileSync(packagePath("tests", "engine", "fixtures", `${name}.wat`), "utf8");
}

export function image(changes: Partial<Parts> = {}): Uint8Array {
  const parts: Parts = {
    head: "",
    memory: '(memory (export "memory") 1 1)',
    process: fixture("process"),
    manage: fixture("manage"),
    constants: CONSTANTS,
    regions: REGIONS,
    ...changes,
  };
  const constants = Object.entries(parts.constants)
    .map(([name, value]) => `(global (export "${name}") i32 (i32.const ${value}))`)
    .join("\n");
  const layout = [...new Uint8Array(Uint32Array.from(parts.regions.flat()).buffer)]
    .map((byte) => `\\${byte.toString(16).padStart(2, "0")}`)
    .join("");
  return assemble(`(module ${parts.head}
    ${parts.memory}
    (data (i32.const 1024) "${layout}")
    ${constants}
    ${fixture("helpers")}
    ${parts.process}
    ${parts.manage}
  )`);
}

export function without(name: string): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(CONSTANTS).filter(([constant]) => constant !== name));
}

/** Replaces the row of one region. */
export function region(id: number, change: (row: RegionRow) => RegionRow): readonly RegionRow[] {
  return REGIONS.map((row) => (row[0] === id ? change(row) : row));
}

function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(binaryen.Features.All);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}
