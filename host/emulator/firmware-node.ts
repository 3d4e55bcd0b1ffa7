/**
 * A node that runs an image: a blade's NIC or a switch. Frames that arrive queue up and go through the image in
 * batches; management messages come over an in-memory channel that has a latency of its own.
 */
import type { Firmware } from "../engine/firmware.ts";
import { decodeAnswer } from "../management/envelope.ts";
import { Records } from "../management/records.ts";
import type { ManagementChannel } from "../supervisor/environment.ts";
import { US_PER_MS, type VirtualClock } from "./clock.ts";
import { type Side, travelTime, type Wire, type WireTiming } from "./fabric.ts";
import type { Random } from "./random.ts";

/** From the first frame in an empty queue to the batch that takes it: the NIC's interrupt moderation. */
export const BATCH_US = 20;

export interface FirmwareNodeOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly firmware: Firmware;
  /** Of one message, one way. */
  readonly managementTiming: WireTiming;
  readonly random: Random;
}

export class FirmwareNode {
  readonly name: string;
  readonly firmware: Firmware;
  /** Called with the generation that an answer says is in force, whenever it is a new one. */
  onGeneration: (generation: number) => void = () => undefined;
  readonly #options: FirmwareNodeOptions;
  readonly #records: Records;
  readonly #sends = new Map<number, (frame: Uint8Array) => void>();
  #queue: { port: number; bytes: Uint8Array }[] = [];
  #generation = 0;
  #off = false;
  #stuckUntilUs = 0;

  constructor(options: FirmwareNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.firmware = options.firmware;
    this.#records = new Records(options.firmware.layout);
  }

  /** Generation in force, as the last answer said; 0: none. */
  get generation(): number {
    return this.#generation;
  }

  /** Puts a port on the end of a wire. */
  connect(port: number, wire: Wire, side: Side): void {
    this.#sends.set(port, (frame) => wire.send(side, frame));
    wire.plug(side, (frame) => this.#receive(port, frame));
  }

  powerOff(): void {
    this.#off = true;
    this.#queue = [];
  }

  /** For so long nothing passes, and nobody is answered: what comes meanwhile is lost. */
  stall(us: number): void {
    this.#stuckUntilUs = this.#options.clock.now + us;
    this.#queue = [];
  }

  get #isDeaf(): boolean {
    return this.#off || this.#options.clock.now < this.#stuckUntilUs;
  }

  /** A channel to this node. Messages keep their order, each way. */
  channel(): ManagementChannel {
    const { clock, managementTiming, random } = this.#options;
    /** `deliver` runs when the message has arrived, after those that were sent before it. */
    const way = () => {
      let last = 0;
      return (deliver: () => void): void => {
        const travel = travelTime(managementTiming, random);
        if (travel === null) return;
        last = Math.max(last, clock.now + travel);
        clock.at(last, deliver);
      };
    };
    const [there, back] = [way(), way()];
    return {
      layout: this.firmware.layout,
      request: (message, onAnswer) => {
        const bytes = message.slice();
        there(() => {
          const answer = this.#manage(bytes);
          if (answer) back(() => onAnswer(answer));
        });
      },
    };
  }

  #receive(port: number, bytes: Uint8Array): void {
    if (this.#isDeaf) return;
    if (this.#queue.length === 0) this.#options.clock.after(BATCH_US, () => this.#process());
    this.#queue.push({ port, bytes });
  }

  #process(): void {
    const frames = this.#queue;
    this.#queue = [];
    if (frames.length === 0) return;
    const { outputs } = this.firmware.process(frames, this.#nowMs());
    for (const { port, bytes } of outputs) this.#sends.get(port)?.(bytes);
  }

  /** Null: the node is off or stuck, or lost the message. */
  #manage(message: Uint8Array): Uint8Array | null {
    if (this.#isDeaf) return null;
    const answer = this.firmware.manage(message, this.#nowMs());
    const generation = answer && decodeAnswer(this.#records, answer)?.generation;
    if (generation && generation !== this.#generation) {
      this.#generation = generation;
      this.onGeneration(generation);
    }
    return answer;
  }

  #nowMs(): number {
    return Math.floor(this.#options.clock.now / US_PER_MS);
  }
}
