/** Tunnels: both ends number, check and count what comes, and notice an answer of a host that has not got the session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Body } from "../../host/emulator/tunnel/message.ts";
import { decodeMessage, encodeMessage, type Message } from "../../host/emulator/tunnel/message.ts";
import { FAMILIES, runLink } from "./link.ts";
import { BYTES, exchange, plan } from "./plans.ts";

const SECOND_US = 1_000_000;
const TWO_BURSTS = [
  { exchange: exchange("upload", 1), silenceUs: 40 * SECOND_US },
  { exchange: exchange("download", 2), silenceUs: 0 },
];

test("bursts go both ways, and every datagram arrives", () => {
  for (const family of FAMILIES) {
    const { records } = runLink([plan("udp", family, { exchanges: TWO_BURSTS })], 60 * SECOND_US);
    const { outcome, bytes, datagramsLost, servedBy, closedUs } = records[0]!;
    assert.deepEqual({ outcome, bytes, datagramsLost, servedBy }, { outcome: "done", bytes: 4 * BYTES, datagramsLost: 0, servedBy: "ardsley" });
    assert.ok(closedUs! > 40 * SECOND_US);
  }
});

test("in a silence both sides keep the tunnel alive", () => {
  const { frames } = runLink([plan("udp", 6, { exchanges: TWO_BURSTS })], 60 * SECOND_US);
  for (const side of [0, 1]) {
    const times = frames.filter(({ from, frame }) => from === side && isUdp(frame)).map(({ timeUs }) => timeUs);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    assert.ok(Math.max(...gaps) > 9 * SECOND_US && Math.max(...gaps) < 11 * SECOND_US, `${Math.max(...gaps)}`);
  }
});

function isUdp(frame: Uint8Array): boolean {
  return frame[12] === 0x86 && frame[20] === 17;
}

test("a wire that loses frames costs datagrams, and they are counted", () => {
  const { records } = runLink([plan("udp", 4, { exchanges: TWO_BURSTS })], 80 * SECOND_US, { loss: 0.1 });
  const { outcome, bytes, datagramsLost } = records[0]!;
  assert.equal(outcome, "done");
  assert.ok(datagramsLost > 0);
  assert.equal(bytes, 4 * BYTES - datagramsLost * 1_000);
});

test("a frame that comes twice counts once", () => {
  const { records } = runLink([plan("udp", 4)], 10 * SECOND_US, { tamper: (frame) => [frame, frame] });
  const { outcome, bytes, datagramsLost } = records[0]!;
  assert.deepEqual({ outcome, bytes, datagramsLost }, { outcome: "done", bytes: 2 * BYTES, datagramsLost: 0 });
});

test("large datagrams go in fragments, over both families", () => {
  const large = { direction: "upload", length: 80_000, seed: 1, piece: 20_000, intervalUs: 50_000 } as const;
  for (const family of FAMILIES) {
    const { records, frames } = runLink([plan("udp", family, { exchanges: [{ exchange: large, silenceUs: 0 }] })], 10 * SECOND_US);
    assert.equal(records[0]!.outcome, "done");
    assert.equal(records[0]!.bytes, 160_000);
    assert.ok(frames.filter(({ frame }) => frame.length > 1_400).length > 100);
  }
});

test("a host that has not got the session is noticed", () => {
  const { records } = runLink([plan("udp", 6, { exchanges: TWO_BURSTS })], 60 * SECOND_US, { replaceAtUs: 20 * SECOND_US });
  const { outcome, brokenUs } = records[0]!;
  assert.equal(outcome, "reset");
  assert.ok(brokenUs! < 31 * SECOND_US, "by the first keep-alive");
});

test("a host that says nothing is noticed at the end, in a silence too", () => {
  for (const untilUs of [30 * SECOND_US, 100 * SECOND_US]) {
    const exchanges = [{ exchange: exchange("upload", 1), silenceUs: 90 * SECOND_US }];
    const deaf = (timeUs: number, frame: Uint8Array): Uint8Array[] => (timeUs < 2 * SECOND_US ? [frame] : []);
    const tamper = (frame: Uint8Array, _: 0 | 1, timeUs: number): Uint8Array[] => deaf(timeUs, frame);
    const { records } = runLink([plan("udp", 4, { exchanges, keeps: true })], untilUs, { tamper });
    assert.equal(records[0]!.outcome, untilUs < 40 * SECOND_US ? "keeping" : "stalled");
  }
});

test("a message is what was sent, and with any bit changed it is none", () => {
  const burst = { number: 3, exchange: exchange("upload", 7) };
  const bodies: Body[] = [
    { type: "INITIATION" },
    { type: "RESPONSE", session: 0xdead_beef },
    { type: "DATA", burst, payload: Buffer.from("payload") },
    { type: "KEEP_ALIVE" },
    { type: "CHECK", burst: 3, sent: 30, received: 29 },
    { type: "CHECKED", burst: 3, sent: 30, received: 30 },
    { type: "CLOSE" },
    { type: "CLOSED" },
    { type: "UNKNOWN" },
  ];
  for (const body of bodies) {
    const message: Message = { ...body, index: 0x8000_0001, counter: 12 };
    const bytes = encodeMessage(message);
    assert.deepEqual(decodeMessage(bytes), message);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodeMessage(changed), null, `${body.type} bit ${bit}`);
    }
    for (let length = 0; length < bytes.length; length++) assert.equal(decodeMessage(bytes.subarray(0, length)), null);
  }
});
