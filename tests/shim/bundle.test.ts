import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readImage } from "../../host/boards/image-file.ts";
import { type BundleManifest, decodeBundle, encodeBundle } from "../../host/bundle/bundle.ts";
import { readBundle, writeBundle } from "../../host/bundle/bundle-file.ts";
import { ABI_VERSION } from "../../host/engine/layout.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-c-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const IMAGE = Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff);
const MANIFEST: Omit<BundleManifest, "imageSha256"> = {
  kind: "blade",
  board: "tiny",
  version: "0.1.0",
  abi: ABI_VERSION,
  features: ["simd"],
  memoryBytes: 262_144,
};
const GOOD = encodeBundle(MANIFEST, IMAGE);
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** The good bundle with some bytes of its header changed, and a digest that fits. */
function patched(at: number, ...bytes: readonly number[]): Uint8Array {
  const body = Buffer.from(GOOD.subarray(0, GOOD.length - 32));
  body.set(bytes, at);
  return Buffer.concat([body, sha256(body)]);
}

/** A bundle around any manifest text, right in all else. */
function around(manifest: string | Uint8Array, image: Uint8Array = IMAGE): Uint8Array {
  const text = Buffer.from(manifest as string);
  const header = Buffer.from(GOOD.subarray(0, 24));
  header.writeUInt32LE(text.length, 12);
  header.writeUInt32LE(image.length, 16);
  const body = Buffer.concat([header, text, image]);
  return Buffer.concat([body, sha256(body)]);
}

function manifestWith(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...MANIFEST, imageSha256: sha256(IMAGE).toString("hex"), ...changes });
}

