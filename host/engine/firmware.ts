/** A loaded image as the rest of the host uses it: frames and messages in and out, names instead of numbers. */
import { TRAPPED, type Engine, type Instance } from "./engine.ts";
import { FrameRing, type Frame, type FrameOut } from "./frame-ring.ts";
import { imageError } from "./image-error.ts";
import { Layout } from "./layout.ts";

export type { Frame, FrameOut } from "./frame-ring.ts";

/** The verdict of a frame whose batch trapped: it went nowhere, and the image has not counted it. */
export const LOST = "LOST";

/** Names of `Verdict` (or LOST) and `Drop`; `drop` is that of code 0 unless the verdict is DROP. */
export interface FrameVerdict {
  readonly verdict: string;
  readonly drop: string;
}

export interface BatchResult {
  /** In the order in which they leave. */
  readonly outputs: FrameOut[];
  /** One for each frame, in order. */
  readonly verdicts: FrameVerdict[];
}

/** By name; every name that the image exports is there. */
export interface FirmwareCounters {
  readonly verdicts: Record<string, number>;
  readonly drops: Record<string, number>;
  readonly events: Record<string, number>;
}

export type FirmwareKind = "blade" | "switch";

export class Firmware {
  /** For callers that fill and read the regions themselves, at their own speed. */
  readonly instance: Instance;
  readonly layout: Layout;
  readonly kind: FirmwareKind;
  readonly #ring: FrameRing;
  readonly #verdictNames: VerdictNames;

  /** Throws `DobbsError` (code `E_IMAGE_*`) when `image` is no image of ours. */
  static load(engine: Engine, image: Uint8Array): Firmware {
    return new Firmware(engine.load(image));
  }

  private constructor(instance: Instance) {
    this.instance = instance;
    this.layout = new Layout(instance.constants, instance.memory());
    this.kind = kindOf(this.layout);
    this.#ring = new FrameRing(this.layout);
    this.#verdictNames = new VerdictNames(this.layout);
  }

  /** Puts any number of frames through the image at `now` (ms), in batches of its ring's size. */
  process(frames: readonly Frame[], now: number): BatchResult {
    const outputs: FrameOut[] = [];
    const verdicts: FrameVerdict[] = [];
    for (let from = 0; from < frames.length; from += this.#ring.slots) {
      const count = Math.min(this.#ring.slots, frames.length - from);
      const memory = this.instance.memory();
      for (let slot = 0; slot < count; slot++) this.#ring.put(memory, slot, frames[from + slot]!);
      const leaving = this.instance.process(0, count, now >>> 0);
      if (leaving === TRAPPED) {
        for (let slot = 0; slot < count; slot++) verdicts.push(this.#verdictNames.lost);
        continue;
      }
      for (let slot = 0; slot < count; slot++) {
        verdicts.push(this.#verdictNames.of(this.#ring.verdict(memory, slot), this.#ring.drop(memory, slot)));
      }
      for (let record = 0; record < leaving; record++) outputs.push(this.#ring.take(memory, record, from));
    }
    return { outputs, verdicts };
  }

  /**
   * Hands in a management message at `now` (ms). Returns the answer; null when the image trapped on it. A message that
   * is longer than the inbox is cut off, and refused by the image for its length.
   */
  manage(message: Uint8Array, now: number): Uint8Array | null {
    const inbox = this.layout.region("INBOX");
    this.instance.memory().set(message.subarray(0, inbox.stride), inbox.address);
    const length = this.instance.manage(message.length, now >>> 0);
    if (length === TRAPPED) return null;
    const { address } = this.layout.region("OUTBOX");
    return this.instance.memory().slice(address, address + length);
  }

  /** Summed over restarts; frames that were lost to one are not in them. */
  counters(): FirmwareCounters {
    return {
      verdicts: this.#counters("VERDICT_COUNTER", "Verdict"),
      drops: this.#counters("DROP_COUNTER", "Drop"),
      events: this.#counters("EVENT_COUNTER", "Event"),
    };
  }

  get framesLost(): number {
    return this.instance.framesLost;
  }

  get restarts(): number {
    return this.instance.restarts;
  }

  #counters(region: string, group: string): Record<string, number> {
    const counts = this.instance.counters(this.layout.code("RegionId", region));
    const count = (name: string): number => Number(counts[this.layout.code(group, name)] ?? 0n);
    return Object.fromEntries(this.layout.names(group).map((name) => [name, count(name)]));
  }
}

function kindOf(layout: Layout): FirmwareKind {
  const code = layout.constant("IMAGE_KIND");
  if (code === layout.code("ImageKind", "BLADE")) return "blade";
  if (code === layout.code("ImageKind", "SWITCH")) return "switch";
  throw imageError("E_IMAGE_NAME", `the image is of kind ${code}, which is neither a blade's nor a switch's`);
}

/** One object for each pair of codes: most frames have one of a few. */
class VerdictNames {
  readonly lost: FrameVerdict;
  readonly #layout: Layout;
  readonly #known = new Map<number, FrameVerdict>();

  constructor(layout: Layout) {
    this.#layout = layout;
    this.lost = { verdict: LOST, drop: this.#name("Drop", 0) };
  }

  of(verdict: number, drop: number): FrameVerdict {
    const key = verdict * 0x100 + drop;
    let names = this.#known.get(key);
    if (!names) {
      names = { verdict: this.#name("Verdict", verdict), drop: this.#name("Drop", drop) };
      this.#known.set(key, names);
    }
    return names;
  }

  #name(group: string, code: number): string {
    return this.#layout.nameOf(group, code) ?? `${group} ${code}`;
  }
}
