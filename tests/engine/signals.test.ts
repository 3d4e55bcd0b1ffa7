/** V8 and wasmtime both catch SIGSEGV for Wasm's sake: each must take its own, in one process, in any order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instance, TRAPPED } from "../../host/engine/engine.ts";
import { ENGINES, openEngine } from "../../host/engine/open.ts";
import { image } from "./image.ts";

/** Loads from the address `first`: beyond the memory, that is a fault which the CPU finds. */
const LOAD = '(func (export "process") (param $first i32) (param i32 i32) (result i32) (i32.load (local.get $first)))';
const DEEP = `(func $deep (export "process") (param i32 i32 i32) (result i32)
  (i32.add (i32.const 1) (call $deep (local.get 0) (local.get 1) (local.get 2))))`;

/** Address of the first region's id. */
const LAYOUT = 1024;
const OUTSIDE = [65_533, 65_536, 0x7fff_ffff, 0xffff_ffff];

test("faults of wasmtime and V8 in turns", () => {
  const instances = ENGINES.flatMap((name) =>
    [true, false].map((bounded) => openEngine(name, { bounded }).load(image({ process: LOAD }))),
  );
  for (let round = 0; round < 300; round++) {
    for (const instance of instances) {
      assert.equal(instance.process(LAYOUT, 1, 0), 1);
      assert.equal(instance.process(OUTSIDE[round % OUTSIDE.length]!, 1, 0), TRAPPED);
    }
  }
  for (const instance of instances) {
    assert.equal(instance.restarts, 300);
    assert.match(instance.lastTrap!, /out of bounds/);
  }
});

test("faults of an engine that was loaded before the other", async () => {
  const load = (name: "wasmtime" | "v8"): Instance => openEngine(name).load(image({ process: LOAD }));
  const early = load("v8");
  assert.equal(early.process(65_536, 1, 0), TRAPPED);
  const late = load("wasmtime");
  assert.equal(late.process(65_536, 1, 0), TRAPPED);
  assert.equal(early.process(65_536, 1, 0), TRAPPED);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(late.process(65_536, 1, 0), TRAPPED);
});

test("stack overflows of wasmtime, V8 and JavaScript in turns", () => {
  const instances = ENGINES.map((name) => openEngine(name).load(image({ process: DEEP })));
  const recurse = (): number => 1 + recurse();
  for (let round = 0; round < 3; round++) {
    for (const instance of instances) assert.equal(instance.process(0, 1, 0), TRAPPED);
    assert.throws(recurse, RangeError);
  }
});
