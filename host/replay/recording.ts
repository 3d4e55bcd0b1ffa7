/**
 * A shim's recording (`dobbs-shim --record`): every frame that came in, in its batch, with the verdict that it got, and
 * every management message where it came in between. Run again, the same image gives the same verdicts.
 *
 * pcapng; interface n is port n, and the last interface, "management", has the requests. Comments say the rest:
 * `now=<ms> batch=<n> verdict=<name> drop=<name>` of a frame, `now=<ms>` of a request, and the bundle's digest of a section.
 * Other firmware begins a section, with the requests first that were kept for it.
 */
import type { Capture, CaptureFrame } from "../capture/capture.ts";
import { type Firmware, LOST } from "../engine/firmware.ts";
import { DobbsError } from "../errors.ts";
import type { Tally } from "./replay.ts";

/** LINKTYPE_USER0: what it holds is the user's own affair. */
export const LINKTYPE_MANAGEMENT = 147;

export interface Difference {
  /** Number of the packet in the recording, from 1 on, as Wireshark counts. */
  readonly packet: number;
  readonly recorded: string;
  readonly replayed: string;
}

export interface RecordingResult {
  /** Digests of the bundles that ran, one after the other. */
  readonly bundles: readonly string[];
  readonly frames: number;
  readonly batches: number;
  readonly requests: number;
  readonly verdicts: Tally;
  /** Frames whose verdict, or reason to be dropped, is not the recorded one. */
  readonly differences: readonly Difference[];
}

interface Packet {
  readonly packet: number;
  readonly frame: CaptureFrame;
  readonly port: number;
  readonly isRequest: boolean;
}

/** A frame of a batch. */
interface Recorded {
  readonly packet: number;
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly said: string;
}

/** One call: a batch of frames, or a request. */
interface Step {
  readonly now: number;
  readonly batch: string | null;
  readonly frames: Recorded[];
  readonly request: Uint8Array | null;
}

interface Comment {
  readonly now: number;
  readonly batch: string | null;
  /** `DELIVER`, `DROP UNKNOWN`, ... */
  readonly said: string;
}

export function isRecording({ interfaces }: Capture): boolean {
  return interfaces.some(({ linkType }) => linkType === LINKTYPE_MANAGEMENT);
}

/** `load` gives a freshly loaded image of the bundle with this digest (hex). Throws E_RECORDING when the recording does
 *  not say what ran, or has a comment that is not a shim's. */
export function replayRecording(capture: Capture, load: (digest: string) => Firmware): RecordingResult {
  const verdicts: Tally = {};
  const differences: Difference[] = [];
  const bundles: string[] = [];
  let [frames, batches, requests] = [0, 0, 0];
  for (const { digest, steps } of runsOf(capture)) {
    const firmware = load(digest);
    bundles.push(digest);
    for (const step of steps) {
      if (step.request) {
        requests++;
        firmware.manage(step.request, step.now);
        continue;
      }
      batches++;
      frames += step.frames.length;
      const result = firmware.process(step.frames, step.now);
      for (const [index, { packet, said }] of step.frames.entries()) {
        const { verdict, drop } = result.verdicts[index]!;
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
        const replayed = sayOf(verdict, drop);
        if (replayed !== said) differences.push({ packet, recorded: said, replayed });
      }
    }
  }
  return { bundles, frames, batches, requests, verdicts, differences };
}

/** One bundle at work: a section. */
interface Run {
  readonly digest: string;
  readonly steps: Step[];
}

function runsOf(capture: Capture): Run[] {
  const { sections = [], interfaces, frames } = capture;
  if (sections.length === 0) throw notSaid("the recording does not say which bundle the shim ran");
  return sections.map(({ comment, firstInterface }, index) => {
    const digest = /\b[0-9a-f]{64}\b/.exec(comment)?.[0];
    if (digest === undefined) throw notSaid(`section ${index + 1} of the recording does not say which bundle the shim ran`);
    const end = sections[index + 1]?.firstInterface ?? interfaces.length;
    const packets = frames.flatMap((frame, at) =>
      frame.interface >= firstInterface && frame.interface < end
        ? [{ packet: at + 1, frame, port: frame.interface - firstInterface, isRequest: interfaces[frame.interface]!.linkType === LINKTYPE_MANAGEMENT }]
        : [],
    );
    return { digest, steps: stepsOf(packets) };
  });
}

/** The calls of the image, in order. */
function stepsOf(packets: readonly Packet[]): Step[] {
  const steps: Step[] = [];
  for (const { packet, frame, port, isRequest } of packets) {
    // An empty one says that the image was started anew, which it does here by itself.
    if (isRequest && frame.bytes.length === 0) continue;
    const { now, batch, said } = commentOf(frame, packet);
    if (isRequest) {
      steps.push({ now, batch: null, frames: [], request: frame.bytes });
      continue;
    }
    let step = steps.at(-1);
    if (step === undefined || step.request !== null || step.batch !== batch) {
      step = { now, batch, frames: [], request: null };
      steps.push(step);
    }
    step.frames.push({ packet, port, bytes: wholeFrame(frame), said });
  }
  return steps;
}

/** A frame that a slot had no room for is recorded as far as the slot had it; the image is told its real length. */
function wholeFrame({ bytes, wireLength }: CaptureFrame): Uint8Array {
  if (bytes.length >= wireLength) return bytes;
  const whole = new Uint8Array(wireLength);
  whole.set(bytes);
  return whole;
}

function commentOf({ comment = "" }: CaptureFrame, packet: number): Comment {
  const member = (name: string): string | null => new RegExp(`(?:^| )${name}=(\\S+)`).exec(comment)?.[1] ?? null;
  const now = member("now");
  if (now === null || !/^\d+$/.test(now)) {
    throw notSaid(`packet ${packet} of the recording has no comment of a shim`);
  }
  return { now: Number(now), batch: member("batch"), said: sayOf(member("verdict"), member("drop")) };
}

/** `drop` counts only with DROP. */
function sayOf(verdict: string | null, drop: string | null): string {
  return verdict === "DROP" ? `DROP ${drop}` : (verdict ?? LOST);
}

function notSaid(what: string): DobbsError {
  return new DobbsError("E_RECORDING", what, "Give a file that dobbs-shim --record wrote, as it wrote it.");
}
