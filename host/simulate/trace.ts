/** What happened in a run, line by line, for a person: everything about the nodes and managers, and the frames of some flows. */
import type { FrameVerdict } from "../engine/firmware.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import { decodeTooBig } from "./icmp.ts";
import type { Parcel } from "./parcel.ts";
import { decodeSegment, flagsText, type Segment } from "./segment.ts";

/** Longer traces lose their beginning. */
const LINES_MAX = 5_000;

export interface Trace {
  note(who: string, what: string): void;
  /** A node has decided on a frame. */
  frame(node: string, port: number, parcel: Parcel, verdict: FrameVerdict): void;
  /** A host or a site takes a frame. */
  arrival(end: string, parcel: Parcel): void;
  /** A host or a client sends one. */
  departure(end: string, parcel: Parcel): void;
}

/** Keeps nothing. */
export const NO_TRACE: Trace = {
  note: () => undefined,
  frame: () => undefined,
  arrival: () => undefined,
  departure: () => undefined,
};

export class TextTrace implements Trace {
  readonly #clock: VirtualClock;
  readonly #flows: ReadonlySet<number>;
  readonly #lines: string[] = [];

  /** `flows`: whose frames are written down. */
  constructor(clock: VirtualClock, flows: ReadonlySet<number>) {
    this.#clock = clock;
    this.#flows = flows;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  note(who: string, what: string): void {
    this.#add(`${who}: ${what}`);
  }

  frame(node: string, port: number, parcel: Parcel, { verdict, drop }: FrameVerdict): void {
    if (this.#flows.has(parcel.flow))
      this.#add(`    ${node} port ${port}: ${describe(parcel)} -> ${verdict === "DROP" ? `DROP ${drop}` : verdict}`);
  }

  arrival(end: string, parcel: Parcel): void {
    if (this.#flows.has(parcel.flow)) this.#add(`    ${end} takes ${describe(parcel)}`);
  }

  departure(end: string, parcel: Parcel): void {
    if (this.#flows.has(parcel.flow)) this.#add(`    ${end} sends ${describe(parcel)}`);
  }

  #add(text: string): void {
    if (this.#lines.length === LINES_MAX) this.#lines.splice(0, LINES_MAX / 2);
    this.#lines.push(`${(this.#clock.now / 1_000_000).toFixed(6).padStart(10)}  ${text}`);
  }
}

function describe({ bytes, flow }: Parcel): string {
  const segment = decodeSegment(bytes);
  const text = segment ? segmentText(segment) : decodeTooBig(bytes) ? "ICMP too big" : `${bytes.length} bytes`;
  const tag = tagText(bytes);
  return `flow ${flow} ${text}${tag === "" ? "" : ` (${tag})`}`;
}

function segmentText({ flags, seq, ack, payload }: Segment): string {
  return `${flagsText(flags)} seq ${seq} ack ${ack}${payload.length > 0 ? ` ${payload.length} bytes` : ""}`;
}

const KINDS = ["direct", "hop 1", "hop 2", "hop 3", "resteer", "final", "copy"];
const SOURCE = 6;

/** A redirect tag in words; empty: the frame has none (docs/protocol.md). */
function tagText(bytes: Uint8Array): string {
  if (bytes[SOURCE] !== 0xd2 || (bytes[SOURCE + 1]! & 0xf8) !== 0xb0) return "";
  const kind = KINDS[bytes[SOURCE + 1]! & 7] ?? "unknown";
  return `${kind} from owner ${(bytes[SOURCE + 2]! << 8) | bytes[SOURCE + 3]!} at generation ${(bytes[SOURCE + 4]! << 8) | bytes[SOURCE + 5]!}`;
}
