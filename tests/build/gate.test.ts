import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type WasmFeature, WASM_FEATURES } from "../../host/boards/board.ts";
import { type GateRule, gateReport } from "../../host/build/gate.ts";
import { DobbsError } from "../../host/errors.ts";
import { assemble, CLEAN, moduleWith } from "./modules.ts";

/** The rules that the module of `text` breaks, in the order of the report. */
function rulesBroken(text: string, features: readonly WasmFeature[] = WASM_FEATURES): GateRule[] {
  return gateReport(assemble(text), features).problems.map(({ rule }) => rule);
}

describe("the gate", () => {
  it("lets a clean module through, and says what is in it", () => {
    const bytes = assemble(CLEAN);
    assert.deepEqual(gateReport(bytes, []), {
      bytes: bytes.length,
      memoryKiB: 64,
      maxCallDepth: 2,
      functions: 2,
      exports: 2,
      features: [],
      problems: [],
    });
  });

  it("refuses what is no module", () => {
    for (const bytes of [new Uint8Array(), Buffer.from("not a module"), assemble(CLEAN).subarray(0, 40)]) {
      assert.throws(() => gateReport(bytes, []), (error) => error instanceof DobbsError && error.code === "E_IMAGE_INVALID");
    }
  });

  const imports = {
    function: '(import "env" "abort" (func $abort (param i32)))',
    global: '(import "env" "base" (global $base i32))',
    table: '(import "env" "table" (table $shared 1 funcref))',
  };
  for (const [kind, fields] of Object.entries(imports)) {
    it(`refuses an imported ${kind}`, () => assert.deepEqual(rulesBroken(moduleWith({ fields })), ["import"]));
  }

  it("refuses an imported memory", () => {
    assert.deepEqual(rulesBroken(moduleWith({ memory: '(import "env" "memory" (memory $0 1 1))' })), ["import"]);
  });

  it("names what is imported", () => {
    const [problem] = gateReport(assemble(moduleWith({ fields: imports.function })), []).problems;
    assert.match(problem!.detail, /"env" "abort"/);
  });

  it("refuses a start function", () => {
    assert.deepEqual(rulesBroken(moduleWith({ fields: "(func $boot (nop)) (start $boot)" })), ["start"]);
  });

  it("refuses memory with a larger maximum than minimum", () => {
    assert.deepEqual(rulesBroken(moduleWith({ memory: "(memory $0 1 2)" })), ["memory-size"]);
  });

  it("refuses memory without a maximum", () => {
    assert.deepEqual(rulesBroken(moduleWith({ memory: "(memory $0 1)" })), ["memory-size"]);
  });

  it("refuses a module without memory", () => {
    assert.deepEqual(rulesBroken(moduleWith({ memory: "" })), ["memory-size"]);
  });

  it("refuses memory.grow, also where the maximum makes it fail", () => {
    const helper = "(func $helper (result i32) (memory.grow (i32.const 1)))";
    assert.deepEqual(rulesBroken(moduleWith({ helper })), ["memory-grow"]);
  });

  it("refuses a table", () => {
    assert.deepEqual(rulesBroken(moduleWith({ fields: "(table $spare 1 1 funcref)" })), ["table"]);
  });

  it("refuses an indirect call through a table", () => {
    const helper = "(func $helper (result i32) (call_indirect (result i32) (i32.const 0)))";
    assert.deepEqual(rulesBroken(moduleWith({ fields: "(table $0 1 1 funcref)", helper })), ["table", "indirect-call"]);
  });

  it("refuses a call through a reference", () => {
    const fields =
      "(type $answer (func (result i32))) (func $use (param (ref $answer)) (result i32) (call_ref $answer (local.get 0)))";
    assert.ok(rulesBroken(moduleWith({ fields })).includes("indirect-call"));
  });

  it("refuses a function that calls itself", () => {
    const helper = "(func $helper (result i32) (call $helper))";
    const report = gateReport(assemble(moduleWith({ helper })), []);
    assert.deepEqual(report.problems.map(({ rule }) => rule), ["recursion"]);
    assert.equal(report.maxCallDepth, null);
  });

  it("refuses a circle of calls, also among functions that nothing exported calls", () => {
    const fields = "(func $a (call $b)) (func $b (call $c)) (func $c (call $a))";
    assert.deepEqual(rulesBroken(moduleWith({ fields })), ["recursion"]);
  });

  it("takes two calls of one function for what they are: no recursion", () => {
    const fields = '(func $twice (export "twice") (result i32) (i32.add (call $helper) (call $helper)))';
    assert.deepEqual(rulesBroken(moduleWith({ fields })), []);
  });

  it("is not misled by what stands in a string", () => {
    const fields = '(export "(start $helper) (import \\"a\\" \\"b\\"" (func $helper))';
    assert.deepEqual(rulesBroken(moduleWith({ fields })), []);
  });

  const users: Record<WasmFeature, string> = {
    "bulk-memory": "(func $use (memory.fill (i32.const 0) (i32.const 0) (i32.const 8)))",
    "mutable-globals": '(global $level (export "level") (mut i32) (i32.const 0))',
    "nontrapping-f2i": "(func $use (result i32) (i32.trunc_sat_f64_s (f64.const 1)))",
    "sign-extension": "(func $use (result i32) (i32.extend8_s (i32.const 200)))",
    simd: "(func $use (result v128) (v128.const i32x4 1 2 3 4))",
  };
  for (const feature of WASM_FEATURES) {
    it(`refuses ${feature} for a board that lacks it, and only then`, () => {
      const text = moduleWith({ fields: users[feature] });
      assert.deepEqual(rulesBroken(text, WASM_FEATURES.filter((name) => name !== feature)), ["feature"]);
      assert.deepEqual(rulesBroken(text, [feature]), []);
      assert.deepEqual(gateReport(assemble(text), []).features, [feature]);
    });
  }

  it("refuses a feature that no board has", () => {
    const fields = "(func $pair (result i32 i32) (tuple.make 2 (i32.const 1) (i32.const 2)))";
    assert.deepEqual(rulesBroken(moduleWith({ fields })), ["feature"]);
  });
});
