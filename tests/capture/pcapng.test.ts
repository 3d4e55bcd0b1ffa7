import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCapture } from "../../host/capture/capture.ts";
import { PcapngWriter } from "../../host/capture/pcapng-write.ts";
import { anyFrame, block, enhancedPacket, interfaceBlock, join, section } from "./bytes.ts";

const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const NAME = Buffer.from("wire");

for (const littleEndian of [true, false]) {
  const order = littleEndian ? "little" : "big";

  test(`pcapng, ${order}-endian: interfaces with names, frames of each, unknown blocks passed over`, () => {
    const file = join(
      section(littleEndian),
      interfaceBlock(littleEndian, [[IF_NAME, NAME]]),
      interfaceBlock(littleEndian, [[IF_NAME, Buffer.from("host1")], [IF_TSRESOL, Uint8Array.of(9)]]),
      block(littleEndian, 0x0000_0bad, (b) => b.u32(1, 2, 3)),
      enhancedPacket(littleEndian, 1, 1_700_000_000_123_456_789n, anyFrame(61)),
      enhancedPacket(littleEndian, 0, 1_700_000_000_123_456n, anyFrame(60, 3), 1500),
    );
    const { interfaces, frames } = parseCapture(file, "a.pcapng");
    assert.deepEqual(interfaces.map(({ name }) => name), ["wire", "host1"]);
    assert.deepEqual(frames, [
      { interface: 1, timeNs: 1_700_000_000_123_456_789n, bytes: anyFrame(61), wireLength: 61 },
      { interface: 0, timeNs: 1_700_000_000_123_456_000n, bytes: anyFrame(60, 3), wireLength: 1500 },
    ]);
  });

  test(`pcapng, ${order}-endian: times in powers of two, with an offset`, () => {
    const offset = littleEndian ? [60, 0, 0, 0, 0, 0, 0, 0] : [0, 0, 0, 0, 0, 0, 0, 60];
    const options = [[IF_TSRESOL, Uint8Array.of(0x80 | 10)], [IF_TSOFFSET, Uint8Array.from(offset)]] as const;
    const file = join(section(littleEndian), interfaceBlock(littleEndian, options), enhancedPacket(littleEndian, 0, 1536n, anyFrame(60)));
    assert.equal(parseCapture(file, "a.pcapng").frames[0]!.timeNs, 61_500_000_000n);
  });

  test(`pcapng, ${order}-endian: simple and obsolete packet blocks`, () => {
    const file = join(
      section(littleEndian),
      interfaceBlock(littleEndian, [], { snapLength: 64 }),
      block(littleEndian, 3, (b) => b.u32(100).raw(anyFrame(64))),
      block(littleEndian, 2, (b) => b.u16(0, 7).u32(0, 5, 60, 60).raw(anyFrame(60))),
    );
    assert.deepEqual(parseCapture(file, "a.pcapng").frames, [
      { interface: 0, timeNs: 0n, bytes: anyFrame(64), wireLength: 100 },
      { interface: 0, timeNs: 5_000n, bytes: anyFrame(60), wireLength: 60 },
    ]);
  });
}

test("sections of different byte order, one behind the other: interfaces are numbered on", () => {
  const part = (littleEndian: boolean, first: number): Uint8Array =>
    join(section(littleEndian), interfaceBlock(littleEndian), enhancedPacket(littleEndian, 0, 1n, anyFrame(60, first)));
  const { interfaces, frames } = parseCapture(join(part(true, 1), part(false, 2)), "a.pcapng");
  assert.equal(interfaces.length, 2);
  assert.deepEqual(frames.map((frame) => [frame.interface, frame.bytes[0]]), [[0, 1], [1, 2]]);
});

test("pcapng cut off anywhere but between blocks is E_CAPTURE_CUT_OFF", () => {
  const parts = [section(true), interfaceBlock(true, [[IF_NAME, NAME]]), enhancedPacket(true, 0, 1n, anyFrame(60))];
  const whole = join(...parts);
  const ends = new Set([parts[0]!.length, parts[0]!.length + parts[1]!.length]);
  for (let length = 4; length < whole.length; length++) {
    const parse = (): unknown => parseCapture(whole.subarray(0, length), "cut.pcapng");
    if (ends.has(length)) assert.doesNotThrow(parse, `${length} bytes`);
    else assert.throws(parse, { code: "E_CAPTURE_CUT_OFF", exitStatus: 2 }, `${length} bytes`);
  }
});