describe("a bundle", () => {
  test("gives back what went into it, and the same bytes for the same", () => {
    const { manifest, image, digest } = decodeBundle(GOOD);
    assert.deepEqual(manifest, { ...MANIFEST, imageSha256: sha256(IMAGE).toString("hex") });
    assert.deepEqual(Uint8Array.from(image), IMAGE);
    assert.equal(digest, Buffer.from(GOOD.subarray(-32)).toString("hex"));
    assert.deepEqual(encodeBundle(MANIFEST, IMAGE), GOOD);
    const shuffled = { memoryBytes: 262_144, version: "0.1.0", features: ["simd"], abi: ABI_VERSION, board: "tiny", kind: "blade" } as const;
    assert.deepEqual(encodeBundle(shuffled, IMAGE), GOOD);
  });

  test("has the bytes that docs/bundle.md says", () => {
    const bytes = Buffer.from(GOOD);
    const length = bytes.readUInt32LE(12);
    assert.equal(bytes.subarray(0, 12).toString("hex"), "444f42425342444c" + "01000000");
    assert.deepEqual([bytes.readUInt32LE(16), bytes.readUInt32LE(20)], [IMAGE.length, 0]);
    assert.equal(bytes.length, 24 + length + IMAGE.length + 32);
    assert.equal(JSON.parse(bytes.subarray(24, 24 + length).toString()).board, "tiny");
  });

  test("may have members in its manifest that nobody knows yet", () => {
    assert.equal(decodeBundle(around(manifestWith({ signatures: [{ by: "x" }] }))).manifest.board, "tiny");
  });

  const long = "x".repeat(65);
  const refused: [what: string, bytes: Uint8Array, code: string][] = [
    ["for what is something else", Buffer.from("\0asm\x01\0\0\0 and so on, long enough to hold a header and a digest"), "E_BUNDLE_MAGIC"],
    ["for being empty", new Uint8Array(0), "E_BUNDLE_MAGIC"],
    ["for another format", patched(8, 2), "E_BUNDLE_FORMAT"],
    ["for what a later format may say", patched(20, 1), "E_BUNDLE_FORMAT"],
    ["for a header that is cut off", GOOD.subarray(0, 20), "E_BUNDLE_LENGTH"],
    ["for being cut off", GOOD.subarray(0, GOOD.length - 1), "E_BUNDLE_LENGTH"],
    ["for something behind it", Buffer.concat([GOOD, Buffer.alloc(1)]), "E_BUNDLE_LENGTH"],
    ["for a manifest that is too long", patched(12, 0x01, 0x00, 0x01, 0x00), "E_BUNDLE_LENGTH"],
    ["for an image that is too long", patched(16, 0x01, 0x00, 0x00, 0x01), "E_BUNDLE_LENGTH"],
    ["for lengths that do not add up", patched(16, 0), "E_BUNDLE_LENGTH"],
    ["for one bit of its image", Uint8Array.from(GOOD, (byte, at) => (at === GOOD.length - 40 ? byte ^ 1 : byte)), "E_BUNDLE_DIGEST"],
    ["for one bit of its digest", Uint8Array.from(GOOD, (byte, at) => (at === GOOD.length - 1 ? byte ^ 1 : byte)), "E_BUNDLE_DIGEST"],
    ["for a manifest that is no JSON", around("{"), "E_BUNDLE_MANIFEST"],
    ["for a manifest that is no UTF-8", around(Uint8Array.of(0x22, 0xff, 0x22)), "E_BUNDLE_MANIFEST"],
    ["for a manifest that is no object", around("[]"), "E_BUNDLE_MANIFEST"],
    ["for a manifest of nothing", around("null"), "E_BUNDLE_MANIFEST"],
    ["for another ABI", around(manifestWith({ abi: ABI_VERSION + 1 })), "E_BUNDLE_ABI"],
    ["for another image", around(manifestWith({}), IMAGE.map((byte) => byte ^ 1)), "E_BUNDLE_IMAGE"],
    ...["kind", "board", "version", "abi", "imageSha256", "features", "memoryBytes"].map(
      (name): [string, Uint8Array, string] => [`for a manifest without ${name}`, around(manifestWith({ [name]: undefined })), "E_BUNDLE_MANIFEST"],
    ),
    ...Object.entries({ kind: "router", board: "a\nb", version: long, abi: 1.5, features: [1], memoryBytes: -1 }).map(
      ([name, value]): [string, Uint8Array, string] => [`for a wrong ${name}`, around(manifestWith({ [name]: value })), "E_BUNDLE_MANIFEST"],
    ),
  ];
  for (const [what, bytes, code] of refused) {
    test(`is refused ${what}`, () => assert.throws(() => decodeBundle(bytes), { code }));
  }

  test("of which any one byte was changed is refused", () => {
    for (let at = 0; at < GOOD.length; at++) {
      const bytes = Uint8Array.from(GOOD);
      bytes[at] = bytes[at]! ^ 0x40;
      assert.throws(() => decodeBundle(bytes), /./, `byte ${at}`);
    }
  });
});

describe("bundles as files", () => {
  test("hold the built image, are the same each time, and are left alone when they are up to date", () => {
    const first = writeBundle("tiny", "switch", ["bulk-memory"], folder);
    assert.equal(first.kept, false);
    const { bundle, bytes } = readBundle(first.path);
    assert.deepEqual(Buffer.from(bundle.image), Buffer.from(readImage("tiny", "switch")));
    assert.equal(bundle.manifest.kind, "switch");
    assert.equal(bundle.manifest.memoryBytes, 256 * 1024);
    const { mtimeMs } = statSync(first.path);
    assert.equal(writeBundle("tiny", "switch", ["bulk-memory"], folder).kept, true);
    assert.equal(statSync(first.path).mtimeMs, mtimeMs);
    const other = join(folder, "other");
    assert.deepEqual(readFileSync(writeBundle("tiny", "switch", ["bulk-memory"], other).path), Buffer.from(bytes));
  });

  test("that cannot be read, or are none, are told by their path", () => {
    assert.throws(() => readBundle(join(folder, "none.bundle")), { code: "E_BUNDLE_READ", message: /none\.bundle/ });
    const path = join(folder, "text.bundle");
    writeFileSync(path, "no bundle");
    assert.throws(() => readBundle(path), { code: "E_BUNDLE_MAGIC", message: /text\.bundle/ });
  });
});
