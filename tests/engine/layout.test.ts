import assert from "node:assert/strict";
import { test } from "node:test";
import { openEngine } from "../../host/engine/open.ts";
import { Layout } from "../../host/engine/layout.ts";
import { CONSTANTS, image } from "./image.ts";

function layoutWith(constants: Readonly<Record<string, number>> = {}): Layout {
  const instance = openEngine("wasmtime").load(image({ constants: { ...CONSTANTS, ...constants } }));
  return new Layout(instance.constants, instance.memory());
}

const layout = layoutWith({ "Row.SIZE": 31, "Row.flag": 1 << 16, "Row.port": (2 << 16) | 1, "Row.id": (4 << 16) | 3,
  "Row.mac": (6 << 16) | 7, "Row.wide": (16 << 16) | 13, ODD: -2 });

test("codes go both ways, in the order of their values", () => {
  assert.equal(layout.code("Drop", "BAD_ETHERNET"), 2);
  assert.equal(layout.nameOf("Drop", 2), "BAD_ETHERNET");
  assert.equal(layout.nameOf("Drop", 200), undefined);
  assert.deepEqual(layout.names("Drop"), ["NONE", "OVERSIZE", "BAD_ETHERNET"]);
});

test("constants are unsigned", () => {
  assert.equal(layout.constant("ODD"), 0xffff_fffe);
});

test("a region is where the image says", () => {
  assert.deepEqual(layout.region("INBOX"), { address: 2048, stride: 64, count: 1 });
  assert.equal(layout.regions().length, 8);
});

test("an image that runs elsewhere is described by its descriptor alone", () => {
  const instance = openEngine("wasmtime").load(image({ constants: CONSTANTS }));
  const { constants } = instance;
  const bytes = instance.memory();
  const { size } = layout.struct("Region");
  const descriptor = bytes.slice(layout.constant("LAYOUT"), layout.constant("LAYOUT") + 8 * size);
  const remote = new Layout(constants, { descriptor, memoryBytes: bytes.length });
  assert.deepEqual(remote.regions(), layout.regions());
  for (const name of remote.regions()) assert.deepEqual(remote.region(name), layout.region(name));
  const refused = { code: "E_IMAGE_REGION" };
  assert.throws(() => new Layout(constants, { descriptor: descriptor.subarray(1), memoryBytes: bytes.length }), refused);
  assert.throws(() => new Layout(constants, { descriptor, memoryBytes: 2048 }), refused);
});

test("a name that the image lacks is E_IMAGE_NAME, and said", () => {
  const misses: [() => unknown, RegExp][] = [
    [() => layout.constant("NOTHING"), /NOTHING/],
    [() => layout.struct("Nothing"), /Nothing/],
    [() => layout.struct("Slot").field("nothing"), /Slot\.nothing/],
    [() => layout.code("Drop", "NOTHING"), /Drop\.NOTHING/],
    [() => layout.code("Nothing", "AT_ALL"), /Nothing/],
    [() => layout.nameOf("Nothing", 1), /Nothing/],
    [() => layout.code("Slot", "length"), /Slot/],
    [() => layout.region("NOTHING"), /NOTHING/],
  ];
  for (const [miss, message] of misses) assert.throws(miss, { code: "E_IMAGE_NAME", message });
});

test("numbers are little-endian and unsigned, at any address", () => {
  const row = layout.struct("Row");
  assert.equal(row.size, 31);
  const bytes = new Uint8Array(80).fill(0xaa);
  row.set(bytes, 40, "flag", 0xff);
  row.set(bytes, 40, "port", 0x1234);
  row.set(bytes, 40, "id", 0xfedc_ba98);
  assert.deepEqual([...bytes.subarray(39, 48)], [0xaa, 0xff, 0x34, 0x12, 0x98, 0xba, 0xdc, 0xfe, 0xaa]);
  assert.equal(row.get(bytes, 40, "flag"), 0xff);
  assert.equal(row.get(bytes, 40, "port"), 0x1234);
  assert.equal(row.get(bytes, 40, "id"), 0xfedc_ba98);
});

test("a number that does not fit, and a number of a field of bytes, are RangeErrors", () => {
  const row = layout.struct("Row");
  const bytes = new Uint8Array(31);
  for (const [name, value] of [["flag", 256], ["port", 65_536], ["id", 2 ** 32], ["id", -1], ["flag", 0.5], ["mac", 1]] as const) {
    assert.throws(() => row.set(bytes, 0, name, value), RangeError, `${name} ${value}`);
  }
  assert.throws(() => row.get(bytes, 0, "mac"), RangeError);
  assert.deepEqual(bytes, new Uint8Array(31));
});

test("bytes are a view", () => {
  const row = layout.struct("Row");
  const bytes = new Uint8Array(62);
  row.bytes(bytes, 31, "mac").fill(7);
  assert.deepEqual([...bytes.subarray(37, 46)], [0, 7, 7, 7, 7, 7, 7, 0, 0]);
  assert.equal(row.bytes(bytes, 31, "wide").length, 16);
});
