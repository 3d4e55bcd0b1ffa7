import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../host/emulator/random.ts";

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.u32());

test("the same label gives the same numbers, another one others", () => {
  assert.deepEqual(draw(new Random("seed 1"), 100), draw(new Random("seed 1"), 100));
  assert.notDeepEqual(draw(new Random("seed 1"), 100), draw(new Random("seed 2"), 100));
});

test("what a fork draws changes nothing for the one it comes from, nor for another fork", () => {
  const plain = new Random("seed 1");
  const forked = new Random("seed 1");
  draw(forked.fork("wire a"), 10);
  assert.deepEqual(draw(forked.fork("wire b"), 10), draw(plain.fork("wire b"), 10));
  assert.deepEqual(draw(forked, 10), draw(plain, 10));
});

test("between keeps to its bounds, reaches both, and is spread evenly", () => {
  const random = new Random("between");
  const counts = Array<number>(6).fill(0);
  for (let i = 0; i < 6_000; i++) counts[random.between(10, 15) - 10]!++;
  for (const count of counts) assert.ok(count > 850 && count < 1_150, `one of six came up ${count} times of 6,000`);
});

test("filling in pieces of four bytes and more gives the same bytes as filling at once", () => {
  const whole = new Random("fill").fill(new Uint8Array(103));
  const pieces = new Random("fill");
  const parts = [40, 4, 56, 3].map((size) => pieces.fill(new Uint8Array(size)));
  assert.deepEqual(Buffer.concat(parts), Buffer.from(whole));
  assert.ok(new Set(whole).size > 60, "the bytes are not all alike");
});
