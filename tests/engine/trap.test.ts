/** A trap costs the frames of one call, and nothing else; the same on every engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Engine, type Instance, TRAPPED } from "../../host/engine/engine.ts";
import { ENGINES, openEngine } from "../../host/engine/open.ts";
import { image, INBOX } from "./image.ts";

/** Slot that traps. */
const TRAP = 66;
const APPLIED = 4096;
const LAST_NOW = 4100;
const DROPS = 7;
const EVENTS = 8;
const MESSAGES = 2232;

const IMAGE = image();

function send(instance: Instance, byte: number, now: number): number {
  instance.memory()[INBOX] = byte;
  return instance.manage(1, now);
}

function word(instance: Instance, at: number): number {
  const memory = instance.memory();
  return new DataView(memory.buffer, memory.byteOffset).getUint32(at, true);
}

const cases: Record<string, (instance: Instance) => void> = {
  "a trap restarts the image and loses the batch"(instance) {
    assert.equal(instance.process(0, 5, 1), 5);
    assert.equal(instance.process(TRAP - 2, 6, 2), TRAPPED);
    assert.equal(instance.restarts, 1);
    assert.equal(instance.framesLost, 6);
    assert.match(instance.lastTrap!, /unreachable/);
    assert.deepEqual(instance.counters(DROPS), [0n, 5n, 0n, 0n]);
    assert.equal(instance.process(0, 3, 3), 3);
    assert.deepEqual(instance.counters(DROPS), [0n, 8n, 0n, 0n]);
  },

  "retained messages come back in order, with the time of the trap"(instance) {
    for (const byte of [3, 1, 2]) assert.equal(send(instance, byte, 10), 32);
    instance.process(TRAP, 1, 77);
    assert.equal(word(instance, APPLIED), 312);
    assert.equal(word(instance, LAST_NOW), 77);
    send(instance, 3, 80);
    instance.process(TRAP, 1, 90);
    assert.equal(word(instance, APPLIED), 123);
  },

  "a replay is not counted twice"(instance) {
    for (const byte of [1, 2]) send(instance, byte, 10);
    for (let round = 0; round < 3; round++) {
      instance.process(TRAP, 1, 11);
      assert.equal(instance.counters(EVENTS)[1], 2n);
    }
    send(instance, 4, 12);
    assert.equal(instance.counters(EVENTS)[1], 3n);
  },

  "a table that was not committed is not replayed"(instance) {
    send(instance, 1, 1);
    send(instance, 0x40, 1);
    instance.process(TRAP, 1, 2);
    assert.equal(word(instance, MESSAGES), 1);
    send(instance, 0x41, 3);
    instance.process(TRAP, 1, 4);
    assert.equal(word(instance, MESSAGES), 2, "what was staged before the trap is gone");
  },

  "a message that traps is not retained"(instance) {
    send(instance, 1, 1);
    assert.equal(send(instance, 0xee, 2), TRAPPED);
    assert.deepEqual([instance.restarts, instance.framesLost], [1, 0]);
    assert.equal(word(instance, APPLIED), 1);
    send(instance, 2, 3);
    instance.process(TRAP, 1, 4);
    assert.equal(word(instance, APPLIED), 12);
  },

  "a message that traps in the replay is forgotten, and the others stay"(instance) {
    send(instance, 1, 1);
    send(instance, 0x50, 2);
    send(instance, 1, 3);
    send(instance, 2, 3);
    instance.process(TRAP, 1, 4);
    assert.deepEqual([instance.restarts, word(instance, APPLIED)], [2, 12]);
    instance.process(TRAP, 1, 5);
    assert.deepEqual([instance.restarts, word(instance, APPLIED)], [3, 12]);
  },

  "a time beyond 2^31 arrives whole"(instance) {
    send(instance, 1, 0xffff_fff0);
    assert.equal(word(instance, LAST_NOW), 0xffff_fff0);
  },

  "counters are those of a counter region only"(instance) {
    assert.throws(() => instance.counters(4), RangeError);
  },

  "a view from before a restart does not show the fresh memory"(instance) {
    const before = instance.memory();
    instance.process(TRAP, 1, 1);
    const fresh = instance.memory();
    assert.notEqual(before, fresh);
    fresh[APPLIED] = 9;
    assert.notEqual(before[APPLIED], 9);
  },
};

for (const name of ENGINES) {
  const engine: Engine = openEngine(name);
  for (const [what, check] of Object.entries(cases)) {
    test(`${name}: ${what}`, () => check(engine.load(IMAGE)));
  }
}

test("wasmtime: a call that does not end is ended", () => {
  const instance = openEngine("wasmtime").load(IMAGE);
  assert.equal(instance.process(77, 1, 1), TRAPPED);
  assert.match(instance.lastTrap!, /fuel/);
  assert.equal(send(instance, 0xef, 2), TRAPPED);
  assert.deepEqual([instance.restarts, instance.framesLost], [2, 1]);
});

test("fuel is measured on wasmtime, unless calls are not bounded", () => {
  const bounded = openEngine("wasmtime").load(IMAGE);
  bounded.process(0, 1, 1);
  const one = bounded.fuelUsed!;
  bounded.process(0, 11, 1);
  const eleven = bounded.fuelUsed!;
  bounded.process(0, 21, 1);
  assert.ok(one > 0);
  assert.equal(bounded.fuelUsed! - eleven, eleven - one, "the same for each frame");

  for (const instance of [openEngine("wasmtime", { bounded: false }).load(IMAGE), openEngine("v8").load(IMAGE)]) {
    instance.process(0, 1, 1);
    assert.equal(instance.fuelUsed, null);
  }
});

test("wasmtime: a view outlives the instance it is of", async () => {
  const views: Uint8Array[] = [];
  const engine = openEngine("wasmtime");
  for (let count = 0; count < 50; count++) {
    const instance = engine.load(IMAGE);
    send(instance, 1 + (count % 9), 1);
    views.push(instance.memory());
  }
  await collectGarbage();
  views.forEach((view, count) => assert.equal(view[APPLIED], 1 + (count % 9)));
});

test("wasmtime: many restarts in one go use up nothing", () => {
  const instance = openEngine("wasmtime").load(IMAGE);
  for (let count = 0; count < 40_000; count++) {
    instance.memory()[APPLIED] = 1;
    assert.equal(instance.process(TRAP, 1, 1), TRAPPED);
  }
  assert.equal(instance.memory()[APPLIED], 0);
  assert.equal(instance.restarts, 40_000);
});

/** Makes V8 collect, twice, with time for finalizers between. */
async function collectGarbage(): Promise<void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 2; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
