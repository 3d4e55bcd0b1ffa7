/**
 * Reads pcap, the older format: one interface, one byte order, times in µs or ns.
 *
 * ```
 * file    | magic | version | zone, accuracy | snap length | link type |      record  | seconds | fraction | captured | wire |
 *         0       4         8               16            20          24              0         4          8         12    16
 * ```
 */
import type { Capture, CaptureFrame } from "./capture.ts";
import { Fields } from "./fields.ts";

const FILE = { linkType: 20, SIZE: 24 } as const;
const RECORD = { seconds: 0, fraction: 4, captured: 8, wire: 12, SIZE: 16 } as const;
/** The upper bits say whether frames end with their FCS. */
const LINKTYPE_MASK = 0xffff;
/** Far more than any link's frame: a larger one tells a damaged file. */
const CAPTURED_BYTES_MAX = 256 * 1024;

/** First four bytes of the file -> byte order, and nanoseconds in a unit of `fraction`. */
const MAGICS: ReadonlyMap<number, { littleEndian: boolean; unitNs: bigint }> = new Map([
  [0xa1b2c3d4, { littleEndian: false, unitNs: 1000n }],
  [0xd4c3b2a1, { littleEndian: true, unitNs: 1000n }],
  [0xa1b23c4d, { littleEndian: false, unitNs: 1n }],
  [0x4d3cb2a1, { littleEndian: true, unitNs: 1n }],
]);

export function isPcap(bytes: Uint8Array): boolean {
  return magicOf(bytes) !== undefined;
}

/** Throws E_CAPTURE_CUT_OFF, E_CAPTURE_FORMAT or E_CAPTURE_LINKTYPE. */
export function readPcap(bytes: Uint8Array, name: string): Capture {
  const { littleEndian, unitNs } = magicOf(bytes)!;
  const fields = new Fields(bytes, littleEndian, name);
  fields.slice(0, FILE.SIZE);
  fields.checkLinkType(fields.u32(FILE.linkType) & LINKTYPE_MASK);

  const frames: CaptureFrame[] = [];
  for (let record = FILE.SIZE; record < bytes.length; ) {
    fields.slice(record, RECORD.SIZE);
    const captured = fields.u32(record + RECORD.captured);
    if (captured > CAPTURED_BYTES_MAX) throw fields.malformed(record, `a frame of ${captured} bytes`);
    if (record + RECORD.SIZE + captured > bytes.length) throw fields.cutOff(record);
    const seconds = BigInt(fields.u32(record + RECORD.seconds));
    frames.push({
      interface: 0,
      timeNs: seconds * 1_000_000_000n + BigInt(fields.u32(record + RECORD.fraction)) * unitNs,
      bytes: fields.slice(record + RECORD.SIZE, captured),
      wireLength: fields.u32(record + RECORD.wire),
    });
    record += RECORD.SIZE + captured;
  }
  return { interfaces: [{ name: "" }], frames };
}

function magicOf(bytes: Uint8Array): { littleEndian: boolean; unitNs: bigint } | undefined {
  if (bytes.length < 4) return undefined;
  return MAGICS.get(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
}
