/** Writes pcapng: little-endian, Ethernet, times in ns, one named interface a port. */
import { LINKTYPE_ETHERNET } from "./fields.ts";
import {
  BLOCK, BLOCK_TYPE, BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE, OPTION, OPTION_HEADER_SIZE, padded, SECTION,
  VERSION_MAJOR, VERSION_MINOR,
} from "./pcapng.ts";

const TSRESOL_NS = 9;
const SECTION_LENGTH_UNKNOWN = -1n;

/** Hands each block to `write` as it comes, so that a capture may be as long as the disk has room for. */
export class PcapngWriter {
  readonly #write: (block: Uint8Array) => void;
  #interfaces = 0;

  /** Writes the section header. `application` tells readers who wrote the file. */
  constructor(write: (block: Uint8Array) => void, application = "dobbs") {
    this.#write = write;
    const [block, view] = newBlock(BLOCK_TYPE.SECTION, SECTION.options, [[OPTION.SHB_USERAPPL, utf8(application)]]);
    view.setUint32(SECTION.magic, BYTE_ORDER_MAGIC, true);
    view.setUint16(SECTION.major, VERSION_MAJOR, true);
    view.setUint16(SECTION.minor, VERSION_MINOR, true);
    view.setBigInt64(SECTION.sectionLength, SECTION_LENGTH_UNKNOWN, true);
    write(block);
  }

  /** Describes one more interface; returns its number. They count from 0. */
  addInterface(name: string): number {
    const options: Option[] = [[OPTION.IF_NAME, utf8(name)], [OPTION.IF_TSRESOL, Uint8Array.of(TSRESOL_NS)]];
    const [block, view] = newBlock(BLOCK_TYPE.INTERFACE, INTERFACE.options, options);
    view.setUint16(INTERFACE.linkType, LINKTYPE_ETHERNET, true);
    this.#write(block);
    return this.#interfaces++;
  }

  /** Writes one whole frame at `timeNs` since 1970, of an interface that was added. */
  addFrame(interfaceNumber: number, timeNs: bigint, frame: Uint8Array): void {
    if (interfaceNumber >= this.#interfaces) throw new RangeError(`no interface ${interfaceNumber} was added`);
    const [block, view] = newBlock(BLOCK_TYPE.ENHANCED_PACKET, ENHANCED_PACKET.bytes + padded(frame.length));
    view.setUint32(ENHANCED_PACKET.interface, interfaceNumber, true);
    view.setUint32(ENHANCED_PACKET.timeHigh, Number((timeNs >> 32n) & 0xffff_ffffn), true);
    view.setUint32(ENHANCED_PACKET.timeLow, Number(timeNs & 0xffff_ffffn), true);
    view.setUint32(ENHANCED_PACKET.captured, frame.length, true);
    view.setUint32(ENHANCED_PACKET.wire, frame.length, true);
    block.set(frame, ENHANCED_PACKET.bytes);
    this.#write(block);
  }
}

type Option = readonly [code: number, value: Uint8Array];

/** A block with its type, lengths and options in place; `optionsAt` is where its fixed part and data end. */
function newBlock(type: number, optionsAt: number, options: readonly Option[] = []): [Uint8Array, DataView] {
  const optionsLength = options.reduce((sum, [, value]) => sum + OPTION_HEADER_SIZE + padded(value.length), 0);
  const length = optionsAt + optionsLength + (options.length > 0 ? OPTION_HEADER_SIZE : 0) + BLOCK.TRAILER_SIZE;
  const block = new Uint8Array(length);
  const view = new DataView(block.buffer);
  view.setUint32(BLOCK.type, type, true);
  view.setUint32(BLOCK.length, length, true);
  view.setUint32(length - BLOCK.TRAILER_SIZE, length, true);
  let at = optionsAt;
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    block.set(value, at + OPTION_HEADER_SIZE);
    at += OPTION_HEADER_SIZE + padded(value.length);
  }
  return [block, view];
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
