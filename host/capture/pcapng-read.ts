/** Reads pcapng: any number of sections and interfaces, either byte order, any time resolution. */
import type { Capture, CaptureFrame, CaptureInterface, CaptureSection } from "./capture.ts";
import { Fields, LINKTYPE_ETHERNET } from "./fields.ts";
import {
  BLOCK, BLOCK_TYPE, BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE, OPTION, OPTION_HEADER_SIZE, PACKET, padded, SECTION,
  SIMPLE_PACKET, VERSION_MAJOR,
} from "./pcapng.ts";

interface Interface extends CaptureInterface {
  /** Frames are cut to this; 0: never. */
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

/** One block of a section. `end` is where its trailing length starts. */
interface Block {
  readonly fields: Fields;
  readonly start: number;
  readonly end: number;
}

const DEFAULT_UNITS_PER_SECOND = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === BLOCK_TYPE.SECTION;
}

/** Interfaces of later sections are numbered on. Throws E_CAPTURE_CUT_OFF, E_CAPTURE_FORMAT or E_CAPTURE_LINKTYPE. */
export function readPcapng(bytes: Uint8Array, name: string, linkTypes: readonly number[] = []): Capture {
  const interfaces: Interface[] = [];
  const sections: CaptureSection[] = [];
  const frames: CaptureFrame[] = [];
  let sectionFirst = 0;
  let fields = new Fields(bytes, true, name);
  for (let start = 0; start < bytes.length; ) {
    if (fields.u32(start + BLOCK.type) === BLOCK_TYPE.SECTION) {
      fields = new Fields(bytes, isLittleEndian(fields, start), name);
      sectionFirst = interfaces.length;
    }
    const block = blockAt(fields, start);
    switch (fields.u32(start + BLOCK.type)) {
      case BLOCK_TYPE.SECTION: {
        checkVersion(block);
        const comment = commentOf(block, SECTION.options);
        if (comment !== undefined) sections.push({ comment, firstInterface: interfaces.length });
        break;
      }
      case BLOCK_TYPE.INTERFACE: interfaces.push(readInterface(block, linkTypes)); break;
      case BLOCK_TYPE.ENHANCED_PACKET: {
        const index = fields.u32(start + ENHANCED_PACKET.interface);
        frames.push(readFrame(block, interfaces, sectionFirst, index));
        break;
      }
      case BLOCK_TYPE.PACKET: {
        const index = fields.u16(start + PACKET.interface);
        frames.push(readFrame(block, interfaces, sectionFirst, index));
        break;
      }
      case BLOCK_TYPE.SIMPLE_PACKET: frames.push(readSimpleFrame(block, interfaces, sectionFirst)); break;
      default: // Statistics, names, secrets and what is yet to be invented hold no frames.
    }
    start = block.end + BLOCK.TRAILER_SIZE;
  }
  return {
    interfaces: interfaces.map(({ name, linkType }) => ({ name, ...(linkType !== undefined && { linkType }) })),
    frames,
    ...(sections.length > 0 && { sections }),
  };
}

function isLittleEndian(fields: Fields, start: number): boolean {
  const magic = fields.slice(start + SECTION.magic, 4);
  const view = new DataView(magic.buffer, magic.byteOffset);
  if (view.getUint32(0, true) === BYTE_ORDER_MAGIC) return true;
  if (view.getUint32(0, false) === BYTE_ORDER_MAGIC) return false;
  throw fields.malformed(start, "a section header without its byte-order magic");
}

function blockAt(fields: Fields, start: number): Block {
  const length = fields.u32(start + BLOCK.length);
  if (length < BLOCK.SIZE_MIN || length % 4 !== 0) throw fields.malformed(start, `a block of ${length} bytes`);
  if (start + length > fields.bytes.length) throw fields.cutOff(start);
  const end = start + length - BLOCK.TRAILER_SIZE;
  if (fields.u32(end) !== length) throw fields.malformed(start, "a block whose two lengths differ");
  return { fields, start, end };
}

function checkVersion({ fields, start, end }: Block): void {
  if (start + SECTION.options > end) throw fields.malformed(start, "a section header that is too short");
  const major = fields.u16(start + SECTION.major);
  if (major !== VERSION_MAJOR) throw fields.malformed(start, `pcapng version ${major}, which is not known`);
}

