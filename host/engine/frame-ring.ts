/** The frame ring that host and image share: frames go into slots, and egress records say what leaves. */
import { imageError } from "./image-error.ts";
import type { Layout, Region } from "./layout.ts";
import { readNumber, writeNumber, type Field } from "./struct.ts";

export interface Frame {
  /** Ingress port of the image. */
  readonly port: number;
  /** From the Ethernet header on, without FCS. */
  readonly bytes: Uint8Array;
}

export interface FrameOut extends Frame {
  /** Index of the frame that it came of, among those handed in; -1: an earlier one, which has waited in the image. */
  readonly slot: number;
}

export class FrameRing {
  /** Frames that fit in one batch. */
  readonly slots: number;
  readonly #frame: Region;
  readonly #slot: Region;
  readonly #egress: Region;
  readonly #slotFields: Record<"length" | "port" | "verdict" | "drop", Field>;
  readonly #egressFields: Record<"slot" | "port" | "rewrite" | "destination" | "source", Field>;
  readonly #lengthMax: number;

  constructor(layout: Layout) {
    this.#frame = layout.region("FRAME");
    this.#slot = layout.region("SLOT");
    this.#egress = layout.region("EGRESS");
    this.slots = layout.constant("RING_SLOTS");
    if (this.#slot.count !== this.#frame.count || this.slots > this.#frame.count) {
      const counts = `${this.slots} slots in the ring, ${this.#frame.count} frames and ${this.#slot.count} slots`;
      throw imageError("E_IMAGE_REGION", `the image has ${counts}`);
    }
    const slot = layout.struct("Slot");
    const egress = layout.struct("Egress");
    this.#slotFields = {
      length: slot.field("length"),
      port: slot.field("port"),
      verdict: slot.field("verdict"),
      drop: slot.field("drop"),
    };
    this.#egressFields = {
      slot: egress.field("slot"),
      port: egress.field("port"),
      rewrite: egress.field("rewrite"),
      destination: egress.field("destination"),
      source: egress.field("source"),
    };
    this.#lengthMax = 2 ** (8 * this.#slotFields.length.width) - 1;
  }

  /** Of a frame that is longer than a slot, the slot takes what fits, and its `length` tells. */
  put(memory: Uint8Array, slot: number, { port, bytes }: Frame): void {
    const { address, stride } = this.#frame;
    const fits = bytes.length <= stride ? bytes : bytes.subarray(0, stride);
    memory.set(fits, address + slot * stride);
    const record = this.#slotAt(slot);
    writeNumber(memory, record, this.#slotFields.length, Math.min(bytes.length, this.#lengthMax));
    writeNumber(memory, record, this.#slotFields.port, port);
  }

  verdict(memory: Uint8Array, slot: number): number {
    return readNumber(memory, this.#slotAt(slot), this.#slotFields.verdict);
  }

  drop(memory: Uint8Array, slot: number): number {
    return readNumber(memory, this.#slotAt(slot), this.#slotFields.drop);
  }

  /** A copy of what egress record `index` sends. `from`: index of the frame that is in slot 0. */
  take(memory: Uint8Array, index: number, from: number): FrameOut {
    const record = this.#egress.address + index * this.#egress.stride;
    const fields = this.#egressFields;
    const slot = readNumber(memory, record, fields.slot);
    const length = readNumber(memory, this.#slotAt(slot), this.#slotFields.length);
    const at = this.#frame.address + slot * this.#frame.stride;
    const bytes = memory.slice(at, at + length);
    if (readNumber(memory, record, fields.rewrite) !== 0) {
      bytes.set(fieldBytes(memory, record, fields.destination), 0);
      bytes.set(fieldBytes(memory, record, fields.source), fields.destination.width);
    }
    return { slot: slot < this.slots ? from + slot : -1, port: readNumber(memory, record, fields.port), bytes };
  }

  #slotAt(slot: number): number {
    return this.#slot.address + slot * this.#slot.stride;
  }
}

function fieldBytes(memory: Uint8Array, record: number, { offset, width }: Field): Uint8Array {
  return memory.subarray(record + offset, record + offset + width);
}