const DAMAGED: Record<string, Uint8Array> = {
  "no byte-order magic": block(true, 0x0a0d0d0a, (b) => b.u32(0x12345678).u16(1, 0).u32(0, 0)),
  "an unknown version": block(true, 0x0a0d0d0a, (b) => b.u32(0x1a2b3c4d).u16(2, 0).u32(0, 0)),
  "a block of length 8": join(section(true), Uint8Array.of(1, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0)),
  "two lengths that differ": join(section(true), interfaceBlock(true).map((byte, i) => (i === 16 ? byte ^ 4 : byte))),
  "a frame of no interface": join(section(true), enhancedPacket(true, 0, 1n, anyFrame(60))),
  "a frame longer than its block": join(
    section(true),
    interfaceBlock(true),
    block(true, 6, (b) => b.u32(0, 0, 0, 64, 64).raw(anyFrame(60))),
  ),
  "an option longer than its block": join(section(true), block(true, 1, (b) => b.u16(1, 0).u32(0).u16(2, 400).u32(0))),
};
for (const [what, file] of Object.entries(DAMAGED)) {
  test(`pcapng with ${what} is E_CAPTURE_FORMAT`, () => {
    assert.throws(() => parseCapture(file, "bad.pcapng"), { code: "E_CAPTURE_FORMAT", exitStatus: 2, message: /^bad\.pcapng/ });
  });
}

test("an interface that is not Ethernet is E_CAPTURE_LINKTYPE", () => {
  const file = join(section(true), interfaceBlock(true, [], { linkType: 101 }));
  assert.throws(() => parseCapture(file, "tun.pcapng"), { code: "E_CAPTURE_LINKTYPE", exitStatus: 2 });
});

test("what the writer writes is what the reader reads", () => {
  const parts: Uint8Array[] = [];
  const writer = new PcapngWriter((part) => parts.push(part));
  assert.equal(writer.addInterface("wire"), 0);
  writer.addFrame(0, 1_700_000_000_123_456_789n, anyFrame(60));
  assert.equal(writer.addInterface("host1"), 1);
  writer.addFrame(1, 1_700_000_000_123_456_790n, anyFrame(1515));
  const { interfaces, frames } = parseCapture(join(...parts), "out.pcapng");
  assert.deepEqual(interfaces.map(({ name }) => name), ["wire", "host1"]);
  assert.deepEqual(frames, [
    { interface: 0, timeNs: 1_700_000_000_123_456_789n, bytes: anyFrame(60), wireLength: 60 },
    { interface: 1, timeNs: 1_700_000_000_123_456_790n, bytes: anyFrame(1515), wireLength: 1515 },
  ]);
});

test("the writer's bytes, block by block", () => {
  const parts: Uint8Array[] = [];
  const writer = new PcapngWriter((part) => parts.push(part), "x");
  writer.addInterface("wire");
  writer.addFrame(0, 0x1_0000_0002n, Uint8Array.of(1, 2, 3, 4, 5));
  const hex = parts.map((part) => Buffer.from(part).toString("hex"));
  assert.deepEqual(hex, [
    "0a0d0d0a" + "28000000" + "4d3c2b1a" + "01000000" + "ffffffffffffffff" + "04000100" + "78000000" + "00000000" + "28000000",
    "01000000" + "28000000" + "01000000" + "00000000" + "02000400" + "77697265" + "09000100" + "09000000" + "00000000" + "28000000",
    "06000000" + "28000000" + "00000000" + "01000000" + "02000000" + "05000000" + "05000000" + "0102030405000000" + "28000000",
  ]);
});

test("a frame of an interface that was not added is a programming error", () => {
  const writer = new PcapngWriter(() => {});
  assert.throws(() => writer.addFrame(0, 0n, anyFrame(60)), RangeError);
});
