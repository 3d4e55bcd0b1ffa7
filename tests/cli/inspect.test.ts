import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { imagePath } from "../../host/boards/image-file.ts";
import { assertFails, dobbs, dobbsJson, temporaryFolder } from "./run.ts";

interface InspectJson {
  readonly file: string;
  readonly board: string | null;
  readonly kind: string;
  readonly abi: number;
  readonly regions: readonly { name: string; address: number; stride: number; count: number; bytes: number }[];
  readonly structs: readonly { name: string; size: number; fields: readonly { name: string; offset: number; width: number }[] }[];
  readonly codes: readonly { name: string; members: Record<string, number> }[];
  readonly gate: { memoryKiB: number; maxCallDepth: number; problems: readonly { rule: string }[] };
}

const folder = temporaryFolder();

for (const kind of ["blade", "switch"] as const) {
  for (const board of ["emulated", "linux-x86_64", "tiny"]) {
    test(`${kind} image of board ${board}: regions inside its memory, none over another; the gate passes`, () => {
      const image = dobbsJson<InspectJson>(folder, "inspect", "--image", kind, "--board", board);
      assert.equal(image.kind, kind);
      assert.equal(image.board, board);
      assert.equal(image.file, imagePath(board, kind));
      assert.deepEqual(image.gate.problems, []);
      assert.ok(image.gate.maxCallDepth > 0);
      let end = 0;
      for (const { name, address, stride, count, bytes } of image.regions) {
        assert.ok(address >= end, `${name} begins before its neighbour ends`);
        assert.equal(bytes, stride * count);
        end = address + bytes;
      }
      assert.ok(end <= image.gate.memoryKiB * 1024);
    });
  }
}

test("structs with fields inside their size, and codes by name", () => {
  const { structs, codes } = dobbsJson<InspectJson>(folder, "inspect", "--image", "blade");
  for (const { name, size, fields } of structs) {
    for (const field of fields) assert.ok(field.offset + field.width <= size, `${name}.${field.name}`);
  }
  const verdicts = codes.find(({ name }) => name === "Verdict")!.members;
  assert.ok("DROP" in verdicts && "DELIVER" in verdicts && "REDIRECT" in verdicts);
  assert.ok(structs.some(({ name }) => name === "Envelope"));
  assert.ok(!codes.some(({ name }) => name === "Envelope"));
});

test("text: regions, records, codes, gate", () => {
  const { status, stdout } = dobbs(folder, "inspect", "--image", "blade");
  assert.equal(status, 0);
  assert.match(stdout, /^blade image, ABI 2, board emulated$/m);
  assert.match(stdout, /^FRAME +0x[0-9a-f]{8} +[\d,]+ +[\d,]+ +[\d,.]+$/m);
  assert.match(stdout, /^Envelope +\d+ .*\bmagic\b/m);
  assert.match(stdout, /^Verdict +DROP .*\bDELIVER\b/m);
  assert.match(stdout, /^Gate\n[^]*\npassed\n$/m);
});

test("an image in a file; held against a board that lacks a feature it exits 1", () => {
  copyFileSync(imagePath("linux-x86_64", "blade"), join(folder, "blade.wasm"));
  const alone = dobbsJson<InspectJson>(folder, "inspect", "blade.wasm");
  assert.equal(alone.file, "blade.wasm");
  assert.equal(alone.board, null);
  assert.deepEqual(alone.gate.problems, []);

  const run = dobbs(folder, "inspect", "blade.wasm", "--board", "tiny", "--json");
  assert.equal(run.status, 1);
  const { gate } = JSON.parse(run.stdout) as InspectJson;
  assert.ok(gate.problems.length > 0 && gate.problems.every(({ rule }) => rule === "feature"));
  const text = dobbs(folder, "inspect", "blade.wasm", "--board", "tiny");
  assert.equal(text.status, 1);
  assert.match(text.stdout, /NOT PASSED\n {2}feature: it needs simd/);
});

test("what is no image", () => {
  writeFileSync(join(folder, "text.wasm"), "hello");
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  writeFileSync(join(folder, "empty.wasm"), empty);
  assertFails(folder, ["inspect", "text.wasm"], { status: 2, code: "E_IMAGE_INVALID", message: /no WebAssembly module/, mend: /npm run build/ });
  assertFails(folder, ["inspect", "no.wasm"], { status: 2, code: "E_IMAGE_READ", message: /no\.wasm/, mend: /path/ });
  const foreign = dobbs(folder, "inspect", "empty.wasm");
  assert.equal(foreign.status, 2);
  assert.match(foreign.stderr, /^error E_IMAGE_\w+: .*\n {2}mend: /);
});

test("neither a file nor --image, or both, is E_USAGE", () => {
  const expected = { status: 2, code: "E_USAGE", message: /name one image/, mend: /dobbs inspect --image/ } as const;
  assertFails(folder, ["inspect"], expected);
  assertFails(folder, ["inspect", "blade.wasm", "--image", "blade"], expected);
});

test("a board that is not there is E_BOARD_NOT_FOUND", () => {
  assertFails(folder, ["inspect", "--image", "blade", "--board", "toaster"], { status: 2, code: "E_BOARD_NOT_FOUND", message: /toaster/, mend: /emulated/ });
});
