/** What happened in a run, line by line, for a person: everything about the nodes and managers, and the frames of some flows. */
import type { FrameVerdict } from "../engine/firmware.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import { decodeTooBig } from "./icmp.ts";
import { decodeNeighbour } from "./neighbour-packet.ts";
import type { Parcel } from "./parcel.ts";
import { readTag } from "./redirect-tag.ts";
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
  const text = segment ? segmentText(segment) : (otherText(bytes) ?? `${bytes.length} bytes`);
  const tag = tagText(bytes);
  return `flow ${flow} ${text}${tag === "" ? "" : ` (${tag})`}`;
}

/** Null: nothing that has a name here. */
function otherText(bytes: Uint8Array): string | null {
  const neighbour = decodeNeighbour(bytes);
  if (neighbour) return neighbour.kind === "question" ? "asks for the VIP's MAC" : "says the VIP's MAC";
  return decodeTooBig(bytes) ? "ICMP too big" : null;
}

function segmentText({ flags, seq, ack, payload }: Segment): string {
  return `${flagsText(flags)} seq ${seq} ack ${ack}${payload.length > 0 ? ` ${payload.length} bytes` : ""}`;
}

const KINDS = ["direct", "hop 1", "hop 2", "hop 3", "resteer", "final", "copy"];

/** A redirect tag in words; empty: the frame has none. */
function tagText(bytes: Uint8Array): string {
  const tag = readTag(bytes);
  return tag === null ? "" : `${KINDS[tag.kind] ?? "unknown"} from owner ${tag.sender} at generation ${tag.generation}`;
}
