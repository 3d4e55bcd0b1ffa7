/** Connections shaped as QUIC's: nothing is lost or changed whatever the wire does, they go on from another address, and an
 *  answer of a host that has not got them is noticed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFrames, encodeFrame, type Frame } from "../../host/emulator/quic/frames.ts";
import { decodePacket, encodePacket, encodeReset, isReset, type Packet } from "../../host/emulator/quic/packet.ts";
import { ReceivedNumbers } from "../../host/emulator/quic/received.ts";
import { CLIENT, FAMILIES, ROAMING, runLink } from "./link.ts";
import { BYTES, exchange, plan } from "./plans.ts";

const SECOND_US = 1_000_000;
const CID_BYTES = 8;
/** Of the UDP payload in a frame. */
const PAYLOAD = { 4: 42, 6: 62 } as const;
const BOTH_WAYS = [
  { exchange: exchange("upload", 1), silenceUs: 40 * SECOND_US },
  { exchange: exchange("download", 2), silenceUs: 0 },
];
const LARGE = { direction: "upload", length: 300_000, seed: 4, piece: 100_000, intervalUs: 1_000 } as const;

test("an upload and a download are done, over both families", () => {
  for (const family of FAMILIES) {
    const [record] = runLink([plan("quic", family, { exchanges: BOTH_WAYS })], 60 * SECOND_US).records;
    const { outcome, bytes, servedBy, closedUs } = record!;
    assert.deepEqual({ outcome, bytes, servedBy }, { outcome: "done", bytes: 2 * BYTES, servedBy: "ardsley" });
    assert.ok(closedUs! > 40 * SECOND_US);
  }
});

test("what is lost, comes twice or in another order costs time only", () => {
  const held: [Uint8Array[], Uint8Array[]] = [[], []];
  const swap = (frame: Uint8Array, from: 0 | 1): Uint8Array[] => {
    if (frame[23] !== 17) return [frame];
    held[from].push(frame);
    return held[from].length < 3 ? [] : held[from].splice(0).reverse();
  };
  const exchanges = [{ exchange: LARGE, silenceUs: 0 }, { exchange: { ...LARGE, direction: "download" } as const, silenceUs: 0 }];
  const wires = { losing: { loss: 0.15 }, doubling: { tamper: (frame: Uint8Array) => [frame, frame] }, swapping: { tamper: swap } };
  for (const [what, options] of Object.entries(wires)) {
    const [record] = runLink([plan("quic", 4, { exchanges })], 90 * SECOND_US, options).records;
    assert.equal(record!.outcome, "done", what);
    assert.equal(record!.bytes, 600_000);
  }
});

test("a client and its server see each other as network elements may: Initials are filled up, IDs are the server's", () => {
  const { frames } = runLink([plan("quic", 4)], 5 * SECOND_US);
  const sent = (side: number) => frames.filter(({ from, frame }) => from === side && frame[23] === 17).map(({ frame }) => frame.subarray(PAYLOAD[4]));
  const [first] = sent(0);
  assert.equal(first![0]! & 0xf0, 0xc0);
  assert.deepEqual([...first!.subarray(1, 6)], [0, 0, 0, 1, CID_BYTES]);
  assert.equal(first!.length, 1_200);
  const [answer] = sent(1);
  assert.equal(answer!.length, 1_200);
  const chosen = Buffer.from(answer!.subarray(6 + CID_BYTES + 1, 6 + 2 * CID_BYTES + 1));
  assert.equal(answer![6 + CID_BYTES], CID_BYTES);
  const short = sent(0).filter((packet) => packet[0]! >> 6 === 1);
  assert.ok(short.length > 10);
  for (const packet of short) assert.equal(Buffer.compare(packet.subarray(1, 1 + CID_BYTES), chosen), 0);
});

test("a client goes on from another port or address, with another ID, and its server follows", () => {
  for (const family of FAMILIES) {
    for (const client of [CLIENT[family], ROAMING[family]]) {
      const exchanges = [{ exchange: exchange("download", 2), silenceUs: 0 }];
      const plans = [plan("quic", family, { exchanges, migration: { afterUs: 300_000, client } })];
      const { records, frames } = runLink(plans, 10 * SECOND_US);
      const { outcome, bytes, migratedUs, client: address, clientPort } = records[0]!;
      assert.deepEqual({ outcome, bytes, address }, { outcome: "done", bytes: BYTES, address: client });
      const port = (frame: Uint8Array): number => Buffer.from(frame).readUInt16BE(PAYLOAD[family] - 6);
      const late = frames.filter(({ timeUs, from, frame }) => from === 1 && timeUs > migratedUs! + 100_000 && frame.length > PAYLOAD[family]);
      assert.ok(late.length > 10);
      assert.ok(late.every(({ frame }) => port(frame) === clientPort));
    }
  }
});

