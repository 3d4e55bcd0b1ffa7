import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { Random } from "../../host/emulator/random.ts";

test("tasks run in order of time, those of one instant in the order in which they were asked for", () => {
  const clock = new VirtualClock();
  const random = new Random("clock test");
  const expected: { at: number; order: number }[] = [];
  const seen: { at: number; order: number }[] = [];
  for (let order = 0; order < 2_000; order++) {
    const at = random.between(0, 200);
    expected.push({ at, order });
    clock.at(at, () => seen.push({ at: clock.now, order }));
  }
  clock.runUntil(200);
  expected.sort((a, b) => a.at - b.at || a.order - b.order);
  assert.deepEqual(seen, expected);
});

test("a task that is made by a task of the same instant runs at that instant, after what was due already", () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.at(5, () => {
    seen.push("first");
    clock.after(0, () => seen.push(`third at ${clock.now}`));
  });
  clock.at(5, () => seen.push("second"));
  clock.runUntil(5);
  assert.deepEqual(seen, ["first", "second", "third at 5"]);
});

test("a cancelled task does not run", () => {
  const clock = new VirtualClock();
  const cancel = clock.after(10, () => assert.fail("it was cancelled"));
  clock.after(5, cancel);
  clock.runUntil(20);
  assert.equal(clock.now, 20);
});

test("what is due after the end stays for the next time", () => {
  const clock = new VirtualClock();
  let ran = 0;
  clock.at(100, () => ran++);
  clock.runUntil(99);
  assert.equal(ran, 0);
  clock.runUntil(100);
  assert.equal(ran, 1);
});

test("time does not go back for what is asked for too late", () => {
  const clock = new VirtualClock();
  clock.runUntil(50);
  let at = -1;
  clock.at(10, () => (at = clock.now));
  clock.runUntil(60);
  assert.equal(at, 50);
});

test("the supervisor sees whole milliseconds", () => {
  const clock = new VirtualClock();
  const inMs = clock.inMs();
  const seen: number[] = [];
  clock.runUntil(1_999);
  inMs.after(2, () => seen.push(inMs.now(), clock.now));
  clock.runUntil(10_000);
  assert.deepEqual(seen, [3, 3_999]);
});
