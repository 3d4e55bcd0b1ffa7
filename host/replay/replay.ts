/** Runs every frame of a capture through an image that is in service, and writes down what comes out. */
import type { Capture, CaptureFrame } from "../capture/capture.ts";
import type { PcapngWriter } from "../capture/pcapng-write.ts";
import { type Firmware, LOST } from "../engine/firmware.ts";
import { DobbsError } from "../errors.ts";

/** Names of verdicts or drop reasons, in the image's own order, with the number of frames. */
export type Tally = Record<string, number>;

export interface ReplayResult {
  readonly framesIn: number;
  readonly framesOut: number;
  /** Of those in: not captured in full, so the image has seen less than was on the wire. */
  readonly framesCut: number;
  /** Of those in: lost because the image trapped on them. Their verdict is LOST. */
  readonly framesLost: number;
  /** Every verdict that the image knows, and LOST if there were any; they add up to `framesIn`. */
  readonly verdicts: Tally;
  /** Reasons that occurred; they add up to `verdicts.DROP`. */
  readonly drops: Tally;
  /** Frames in and out by port. */
  readonly ports: readonly { readonly name: string; readonly in: number; readonly out: number }[];
}

export interface ReplayOptions {
  readonly firmware: Firmware;
  readonly capture: Capture;
  /** Names of the image's ports, by number. */
  readonly portNames: readonly string[];
  /** The port that a frame comes in by. */
  readonly ingress: (frame: CaptureFrame) => number;
  readonly output: PcapngWriter;
}

const DROP = "DROP";
const NS_PER_MS = 1_000_000n;
const UINT32_MASK = 0xffff_ffffn;

/** Time in ms, as an image takes it. */
export function imageTime(timeNs: bigint): number {
  return Number((timeNs / NS_PER_MS) & UINT32_MASK);
}

/** Interface n of the output is port n; a frame that leaves has the time of the one that caused it. */
export function replay({ firmware, capture, portNames, ingress, output }: ReplayOptions): ReplayResult {
  const verdicts: Tally = Object.fromEntries(firmware.layout.names("Verdict").map((name) => [name, 0]));
  const drops: Tally = {};
  const ports = portNames.map((name) => ({ name, in: 0, out: 0 }));
  for (const { name } of ports) output.addInterface(name);

  // Captures of several interfaces may be slightly out of order; an image's time never goes back.
  let timeNs = 0n;
  for (const frame of capture.frames) {
    if (frame.timeNs > timeNs) timeNs = frame.timeNs;
    const port = ingress(frame);
    const result = firmware.process([{ port, bytes: frame.bytes }], imageTime(timeNs));
    const { verdict, drop } = result.verdicts[0]!;
    count(verdicts, verdict);
    if (verdict === DROP) count(drops, drop);
    if (ports[port]) ports[port].in++;
    for (const out of result.outputs) {
      output.addFrame(out.port, timeNs, out.bytes);
      ports[out.port]!.out++;
    }
  }
  checkCounters(firmware, verdicts, drops);
  return {
    framesIn: capture.frames.length,
    framesOut: ports.reduce((sum, port) => sum + port.out, 0),
    framesLost: firmware.framesLost,
    framesCut: capture.frames.filter(({ bytes, wireLength }) => bytes.length < wireLength).length,
    verdicts,
    drops,
    ports,
  };
}

/** What the image counted by itself must be what it said of each frame. Throws E_COUNTERS. */
function checkCounters(firmware: Firmware, verdicts: Tally, drops: Tally): void {
  const counted = firmware.counters();
  for (const [kind, said] of [["verdicts", verdicts], ["drops", drops]] as const) {
    for (const [name, frames] of Object.entries(said)) {
      if (name === LOST || counted[kind][name] === frames) continue;
      const message = `the image said ${name} of ${frames} frames, and counted ${counted[kind][name]}`;
      throw new DobbsError("E_COUNTERS", message, "Report this with the capture: it is a fault in the firmware.", 1);
    }
  }
}

function count(tally: Tally, name: string): void {
  tally[name] = (tally[name] ?? 0) + 1;
}