test("a host that has not got the connection is noticed by its reset", () => {
  const { records } = runLink([plan("quic", 6, { exchanges: BOTH_WAYS })], 60 * SECOND_US, { replaceAtUs: 20 * SECOND_US });
  assert.equal(records[0]!.outcome, "reset");
  assert.ok(records[0]!.brokenUs! < 31 * SECOND_US, "by the first keep-alive");
});

test("a host that says nothing is given up", () => {
  const tamper = (frame: Uint8Array, _: 0 | 1, timeUs: number): Uint8Array[] => (timeUs < 200_000 ? [frame] : []);
  const { records } = runLink([plan("quic", 4)], 70 * SECOND_US, { tamper });
  assert.equal(records[0]!.outcome, "reset");
  assert.ok(records[0]!.brokenUs! > 59 * SECOND_US);
});

test("frames are what was sent, and rubbish is none", () => {
  const frames: Frame[] = [
    { type: "ping" },
    { type: "ack", ranges: [{ first: 20_000, last: 20_100 }, { first: 70, last: 75 }, { first: 0, last: 3 }] },
    { type: "crypto", offset: 0, data: Uint8Array.of(1, 2, 3) },
    { type: "stream", offset: 1_000_000, data: new Uint8Array(1_000).fill(7), fin: false },
    { type: "stream", offset: 63, data: new Uint8Array(0), fin: true },
    { type: "new-cid", sequence: 1, cid: new Uint8Array(8).fill(1), token: new Uint8Array(16).fill(2) },
    { type: "challenge", data: new Uint8Array(8).fill(3) },
    { type: "response", data: new Uint8Array(8).fill(4) },
    { type: "close" },
    { type: "done" },
  ];
  const bytes = Buffer.concat(frames.map(encodeFrame));
  const padded = Uint8Array.from(Buffer.concat([bytes, Buffer.alloc(5)]));
  assert.deepEqual(decodeFrames(padded), frames);
  for (const frame of frames.slice(1, 8)) {
    const whole = encodeFrame(frame);
    assert.equal(decodeFrames(whole.subarray(0, whole.length - 1)), null, frame.type);
  }
  assert.equal(decodeFrames(Uint8Array.of(0x3f)), null);
});

test("packets are what was sent, and with any bit changed they are none", () => {
  const [dcid, scid] = [new Uint8Array(8).fill(5), new Uint8Array(8).fill(6)];
  const packets: Packet[] = [
    { form: "initial", dcid, scid, number: 0, frames: new Uint8Array(20).fill(1) },
    { form: "handshake", dcid, scid, number: 7, frames: new Uint8Array(20).fill(1) },
    { form: "short", dcid, scid: new Uint8Array(0), number: 0xffff_ffff, frames: new Uint8Array(20).fill(1) },
  ];
  for (const packet of packets) {
    const bytes = encodePacket(packet);
    const decoded = decodePacket(bytes, CID_BYTES)!;
    for (const field of ["dcid", "scid", "frames"] as const) assert.equal(Buffer.compare(decoded[field], packet[field]), 0);
    assert.deepEqual([decoded.form, decoded.number], [packet.form, packet.number]);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodePacket(changed, CID_BYTES), null, `${packet.form} bit ${bit}`);
    }
  }
});

test("a reset is known by its ID only, and is shorter than what it answers", () => {
  const [mine, other] = [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)];
  const filler = new Uint8Array(32).fill(0xff);
  const reset = encodeReset(mine, filler, 1_200)!;
  assert.equal(reset[0]! >> 6, 1);
  assert.equal(decodePacket(reset, CID_BYTES), null);
  assert.ok(isReset(reset, [other, mine]));
  assert.ok(!isReset(reset, [other]));
  assert.equal(encodeReset(mine, filler, 30)!.length, 29);
  assert.equal(encodeReset(mine, filler, 21), null);
});

test("received numbers: copies are told, ranges are merged, old ones are forgotten", () => {
  const received = new ReceivedNumbers();
  for (const number of [3, 1, 2, 9, 0]) assert.ok(received.add(number));
  assert.deepEqual(received.ranges, [{ first: 9, last: 9 }, { first: 0, last: 3 }]);
  for (const number of [0, 3, 9]) assert.ok(!received.add(number));
  assert.equal(received.largest, 9);
  for (let number = 100; number < 200; number += 2) received.add(number);
  assert.equal(received.ranges.length, 32);
  assert.ok(!received.add(4), "it may have come before");
});
