import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlashResult, ShimImage, ShimStatus } from "../../host/shim/answers.ts";
import { flashShim, type OnShimResult, type ShimAnswer, shimImage, shimStatus } from "../../host/shim/shim-client.ts";
import { FRAME_KIND } from "../../host/transport/frame.ts";
import { temporaryFolder } from "../transport/support.ts";
import { bundleOf, FakeShim } from "./fake-shim.ts";

const folder = temporaryFolder();
const BLADE = bundleOf("emulated", "blade");
let sockets = 0;

async function setUp() {
  const shim = new FakeShim({ kind: "unix", path: join(folder, `${sockets++}.sock`) }, BLADE);
  await shim.start();
  return { shim, address: { word: shim.word, credentials: null } };
}

const asked = <T>(ask: (onResult: OnShimResult<T>) => void): Promise<ShimAnswer<T>> => new Promise((resolve) => ask(resolve));

async function refusedAs<T>(ask: (onResult: OnShimResult<T>) => void): Promise<string> {
  const answer = await asked(ask);
  return answer.ok ? "OK" : answer.problem.code;
}

describe("a question to a shim", () => {
  test("is answered with what runs there", async () => {
    const { shim, address } = await setUp();
    const status = await asked<ShimStatus>((on) => shimStatus(address, on));
    assert.deepEqual(status, { ok: true, value: { ...(shim.status() as ShimStatus), links: 1 } });
    const image = await asked<ShimImage>((on) => shimImage(address, on));
    assert.ok(image.ok && image.value.bundle.board === "emulated");
    assert.deepEqual(image.value.layout.region("SLOT"), shim.firmware.layout.region("SLOT"));
  });

  test("to nobody, or to one who hangs up or answers nonsense, says so", async () => {
    const { shim, address } = await setUp();
    const none = { word: { kind: "unix" as const, path: join(folder, "none") }, credentials: null };
    assert.equal(await refusedAs((on) => shimStatus(none, on)), "E_LINK_CONNECT");
    shim.intercept = (_, link) => (link.close(), true);
    assert.equal(await refusedAs((on) => shimStatus(address, on)), "E_LINK_CLOSED");
    shim.intercept = ({ kind }, link) => link.send(kind, Buffer.from("{}"));
    assert.equal(await refusedAs((on) => shimStatus(address, on)), "E_LINK_PAYLOAD");
    for (const field of ["name", "bundle", "ports", "links", "frames", "swaps", "uptimeMs"]) {
      const { [field]: _, ...rest } = shim.status() as Record<string, unknown>;
      shim.intercept = ({ kind }, link) => link.send(kind, Buffer.from(JSON.stringify(rest)));
      assert.equal(await refusedAs((on) => shimStatus(address, on)), "E_LINK_PAYLOAD", field);
    }
  });
});

describe("flashing", () => {
  test("sends the bundle in parts, in order, and tells how far it is", async () => {
    const { shim, address } = await setUp();
    const padded = bundleOf("emulated", "blade", "x".repeat(60));
    const parts: [number, number, number][] = [];
    shim.intercept = ({ kind, payload }) => {
      const part = Buffer.from(payload);
      if (kind === FRAME_KIND.FLASH) parts.push([part.readUInt32LE(0), part.readUInt32LE(4), part.length - 8]);
      return false;
    };
    const progress: [number, number][] = [];
    const options = { onProgress: (sent: number, total: number) => progress.push([sent, total]) };
    const result = await asked<FlashResult>((on) => flashShim(address, padded, options, on));
    assert.ok(result.ok);
    assert.equal(result.value.tables, "kept");
    assert.equal(result.value.pauseUs, 4_100);
    assert.equal(result.value.bundle.version, "x".repeat(60));
    assert.equal(result.value.bundle.digest, Buffer.from(padded.subarray(-32)).toString("hex"));
    let offset = 0;
    for (const [at, total, length] of parts) {
      assert.deepEqual([at, total], [offset, padded.length]);
      assert.ok(length > 0 && length <= 64 * 1024);
      offset += length;
    }
    assert.equal(offset, padded.length);
    assert.deepEqual(progress.at(-1), [padded.length, padded.length]);
    assert.equal(progress.length, parts.length);
  });

  test("a large bundle takes as many parts as it needs", async () => {
    const { shim, address } = await setUp();
    let parts = 0;
    const bundle = Buffer.alloc(64 * 1024 * 3 + 1);
    shim.intercept = ({ kind, payload }, link) => {
      if (kind !== FRAME_KIND.FLASH) return false;
      parts++;
      const received = Buffer.from(payload).readUInt32LE(0) + payload.length - 8;
      return link.send(kind, Buffer.from(JSON.stringify({ ...(shim.image() as object), received, tables: "lost", pauseUs: 0 })));
    };
    const result = await asked<FlashResult>((on) => flashShim(address, bundle, {}, on));
    assert.ok(result.ok && result.value.tables === "lost");
    assert.equal(parts, 4);
  });

  test("a bundle that the shim refuses leaves it as it was, and says why", async () => {
    const { shim, address } = await setUp();
    const { digest } = shim.bundle;
    const damaged = Uint8Array.from(BLADE);
    damaged[1000] = damaged[1000]! ^ 1;
    assert.equal(await refusedAs((on) => flashShim(address, damaged, {}, on)), "E_BUNDLE_DIGEST");
    assert.equal(await refusedAs((on) => flashShim(address, bundleOf("emulated", "switch"), {}, on)), "E_BUNDLE_KIND");
    assert.equal(shim.bundle.digest, digest);
  });

  test("ends when the shim is gone in the middle, or counts otherwise", async () => {
    const { shim, address } = await setUp();
    shim.intercept = ({ kind }, link) => kind === FRAME_KIND.FLASH && (link.close(), true);
    assert.equal(await refusedAs((on) => flashShim(address, BLADE, {}, on)), "E_LINK_CLOSED");
    shim.intercept = ({ kind }, link) => kind === FRAME_KIND.FLASH && link.send(kind, Buffer.from('{"received":1}'));
    assert.equal(await refusedAs((on) => flashShim(address, BLADE, {}, on)), "E_LINK_PAYLOAD");
  });
});