function readInterface(block: Block, linkTypes: readonly number[]): Interface {
  const { fields, start, end } = block;
  if (start + INTERFACE.options > end) throw fields.malformed(start, "an interface description that is too short");
  const linkType = fields.u16(start + INTERFACE.linkType);
  fields.checkLinkType(linkType, linkTypes);
  let name = "";
  let unitsPerSecond = DEFAULT_UNITS_PER_SECOND;
  let offsetSeconds = 0n;
  for (const [code, value, length] of optionsOf(block, INTERFACE.options)) {
    if (code === OPTION.IF_NAME) name = new TextDecoder().decode(fields.slice(value, length)).replace(/\0+$/, "");
    if (code === OPTION.IF_TSRESOL && length === 1) unitsPerSecond = resolution(fields.bytes[value]!);
    if (code === OPTION.IF_TSOFFSET && length === 8) offsetSeconds = fields.i64(value);
  }
  const snapLength = fields.u32(start + INTERFACE.snapLength);
  return { name, snapLength, unitsPerSecond, offsetSeconds, ...(linkType !== LINKTYPE_ETHERNET && { linkType }) };
}

function commentOf(block: Block, options: number): string | undefined {
  for (const [code, value, length] of optionsOf(block, options)) {
    if (code === OPTION.COMMENT) return new TextDecoder().decode(block.fields.slice(value, length));
  }
  return undefined;
}

/** if_tsresol: a power of ten, or of two when the top bit is set. */
function resolution(code: number): bigint {
  return code & 0x80 ? 2n ** BigInt(code & 0x7f) : 10n ** BigInt(code);
}

/** Code, offset and length of the value of each option. */
function* optionsOf({ fields, start, end }: Block, first: number): Generator<[number, number, number]> {
  for (let at = start + first; at + OPTION_HEADER_SIZE <= end; ) {
    const code = fields.u16(at);
    const length = fields.u16(at + 2);
    if (code === OPTION.END) return;
    const value = at + OPTION_HEADER_SIZE;
    if (value + length > end) throw fields.malformed(at, "an option that is longer than its block");
    yield [code, value, length];
    at = value + padded(length);
  }
}

function readFrame(block: Block, interfaces: readonly Interface[], sectionFirst: number, index: number): CaptureFrame {
  const { fields, start, end } = block;
  const from = interfaceAt(block, interfaces, sectionFirst, index);
  const captured = fields.u32(start + ENHANCED_PACKET.captured);
  if (start + ENHANCED_PACKET.bytes + captured > end) throw fields.malformed(start, "a frame that is longer than its block");
  const comment = commentOf(block, ENHANCED_PACKET.bytes + padded(captured));
  const high = BigInt(fields.u32(start + ENHANCED_PACKET.timeHigh));
  const units = (high << 32n) | BigInt(fields.u32(start + ENHANCED_PACKET.timeLow));
  return {
    interface: sectionFirst + index,
    timeNs: (units * NS_PER_SECOND) / from.unitsPerSecond + from.offsetSeconds * NS_PER_SECOND,
    bytes: fields.slice(start + ENHANCED_PACKET.bytes, captured),
    wireLength: fields.u32(start + ENHANCED_PACKET.wire),
    ...(comment !== undefined && { comment }),
  };
}

function readSimpleFrame(block: Block, interfaces: readonly Interface[], sectionFirst: number): CaptureFrame {
  const { fields, start, end } = block;
  const { snapLength } = interfaceAt(block, interfaces, sectionFirst, 0);
  const wireLength = fields.u32(start + SIMPLE_PACKET.wire);
  const captured = snapLength === 0 ? wireLength : Math.min(wireLength, snapLength);
  if (start + SIMPLE_PACKET.bytes + captured > end) throw fields.malformed(start, "a frame that is longer than its block");
  return { interface: sectionFirst, timeNs: 0n, bytes: fields.slice(start + SIMPLE_PACKET.bytes, captured), wireLength };
}

function interfaceAt({ fields, start }: Block, interfaces: readonly Interface[], first: number, index: number): Interface {
  const found = interfaces[first + index];
  if (found === undefined) throw fields.malformed(start, `a frame of interface ${index}, which was never described`);
  return found;
}
