/**
 * A shim's recording (`dobbs-shim --record`): every frame that came in, in its batch, with the verdict that it got, and
 * every management message where it came in between. Run again, the same image gives the same verdicts.
 *
 * pcapng; interface n is port n, and the last interface, "management", has the requests. Comments say the rest:
 * `now=<ms> batch=<n> verdict=<name> drop=<name>` of a frame, `now=<ms>` of a request, and the bundle's digest of a section.
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
  readonly frames: number;
  readonly batches: number;
  readonly requests: number;
  readonly verdicts: Tally;
  /** Frames whose verdict, or reason to be dropped, is not the recorded one. */
  readonly differences: readonly Difference[];
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

/** Digest, in hex, of the bundle that the shim ran. Throws E_RECORDING when it ran none, or several one after the other. */
export function bundleDigestOf({ comments = [] }: Capture): string {
  const digests = new Set(comments.flatMap((comment) => /\b[0-9a-f]{64}\b/.exec(comment) ?? []));
  const [digest] = digests;
  if (digest !== undefined && digests.size === 1) return digest;
  const what = digest === undefined ? "does not say which bundle the shim ran" : "is of several bundles";
  throw new DobbsError("E_RECORDING", `the recording ${what}`, "Record one bundle at a time: dobbs-shim --record <file>.");
}

/** `firmware` is freshly loaded. Throws E_RECORDING when a comment is not a shim's. */
export function replayRecording(firmware: Firmware, capture: Capture): RecordingResult {
  const verdicts: Tally = {};
  const differences: Difference[] = [];
  const steps = stepsOf(capture);
  for (const step of steps) {
    if (step.request) {
      firmware.manage(step.request, step.now);
      continue;
    }
    const result = firmware.process(step.frames, step.now);
    for (const [index, { packet, said }] of step.frames.entries()) {
      const { verdict, drop } = result.verdicts[index]!;
      verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      const replayed = sayOf(verdict, drop);
      if (replayed !== said) differences.push({ packet, recorded: said, replayed });
    }
  }
  const requests = steps.filter(({ request }) => request !== null).length;
  const frames = steps.reduce((sum, step) => sum + step.frames.length, 0);
  return { frames, batches: steps.length - requests, requests, verdicts, differences };
}

/** The calls of the image, in order. */
function stepsOf({ interfaces, frames }: Capture): Step[] {
  const management = interfaces.findIndex(({ linkType }) => linkType === LINKTYPE_MANAGEMENT);
  const steps: Step[] = [];
  for (const [index, frame] of frames.entries()) {
    const packet = index + 1;
    // An empty one says that the image was started anew, which it does here by itself.
    if (frame.interface === management && frame.bytes.length === 0) continue;
    const { now, batch, said } = commentOf(frame, packet);
    if (frame.interface === management) {
      steps.push({ now, batch: null, frames: [], request: frame.bytes });
      continue;
    }
    let step = steps.at(-1);
    if (step === undefined || step.request !== null || step.batch !== batch) {
      step = { now, batch, frames: [], request: null };
      steps.push(step);
    }
    step.frames.push({ packet, port: frame.interface, bytes: wholeFrame(frame), said });
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
    throw new DobbsError(
      "E_RECORDING",
      `packet ${packet} of the recording has no comment of a shim`,
      "Give a file that dobbs-shim --record wrote, as it wrote it.",
    );
  }
  return { now: Number(now), batch: member("batch"), said: sayOf(member("verdict"), member("drop")) };
}

/** `drop` counts only with DROP. */
function sayOf(verdict: string | null, drop: string | null): string {
  return verdict === "DROP" ? `DROP ${drop}` : (verdict ?? LOST);
}
