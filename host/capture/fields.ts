/** Reads the fields of a capture file: every read is checked against the end of the file. */
import { DobbsError } from "../errors.ts";

/** LINKTYPE_ETHERNET, in both formats. */
export const LINKTYPE_ETHERNET = 1;

/** A window of a capture file, in the byte order that its header tells. Offsets are from the start of the file. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly #name: string;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, littleEndian: boolean, name: string) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.#name = name;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#need(offset, 2), this.littleEndian);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#need(offset, 4), this.littleEndian);
  }

  i64(offset: number): bigint {
    return this.#view.getBigInt64(this.#need(offset, 8), this.littleEndian);
  }

  /** A view, no copy. */
  slice(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(this.#need(offset, length), offset + length);
  }

  cutOff(offset: number): DobbsError {
    return new DobbsError(
      "E_CAPTURE_CUT_OFF",
      `${this.#name} is cut off: what starts at byte ${offset} goes past the end of the file, at ${this.bytes.length}`,
      "Take the capture again, or copy it again in full.",
    );
  }

  malformed(offset: number, what: string): DobbsError {
    const message = `${this.#name} is damaged at byte ${offset}: ${what}`;
    return new DobbsError("E_CAPTURE_FORMAT", message, "Take the capture again, or copy it again.");
  }

  /** Throws E_CAPTURE_LINKTYPE for all that is not Ethernet, or one of `others`. */
  checkLinkType(linkType: number, others: readonly number[] = []): void {
    if (linkType === LINKTYPE_ETHERNET || others.includes(linkType)) return;
    throw new DobbsError(
      "E_CAPTURE_LINKTYPE",
      `${this.#name} has link type ${linkType}; only Ethernet (${LINKTYPE_ETHERNET}) can be read`,
      "Capture on an Ethernet interface, not on `any`, a tunnel or a radio.",
    );
  }

  #need(offset: number, length: number): number {
    if (offset + length > this.bytes.length) throw this.cutOff(offset);
    return offset;
  }
}
