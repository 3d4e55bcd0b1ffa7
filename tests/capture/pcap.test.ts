import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCapture } from "../../host/capture/capture.ts";
import { anyFrame, pcap } from "./bytes.ts";

const FRAMES = [
  { seconds: 1_700_000_000, fraction: 123_456, bytes: anyFrame(60) },
  { seconds: 1_700_000_001, fraction: 7, bytes: anyFrame(61, 9), wireLength: 1514 },
];

for (const littleEndian of [true, false]) {
  for (const nanoseconds of [true, false]) {
    test(`pcap, ${littleEndian ? "little" : "big"}-endian, ${nanoseconds ? "ns" : "µs"}: frames, lengths and times`, () => {
      const { interfaces, frames } = parseCapture(pcap(FRAMES, { littleEndian, nanoseconds }), "a.pcap");
      const unit = nanoseconds ? 1n : 1000n;
      assert.deepEqual(interfaces, [{ name: "" }]);
      assert.deepEqual(frames, [
        { interface: 0, timeNs: 1_700_000_000_000_000_000n + 123_456n * unit, bytes: FRAMES[0]!.bytes, wireLength: 60 },
        { interface: 0, timeNs: 1_700_000_001_000_000_000n + 7n * unit, bytes: FRAMES[1]!.bytes, wireLength: 1514 },
      ]);
    });
  }
}

test("pcap without frames is a capture of none", () => {
  assert.deepEqual(parseCapture(pcap([]), "a.pcap").frames, []);
});

test("pcap cut off anywhere but between frames is E_CAPTURE_CUT_OFF", () => {
  const whole = pcap(FRAMES);
  const ends = new Set([24, 24 + 16 + 60, whole.length]);
  for (let length = 4; length < whole.length; length++) {
    const parse = (): unknown => parseCapture(whole.subarray(0, length), "cut.pcap");
    if (ends.has(length)) assert.doesNotThrow(parse, `${length} bytes`);
    else assert.throws(parse, { code: "E_CAPTURE_CUT_OFF", exitStatus: 2, message: /^cut\.pcap is cut off/ }, `${length} bytes`);
  }
});

test("what is no capture is E_CAPTURE_FORMAT", () => {
  const texts = ["", "\n\r\r", "hello, this is no capture at all"];
  for (const text of texts) {
    assert.throws(() => parseCapture(Buffer.from(text), "a.txt"), { code: "E_CAPTURE_FORMAT", exitStatus: 2 }, text);
  }
});

test("a frame longer than any link's is E_CAPTURE_FORMAT, not a reason to allocate it", () => {
  const file = pcap([{ seconds: 0, fraction: 0, bytes: anyFrame(60) }]);
  new DataView(file.buffer).setUint32(24 + 8, 0x7fff_ffff, true);
  assert.throws(() => parseCapture(file, "a.pcap"), { code: "E_CAPTURE_FORMAT", message: /at byte 24/ });
});

test("a link other than Ethernet is E_CAPTURE_LINKTYPE", () => {
  assert.throws(() => parseCapture(pcap(FRAMES, { linkType: 113 }), "any.pcap"), { code: "E_CAPTURE_LINKTYPE", exitStatus: 2 });
});
