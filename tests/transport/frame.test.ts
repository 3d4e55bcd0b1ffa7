import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readFileSync } from "node:fs";
import { packagePath } from "../../host/paths.ts";
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, type Frame, type FrameLimits, FrameReader } from "../../host/transport/frame.ts";
import { randomOf, text } from "./support.ts";
import { isValidNext, mutated } from "./mutation.ts";

const KIND = FRAME_KIND.PEER;
const LIMITS: FrameLimits = { kinds: [KIND], maxPayload: 1000 };

/** Feeds `bytes` in pieces of `size`. */
function read(bytes: Uint8Array, size = bytes.length, limits = LIMITS) {
  const reader = new FrameReader(limits);
  const frames: Frame[] = [];
  let code: string | null = null;
  for (let at = 0; at < bytes.length; at += size) {
    code = reader.feed(bytes.subarray(at, at + size), (frame) => (frames.push(frame), true))?.code ?? null;
  }
  return { reader, frames, code };
}

/** A frame with some bytes of its header overwritten, and its checksum left as it is, or made anew by `kind`. */
function patched(at: number, ...bytes: readonly number[]): Uint8Array {
  const frame = Buffer.from(encodeFrame(KIND, 1, text("payload")));
  frame.set(bytes, at);
  return frame;
}

describe("a frame", () => {
  test("has the bytes that the protocol says", () => {
    const expected = "bbd0" + "01" + "10" + "01000000" + "09000000";
    const bytes = Buffer.from(encodeFrame(KIND, 1, text("123456789")));
    assert.equal(bytes.subarray(0, 12).toString("hex"), expected);
    assert.equal(bytes.subarray(FRAME_HEADER_BYTES).toString(), "123456789");
  });

  test("comes whole, in whatever pieces its bytes come", () => {
    const payloads = ["", "a", "b".repeat(999), "c".repeat(1000)].map(text);
    const bytes = Buffer.concat(payloads.map((payload, index) => encodeFrame(KIND, index + 1, payload)));
    for (const size of [1, 2, 15, 16, 17, 500, bytes.length]) {
      const { frames, code, reader } = read(bytes, size);
      assert.equal(code, null);
      assert.deepEqual(
        frames.map(({ payload }) => Buffer.from(payload).toString()),
        payloads.map((payload) => Buffer.from(payload).toString()),
      );
      assert.equal(reader.begun, false);
    }
  });

  test("larger than what room is first made for is put together", () => {
    const payload = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index & 0xff));
    const limits = { kinds: [KIND], maxPayload: 300_000 };
    for (const size of [4096, 65_536, 400_000]) {
      const { frames } = read(Buffer.from(encodeFrame(KIND, 1, payload)), size, limits);
      assert.ok(payload.equals(frames[0]!.payload));
    }
  });

  test("that has begun is known to have, and one that has ended not", () => {
    const bytes = encodeFrame(KIND, 1, text("abc"));
    const { reader } = read(bytes.subarray(0, bytes.length - 1));
    assert.equal(reader.begun, true);
    reader.feed(bytes.subarray(-1), () => true);
    assert.equal(reader.begun, false);
  });
});

