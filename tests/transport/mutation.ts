/** Frames that are not the next one of a link: what a broken or hostile sender may send. */
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from "../../host/transport/frame.ts";

type Random = (below: number) => number;

/** `frame` has the sequence `sequence`, and is the one that is due. What comes back is not. */
export function mutated(frame: Uint8Array, sequence: number, random: Random): Uint8Array {
  for (;;) {
    const bad = MUTATIONS[random(MUTATIONS.length)]!(frame, sequence, random);
    if (!isValidNext(bad, frame)) return bad;
  }
}

/** A reader would take `frame` out of `bytes`. */
export function isValidNext(bytes: Uint8Array, frame: Uint8Array): boolean {
  return bytes.length >= frame.length && Buffer.compare(bytes.subarray(0, frame.length), frame) === 0;
}

const MUTATIONS: readonly ((frame: Uint8Array, sequence: number, random: Random) => Uint8Array)[] = [
  // Changed on its way.
  (frame, _, random) => {
    const bytes = Uint8Array.from(frame);
    for (let flips = 1 + random(8); flips > 0; flips--) {
      const at = random(bytes.length);
      bytes[at] = bytes[at]! ^ (1 << random(8));
    }
    return bytes;
  },
  // Cut off.
  (frame, _, random) => frame.slice(0, random(frame.length)),
  // With bytes put in.
  (frame, _, random) => {
    const at = random(frame.length);
    const more = Uint8Array.from({ length: 1 + random(20) }, () => random(256));
    return Buffer.concat([frame.subarray(0, at), more, frame.subarray(at)]);
  },
  // Replayed, reordered, from elsewhere: well formed, but not the one that is due.
  (frame, sequence, random) => {
    const wrong = [sequence - 1, sequence + 1, sequence + 2, 0, 2 ** 32 - 1, random(2 ** 32)][random(6)]! >>> 0;
    return encodeFrame(frame[3]!, wrong, frame.subarray(FRAME_HEADER_BYTES));
  },
  // Of a kind that is not taken.
  (frame, sequence, random) => encodeFrame(17 + random(200), sequence, frame.subarray(FRAME_HEADER_BYTES)),
  (frame, sequence) => encodeFrame(FRAME_KIND.FLASH, sequence, frame.subarray(FRAME_HEADER_BYTES)),
  // Longer than anybody would take, or than it is.
  (frame, _, random) => {
    const bytes = Buffer.from(frame);
    bytes.writeUInt32LE([0xffff_ffff, 0x7fff_ffff, 65_537, bytes.length, random(2 ** 32)][random(5)]!, 8);
    return bytes;
  },
  // Something else altogether.
  (_, __, random) => Uint8Array.from({ length: random(120) }, () => random(256)),
];
