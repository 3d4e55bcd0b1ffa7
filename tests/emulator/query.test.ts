/** Queries: one datagram each way, repeated until it is answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, decodeQuery, encodeAnswer, encodeQuery } from "../../host/emulator/query/message.ts";
import { FAMILIES, runLink } from "./link.ts";
import { plan } from "./plans.ts";

const SECOND_US = 1_000_000;

function query(length: number, family: 4 | 6) {
  const exchange = { direction: "download", length, seed: 5, piece: 1_024, intervalUs: 1_000 } as const;
  return plan("dns", family, { exchanges: [{ exchange, silenceUs: 0 }] });
}

test("a question is answered, in fragments if need be", () => {
  for (const family of FAMILIES) {
    for (const length of [100, 4_000]) {
      const [record] = runLink([query(length, family)], 2 * SECOND_US).records;
      assert.equal(record!.outcome, "done");
      assert.equal(record!.bytes, length);
    }
  }
});

test("a question is asked again while there is no answer", () => {
  const isUdp = (frame: Uint8Array): boolean => frame[12] === 8 && frame[23] === 17;
  const tamper = (frame: Uint8Array, from: 0 | 1, timeUs: number): Uint8Array[] =>
    from === 1 && isUdp(frame) && timeUs < 3_500_000 ? [] : [frame];
  const { records, frames } = runLink([query(100, 4)], 10 * SECOND_US, { tamper });
  assert.equal(records[0]!.outcome, "done");
  const asked = frames.filter(({ from, frame }) => from === 0 && isUdp(frame));
  assert.equal(asked.length, 5);
  assert.equal(runLink([query(100, 4)], 10 * SECOND_US, { tamper: () => [] }).records[0]!.outcome, "stalled");
});

test("any host can answer", () => {
  const later = { ...query(100, 6), startUs: 2 * SECOND_US };
  const { records } = runLink([later], 5 * SECOND_US, { replaceAtUs: SECOND_US });
  assert.equal(records[0]!.outcome, "done");
});

test("an answer with a changed, lost or added byte is none", () => {
  const asked = { id: 7, length: 50, seed: 9 };
  const answer = Buffer.from(encodeAnswer(asked));
  assert.ok(answers(answer, asked));
  assert.deepEqual(decodeQuery(encodeQuery(asked)), asked);
  assert.equal(decodeQuery(answer), null);
  for (let at = 0; at < answer.length; at++) {
    const changed = Buffer.from(answer);
    changed[at]! ^= 1;
    assert.equal(answers(changed, asked), false, `byte ${at}`);
  }
  assert.equal(answers(answer.subarray(1), asked), false);
  assert.equal(answers(Buffer.concat([answer, Buffer.alloc(1)]), asked), false);
});
