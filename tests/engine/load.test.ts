/** What is no image of ours is refused before any of it runs; the same on every engine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Firmware } from "../../host/engine/firmware.ts";
import { ENGINES, openEngine } from "../../host/engine/open.ts";
import { CONSTANTS, image, region, without, type Parts } from "./image.ts";

const refusals: [what: string, code: string, message: RegExp, changes: Partial<Parts>][] = [
  ["an import", "E_IMAGE_IMPORT", /env\.abort/, { head: '(import "env" "abort" (func))' }],
  ["a start function", "E_IMAGE_START", /start function/, { head: "(start $main) (func $main)" }],
  ["a memory that can grow", "E_IMAGE_MEMORY", /can grow/, { memory: '(memory (export "memory") 1 2)' }],
  ["a memory without a maximum", "E_IMAGE_MEMORY", /can grow/, { memory: '(memory (export "memory") 1)' }],
  ["no memory", "E_IMAGE_EXPORT", /memory/, { memory: "(memory 1 1)" }],
  ["no process", "E_IMAGE_EXPORT", /process/, { process: "" }],
  [
    "a manage of other parameters", "E_IMAGE_EXPORT", /manage/,
    { manage: '(func (export "manage") (param i32) (result i32) (i32.const 0))' },
  ],
  ["another ABI", "E_IMAGE_ABI", /ABI 3.*ABI 2/, { constants: { ...CONSTANTS, ABI_VERSION: 3 } }],
  ["no ABI version", "E_IMAGE_NAME", /ABI_VERSION/, { constants: without("ABI_VERSION") }],
  ["no inbox", "E_IMAGE_REGION", /INBOX/, { regions: region(4, ([, ...place]) => [99, ...place]) }],
  ["an empty outbox", "E_IMAGE_REGION", /OUTBOX/, { regions: region(5, ([id, at, stride]) => [id, at, stride, 0]) }],
  [
    "a region outside of the memory", "E_IMAGE_REGION", /DROP_COUNTER/,
    { regions: region(7, ([id, , stride, count]) => [id, 65_536 - 31, stride, count]) },
  ],
  [
    "counters that are not u64", "E_IMAGE_REGION", /VERDICT_COUNTER/,
    { regions: region(6, ([id, at, , count]) => [id, at, 4, count]) },
  ],
  ["a layout outside of the memory", "E_IMAGE_REGION", /layout/, { constants: { ...CONSTANTS, LAYOUT: -16 } }],
];

/** Names that an engine itself needs; the others are missed by who looks for them. */
const NEEDED = Object.keys(CONSTANTS).filter(
  (name) => /^(ABI_VERSION|LAYOUT.*|Region\..*|Retain\..*|Envelope\.retain.*)$/.test(name)
    || /^RegionId\.(INBOX|OUTBOX|.*_COUNTER)$/.test(name),
);

for (const name of ENGINES) {
  const engine = openEngine(name);

  test(`${name}: an image loads and tells its constants`, () => {
    const instance = engine.load(image());
    assert.deepEqual(Object.fromEntries(instance.constants), CONSTANTS);
    assert.equal(instance.memory().length, 65_536);
    assert.equal(instance.restarts, 0);
    assert.equal(instance.lastTrap, null);
  });

  for (const [what, code, message, changes] of refusals) {
    test(`${name}: ${what} is ${code}`, () => {
      assert.throws(() => engine.load(image(changes)), { name: "DobbsError", code, message, exitStatus: 2 });
    });
  }

  test(`${name}: each constant that an engine needs is missed by name`, () => {
    assert.equal(NEEDED.length, 18);
    for (const missing of NEEDED) {
      const constants = without(missing);
      const member = missing === "Region.SIZE" ? "Region" : missing;
      assert.throws(
        () => engine.load(image({ constants })),
        (error: Error) => "code" in error && error.code === "E_IMAGE_NAME" && error.message.includes(member),
        missing,
      );
    }
  });

  test(`${name}: what is no module is E_IMAGE_INVALID`, () => {
    const whole = image();
    const broken = [new Uint8Array(), Buffer.from("GIF89a, not Wasm"), whole.subarray(0, whole.length - 3)];
    for (const bytes of broken) {
      assert.throws(() => engine.load(bytes), { name: "DobbsError", code: "E_IMAGE_INVALID", exitStatus: 2 });
    }
  });

  test(`${name}: an image of no known kind is refused as firmware`, () => {
    const constants = { ...CONSTANTS, IMAGE_KIND: 7 };
    assert.throws(() => Firmware.load(engine, image({ constants })), { code: "E_IMAGE_NAME", message: /kind 7/ });
  });

  test(`${name}: two instances of one image share nothing`, () => {
    const first = engine.load(image());
    const second = engine.load(image());
    first.process(0, 5, 1);
    assert.deepEqual(first.counters(7), [0n, 5n, 0n, 0n]);
    assert.deepEqual(second.counters(7), [0n, 0n, 0n, 0n]);
  });
}
