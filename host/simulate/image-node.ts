/**
 * A node that runs an image: a blade's NIC or a switch, as its shim. Frames that arrive queue up and go through the image
 * in batches. It can lose its power, be started anew with nothing in it, and trap.
 */
import { TRAPPED } from "../engine/engine.ts";
import { LOST, type Firmware, type FrameVerdict } from "../engine/firmware.ts";
import { US_PER_MS, type VirtualClock } from "../emulator/clock.ts";
import { saltOf } from "./dice.ts";
import { Audit } from "./audit.ts";
import type { Parcel, Take } from "./parcel.ts";
import { TRAP_BIT } from "./trap-image.ts";

/** Of a blade's image. */
const WIRE_PORT = 0;
/** Of a frame of which it is not known any more. */
const NO_FLOW = -1;

export interface ImageNodeOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly load: () => Firmware;
  readonly batchUs: number;
  /** ms that its clock is ahead of true time. */
  readonly aheadMs: number;
  /** A frame has gone through the image. */
  readonly onFrame: (node: ImageNode, port: number, parcel: Parcel, verdict: FrameVerdict) => void;
  /** What it has learned is gone. */
  readonly onRestart: (node: ImageNode) => void;
  /** A frame leaves that one owner sends to another, so often by now. */
  readonly onRedirect: (node: ImageNode, parcel: Parcel) => void;
  readonly onMiscount: (node: ImageNode, what: string) => void;
}

interface Trap {
  readonly during: "process" | "manage";
  readonly onTrap: () => void;
}

const FORGETTING = ["FLOW_EVICTED", "FLOW_OVERFLOW"] as const;

export class ImageNode {
  readonly name: string;
  readonly #options: ImageNodeOptions;
  readonly #sends = new Map<number, Take>();
  readonly #onUp = new Set<() => void>();
  #firmware: Firmware;
  #audit: Audit;
  #queue: { port: number; bytes: Uint8Array; parcel: Parcel }[] = [];
  #isOn = true;
  #life = 0;
  #trap: Trap | null = null;

  constructor(options: ImageNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.#firmware = options.load();
    this.#audit = new Audit(this.#firmware);
  }

  get firmware(): Firmware {
    return this.#firmware;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Counts up whenever the shim is started: a connection to the one before is broken. */
  get life(): number {
    return this.#life;
  }

  /** Frames by verdict, drop, event and line of the rule, of all lives of this node. */
  readonly tally = new Map<string, number>();

  /** Rows that it has evicted, or found no room for, in all its lives. */
  get forgotten(): number {
    return FORGETTING.reduce((sum, name) => sum + (this.tally.get(`Event.${name}`) ?? 0) + (this.#isOn ? this.#audit.events(name) : 0), 0);
  }

  /** What leaves by a port. */
  connect(port: number, send: Take): void {
    this.#sends.set(port, send);
  }

  /** What comes in by a port. */
  input(port: number): Take {
    return (parcel) => {
      if (!this.#isOn) return;
      if (this.#queue.length === 0) this.#options.clock.after(this.#options.batchUs, () => this.#process());
      this.#queue.push({ port, bytes: parcel.bytes, parcel });
    };
  }

  /** Called when the shim has come up anew; not once `off` has been called. */
  onUp(run: () => void): { off: () => void } {
    this.#onUp.add(run);
    return { off: () => this.#onUp.delete(run) };
  }

  powerOff(): void {
    if (this.#isOn) this.settle();
    this.#options.onRestart(this);
    this.#isOn = false;
    this.#queue = [];
  }

  /** A shim that has just been started, with nothing in it. */
  powerOn(): void {
    if (this.#isOn) return;
    this.#firmware = this.#options.load();
    this.#audit = new Audit(this.#firmware);
    this.#isOn = true;
    this.#life++;
    for (const run of [...this.#onUp]) run();
  }

  /** The next batch, or message, traps the image: `onTrap`. */
  trapNext(during: Trap["during"], onTrap: () => void): void {
    this.#trap = { during, onTrap };
  }

  /** Looks whether the image has counted right, and adds its counters to the tally. */
  settle(): void {
    if (!this.#isOn) return;
    const problem = this.#audit.check();
    if (problem !== null) this.#options.onMiscount(this, problem);
    for (const [name, count] of this.#audit.counts()) this.tally.set(name, (this.tally.get(name) ?? 0) + count);
    this.#audit = new Audit(this.#firmware);
  }

  /** Null: the node is off, or the image has trapped. */
  manage(message: Uint8Array): Uint8Array | null {
    if (!this.#isOn) return null;
    if (this.#trap?.during === "manage") {
      this.#trap.onTrap();
      this.#trap = null;
      this.#options.onRestart(this);
      if (this.#firmware.instance.manage(TRAP_BIT, this.#nowMs()) !== TRAPPED) throw new Error("the image has not trapped");
      return null;
    }
    return this.#firmware.manage(message, this.#nowMs());
  }

  #process(): void {
    const frames = this.#queue;
    this.#queue = [];
    if (frames.length === 0 || !this.#isOn) return;
    if (this.#trap?.during === "process") {
      this.#trap.onTrap();
      this.#trap = null;
      this.#options.onRestart(this);
      if (this.#firmware.instance.process(TRAP_BIT, frames.length, this.#nowMs()) !== TRAPPED) throw new Error("the image has not trapped");
      return;
    }
    const { outputs, verdicts } = this.#firmware.process(frames, this.#nowMs());
    for (const [i, { port, parcel }] of frames.entries()) {
      const verdict = verdicts[i]!;
      if (verdict.verdict !== LOST) this.#audit.add(verdict);
      this.#options.onFrame(this, port, parcel, verdict);
    }
    for (const { slot, port, bytes } of outputs) {
      // What was known of one that has waited in the image is lost.
      const parcel = frames[slot]?.parcel ?? { bytes, id: saltOf(bytes.join()), flow: NO_FLOW, redirects: 0 };
      const isRedirected = slot < 0 ? port === WIRE_PORT : verdicts[slot]!.verdict === "REDIRECT";
      const sent = { ...parcel, bytes, redirects: parcel.redirects + (isRedirected ? 1 : 0) };
      if (isRedirected) this.#options.onRedirect(this, sent);
      this.#sends.get(port)?.(sent);
    }
  }

  #nowMs(): number {
    return (Math.floor(this.#options.clock.now / US_PER_MS) + this.#options.aheadMs) >>> 0;
  }
}
