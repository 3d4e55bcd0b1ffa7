/** Frames and messages in and out of an image that does with a frame what the frame says (`fixtures/echo.wat`). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Firmware, type Frame } from "../../host/engine/firmware.ts";
import { ENGINES, openEngine } from "../../host/engine/open.ts";
import { fixture, FRAME_BYTES, image, SLOTS } from "./image.ts";

const DELIVER = 1;
const DROP = 0;
const OVERSIZE = 1;
const TRAP = 0xee;

function frame(verdict: number, { drop = 0, leaves = 0, rewrite = false, length = 20, mark = 0 } = {}): Frame {
  const bytes = new Uint8Array(length).fill(mark);
  bytes.set([verdict, drop, leaves, Number(rewrite)]);
  return { port: 3, bytes };
}

const echo = image({ process: fixture("echo") });

for (const name of ENGINES) {
  const load = (): Firmware => Firmware.load(openEngine(name), echo);

  test(`${name}: verdicts and drop reasons have names`, () => {
    const { verdicts, outputs } = load().process([frame(DROP, { drop: OVERSIZE }), frame(DELIVER), frame(200)], 1);
    assert.deepEqual(verdicts, [
      { verdict: "DROP", drop: "OVERSIZE" },
      { verdict: "DELIVER", drop: "NONE" },
      { verdict: "Verdict 200", drop: "NONE" },
    ]);
    assert.deepEqual(outputs, []);
  });

  test(`${name}: a frame leaves as it is, or with another header, as often as it is told`, () => {
    const plain = frame(DELIVER, { leaves: 2, mark: 7 });
    const rewritten = frame(DELIVER, { leaves: 1, rewrite: true, mark: 9 });
    const { outputs } = load().process([frame(DROP), plain, rewritten], 1);
    const header = [...Array<number>(6).fill(0xdd), ...Array<number>(6).fill(0x55)];
    assert.deepEqual(outputs, [
      { slot: 1, port: 0, bytes: plain.bytes },
      { slot: 1, port: 1, bytes: plain.bytes },
      { slot: 2, port: 0, bytes: Uint8Array.from([...header, ...Array<number>(8).fill(9)]) },
    ]);
    assert.deepEqual([...rewritten.bytes.subarray(0, 5)], [DELIVER, 0, 1, 1, 9], "what was handed in stays as it was");
  });

  test(`${name}: more frames than slots go in several batches, and keep their numbers`, () => {
    const frames = Array.from({ length: 2 * SLOTS + 3 }, (_, mark) => frame(DELIVER, { leaves: mark % 2, mark }));
    const { verdicts, outputs } = load().process(frames, 1);
    assert.equal(verdicts.length, frames.length);
    assert.deepEqual(outputs.map(({ slot, bytes }) => [slot, bytes[10]]), [1, 3, 5, 7, 9].map((mark) => [mark, mark]));
  });

  test(`${name}: a batch that traps is lost, and the next one is not`, () => {
    const firmware = load();
    const frames = Array.from({ length: SLOTS + 2 }, (_, index) => frame(index === 1 ? TRAP : DELIVER, { leaves: 1 }));
    const { verdicts, outputs } = firmware.process(frames, 1);
    assert.deepEqual(verdicts.map(({ verdict }) => verdict), ["LOST", "LOST", "LOST", "LOST", "DELIVER", "DELIVER"]);
    assert.deepEqual(outputs.map(({ slot }) => slot), [SLOTS, SLOTS + 1]);
    assert.deepEqual([firmware.framesLost, firmware.restarts], [SLOTS, 1]);
  });

  test(`${name}: a frame longer than a slot is cut, and its length is told`, () => {
    const firmware = load();
    const { address } = firmware.layout.region("SLOT");
    const told = (length: number): number => {
      firmware.process([frame(DROP, { length })], 1);
      return firmware.layout.struct("Slot").get(firmware.instance.memory(), address, "length");
    };
    const beyond = firmware.layout.region("FRAME").address + FRAME_BYTES;
    assert.equal(told(FRAME_BYTES), FRAME_BYTES);
    assert.equal(told(FRAME_BYTES + 100), FRAME_BYTES + 100);
    assert.equal(told(100_000), 65_535);
    assert.equal(firmware.instance.memory()[beyond], 0);
  });

  test(`${name}: an empty batch is no call`, () => {
    assert.deepEqual(load().process([], 1), { outputs: [], verdicts: [] });
  });

  test(`${name}: a message is answered, and null when the image traps on it`, () => {
    const firmware = load();
    assert.equal(firmware.manage(Uint8Array.of(1), 1)?.length, 32);
    assert.equal(firmware.manage(Uint8Array.of(TRAP), 1), null);
    assert.equal(firmware.manage(new Uint8Array(1000), 1)?.length, 32, "longer than the inbox");
    assert.deepEqual(firmware.counters(), {
      verdicts: { DROP: 0, DELIVER: 0 },
      drops: { NONE: 0, OVERSIZE: 0, BAD_ETHERNET: 0 },
      events: { FRAME_IN: 0, MESSAGE_IN: 2 },
    });
  });
}