describe("a frame is refused", () => {
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ["for its magic", patched(0, 0xba), "E_LINK_MAGIC"],
    ["for its version", patched(2, 2), "E_LINK_VERSION"],
    ["for a length that is not taken", patched(8, 0xe9, 0x03), "E_LINK_LENGTH"],
    ["for its checksum", patched(12, 1, 2, 3, 4), "E_LINK_CHECKSUM"],
    ["for a payload that was changed", patched(16, 0), "E_LINK_CHECKSUM"],
    ["for a kind that was changed on its way", patched(3, 17), "E_LINK_CHECKSUM"],
    ["for its sequence: left out", encodeFrame(KIND, 2, text("x")), "E_LINK_SEQUENCE"],
    ["for its sequence: from another time", encodeFrame(KIND, 0, text("x")), "E_LINK_SEQUENCE"],
    ["for its kind", encodeFrame(17, 1, text("x")), "E_LINK_KIND"],
    ["for its magic before its version", patched(0, 0, 0, 9), "E_LINK_MAGIC"],
    ["for its version before its length", patched(2, 9, KIND, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), "E_LINK_VERSION"],
    ["for its checksum before its sequence", patched(4, 9), "E_LINK_CHECKSUM"],
    ["for its sequence before its kind", encodeFrame(17, 2, text("x")), "E_LINK_SEQUENCE"],
  ];
  for (const [what, bytes, code] of cases) {
    test(what, () => {
      for (const size of [1, bytes.length]) {
        const got = read(bytes, size);
        assert.equal(got.code, code);
        assert.deepEqual(got.frames, []);
      }
    });
  }

  test("for its length before its payload has come", () => {
    const header = patched(8, 0xe9, 0x03).subarray(0, FRAME_HEADER_BYTES);
    assert.equal(read(header).code, "E_LINK_LENGTH");
  });

  test("when it comes a second time", () => {
    const frame = encodeFrame(KIND, 1, text("once"));
    const { frames, code } = read(Buffer.concat([frame, frame]));
    assert.equal(code, "E_LINK_SEQUENCE");
    assert.equal(frames.length, 1);
  });

  test("and nothing is taken after that", () => {
    const bytes = Buffer.concat([encodeFrame(17, 1, text("x")), encodeFrame(KIND, 1, text("y"))]);
    const { frames, code } = read(bytes);
    assert.equal(code, "E_LINK_KIND");
    assert.equal(frames.length, 0);
  });
});

/** The shim is held against the same file. */
const vectors = JSON.parse(readFileSync(packagePath("tests", "vectors", "link-frames.json"), "utf8")) as {
  frames: { name: string; kind: number; sequence: number; payload: string; frame: string }[];
  refused: { name: string; code: string; frame: string }[];
};

describe("the frames that shim and host share", () => {
  const SHIM = { kinds: [1, 2, 3, 4], maxPayload: 128 * 1024 };

  test("are encoded alike", () => {
    for (const { name, kind, sequence, payload, frame } of vectors.frames) {
      assert.equal(Buffer.from(encodeFrame(kind, sequence, Buffer.from(payload, "hex"))).toString("hex"), frame, name);
    }
  });

  test("are decoded alike", () => {
    const limits = { kinds: vectors.frames.map(({ kind }) => kind), maxPayload: 1000 };
    for (const { name, sequence, kind, payload, frame } of vectors.frames) {
      // A frame is due after those before it.
      if (sequence > vectors.frames.length) continue;
      const before = Array.from({ length: sequence - 1 }, (_, index) => encodeFrame(1, index + 1, text("")));
      const { frames, code } = read(Buffer.concat([...before, Buffer.from(frame, "hex")]), undefined, limits);
      assert.equal(code, null, name);
      const last = frames.at(-1)!;
      assert.deepEqual([last.kind, Buffer.from(last.payload).toString("hex")], [kind, payload], name);
    }
  });

  for (const { name, code, frame } of vectors.refused) {
    test(`are refused alike: ${name}`, () => {
      const got = read(Buffer.from(frame, "hex"), undefined, SHIM);
      assert.equal(got.code, code);
      assert.equal(got.frames.length, 0);
    });
  }
});

test("a reader stops in the middle of a chunk when it is told to", () => {
  const reader = new FrameReader(LIMITS);
  const frames: Frame[] = [];
  reader.feed(Buffer.concat([1, 2, 3].map((n) => encodeFrame(KIND, n, text("x")))), (frame) => {
    frames.push(frame);
    return frames.length < 2;
  });
  assert.equal(frames.length, 2);
});

test("100,000 mutated frames in pieces of any size: no reader takes one", () => {
  const seed = 3;
  const random = randomOf(seed);
  for (let round = 0; round < 100_000; round++) {
    const good = encodeFrame(KIND, 1, Buffer.alloc(random(60), random(256)));
    const bad = mutated(good, 1, random);
    const { frames } = read(bad, 1 + random(bad.length));
    assert.equal(frames.length, 0, `seed ${seed}, round ${round}: ${Buffer.from(bad).toString("hex")}`);
    assert.equal(isValidNext(bad, good), false);
  }
});
