/** One batch of frames in the ring of an image: the same segment in every slot, of another flow each time. */
import { FrameRing } from "../engine/frame-ring.ts";
import type { BenchNode } from "./node.ts";
import { clientAddress, clientPort } from "./flows.ts";
import { clientPlace } from "./segment.ts";

/** Frames a batch. */
export const BATCH = 256;

export interface Frames {
  /** From `segment`, or the firmware's own redirect of one. */
  readonly template: Uint8Array;
  /** Ingress port. */
  readonly port: number;
  readonly fromHost: boolean;
}

export class Batch {
  readonly #view: DataView;
  readonly #addresses: number;
  readonly #ports: number;
  readonly #stride: number;

  /** Fills the first BATCH slots of the node's ring, and what was there before is gone. */
  constructor({ firmware }: BenchNode, { template, port, fromHost }: Frames) {
    const memory = firmware.instance.memory();
    const ring = new FrameRing(firmware.layout);
    for (let slot = 0; slot < BATCH; slot++) ring.put(memory, slot, { port, bytes: template });
    const { address, stride } = firmware.layout.region("FRAME");
    const client = clientPlace(fromHost);
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#addresses = address + client.address;
    this.#ports = address + client.port;
    this.#stride = stride;
  }

  /** Puts flows `flows[from]` and on into the slots, beginning anew at the end of `flows`. */
  fill(flows: Uint32Array, from: number): void {
    let index = from % flows.length;
    for (let slot = 0; slot < BATCH; slot++) {
      const flow = flows[index]!;
      this.#view.setUint32(this.#addresses + slot * this.#stride, clientAddress(flow));
      this.#view.setUint16(this.#ports + slot * this.#stride, clientPort(flow));
      if (++index === flows.length) index = 0;
    }
  }
}
