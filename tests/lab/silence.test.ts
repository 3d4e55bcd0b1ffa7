import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaptureFrame } from "../../host/capture/capture.ts";
import { VIP } from "../../host/lab/addresses.ts";
import type { SessionResult } from "../../host/lab/sessions.ts";
import { countSilences } from "../../host/lab/silence.ts";
import { ipToBytes } from "../../host/model/address.ts";

const CLIENT = "10.77.1.4";
const PORT = 40_000;

function segment(atMs: number, { fromVip = false, port = PORT, client = CLIENT } = {}): CaptureFrame {
  const bytes = new Uint8Array(54);
  bytes[14] = 0x45;
  const [source, destination] = fromVip ? [VIP, client] : [client, VIP];
  bytes.set(ipToBytes(source), 26);
  bytes.set(ipToBytes(destination), 30);
  const view = new DataView(bytes.buffer);
  view.setUint16(34, fromVip ? 80 : port);
  view.setUint16(36, fromVip ? port : 80);
  return { interface: 0, timeNs: BigInt(atMs) * 1_000_000n, bytes, wireLength: bytes.length };
}

function idle(id: number, silence?: { from: number; until: number }): SessionResult {
  return { id, outcome: "ok", detail: "", clientPort: PORT + id, connectedAt: 900, endedAt: 9_000, blade: "a", ...(silence && { silence }) };
}

const count = (frames: readonly CaptureFrame[], ...results: readonly SessionResult[]) => countSilences(frames, () => CLIENT, results);

test("segments of an idle session's exchanges are none of its silence; its last acknowledgement may come late", () => {
  const exchanges = [segment(900), segment(1_000, { fromVip: true }), segment(1_200), segment(8_000), segment(8_010, { fromVip: true })];
  assert.deepEqual(count(exchanges, idle(0, { from: 1_000, until: 8_000 })), { sessions: 1, shortestMs: 6_500, segments: 0 });
});

test("a probe of either end, a repeated segment, anything in between counts", () => {
  const frames = [segment(2_000), segment(2_001, { fromVip: true }), segment(7_999)];
  assert.equal(count(frames, idle(0, { from: 1_000, until: 8_000 })).segments, 3);
});

test("other connections, and sessions that were never silent, do not", () => {
  const frames = [segment(2_000, { port: PORT + 9 }), segment(2_000, { client: "10.77.1.5" }), segment(2_000, { port: PORT + 1 })];
  const results = [idle(0, { from: 1_000, until: 8_000 }), idle(1), idle(2, { from: 1_000, until: 1_300 })];
  assert.deepEqual(count(frames, ...results), { sessions: 1, shortestMs: 6_500, segments: 0 });
  assert.deepEqual(count(frames, idle(1)), { sessions: 0, shortestMs: 0, segments: 0 });
});
