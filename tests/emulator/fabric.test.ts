import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { Fabric } from "../../host/emulator/fabric.ts";
import { FrameDigest } from "../../host/emulator/frame-digest.ts";
import { Random } from "../../host/emulator/random.ts";

const TIMING = { latencyUs: 100, jitterUs: 50, loss: 0 };

function lab(seed = "fabric") {
  const clock = new VirtualClock();
  return { clock, fabric: new Fabric(clock, new Random(seed)) };
}

test("frames keep their order on a wire, and take its latency and at most its jitter longer", () => {
  const { clock, fabric } = lab();
  const wire = fabric.wire("w", TIMING);
  const arrived: { number: number; at: number }[] = [];
  wire.plug(1, (frame) => arrived.push({ number: frame[0]!, at: clock.now }));
  // Sent faster than the jitter: without the rule some would overtake others.
  for (let number = 0; number < 200; number++) clock.at(number * 3, () => wire.send(0, Uint8Array.of(number)));
  clock.runUntil(10_000);
  assert.deepEqual(arrived.map(({ number }) => number), Array.from({ length: 200 }, (_, number) => number));
  const travel = arrived.map(({ number, at }) => at - number * 3);
  assert.ok(Math.min(...travel) >= TIMING.latencyUs);
  assert.ok(Math.max(...travel) <= TIMING.latencyUs + TIMING.jitterUs);
  assert.ok(new Set(travel).size > 10, "there is no jitter");
});

test("a wire loses the share of frames that it is made to lose, after the taps have seen them", () => {
  const { clock, fabric } = lab();
  const wire = fabric.wire("w", { ...TIMING, loss: 0.1 });
  let [tapped, arrived] = [0, 0];
  fabric.tap(() => tapped++);
  wire.plug(1, () => arrived++);
  for (let number = 0; number < 5_000; number++) wire.send(0, Uint8Array.of(1));
  clock.runUntil(1_000);
  assert.equal(tapped, 5_000);
  assert.ok(arrived > 4_400 && arrived < 4_600, `${arrived} of 5,000 arrived`);
});

test("each direction goes to the other end, and taps see both", () => {
  const { clock, fabric } = lab();
  const wire = fabric.wire("w", TIMING);
  const seen: string[] = [];
  wire.plug(0, (frame) => seen.push(`0 got ${frame[0]}`));
  wire.plug(1, (frame) => seen.push(`1 got ${frame[0]}`));
  fabric.tap((timeUs, tapped, from, frame) => seen.push(`tap ${timeUs} ${tapped.name} ${from} ${frame[0]}`));
  wire.send(0, Uint8Array.of(7));
  clock.runUntil(1_000);
  wire.send(1, Uint8Array.of(8));
  clock.runUntil(2_000);
  assert.deepEqual(seen, ["tap 0 w 0 7", "1 got 7", "tap 1000 w 1 8", "0 got 8"]);
});

test("an end has one thing plugged in, and a name one wire", () => {
  const { fabric } = lab();
  const wire = fabric.wire("w", TIMING);
  wire.plug(0, () => undefined);
  assert.throws(() => wire.plug(0, () => undefined), /w has something plugged in at its end 0/);
  assert.throws(() => fabric.wire("w", TIMING), /two wires called w/);
});

test("the digest depends on every time, wire, direction and byte, and on nothing else", () => {
  const { fabric } = lab();
  const [a, b] = [fabric.wire("a", TIMING), fabric.wire("b", TIMING)];
  const digest = (...frames: Parameters<FrameDigest["add"]>[]): string => {
    const digest = new FrameDigest();
    for (const frame of frames) digest.add(...frame);
    return digest.finish();
  };
  // More than is gathered before it is hashed.
  const large = Array.from({ length: 100 }, (_, i): Parameters<FrameDigest["add"]> => [i, a, 0, new Uint8Array(1_500).fill(i)]);
  const base: Parameters<FrameDigest["add"]> = [5, a, 0, Uint8Array.of(1, 2)];
  assert.equal(digest(...large, base), digest(...large, base));
  const others: Parameters<FrameDigest["add"]>[] = [
    [6, a, 0, Uint8Array.of(1, 2)],
    [5, b, 0, Uint8Array.of(1, 2)],
    [5, a, 1, Uint8Array.of(1, 2)],
    [5, a, 0, Uint8Array.of(1, 3)],
    [5, a, 0, Uint8Array.of(1, 2, 0)],
  ];
  const digests = [base, ...others].map((frame) => digest(...large, frame));
  assert.equal(new Set(digests).size, digests.length);
});
