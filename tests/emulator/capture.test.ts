import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readCapture } from "../../host/capture/capture.ts";
import { emulate } from "../../host/emulator/run.ts";
import { smallScenario } from "./small.ts";

const folder = mkdtempSync(join(tmpdir(), "dobbs-capture-"));
const ETHERNET_BYTES = 14;
const END_NS = 8_000_000_000n;
const VMAC = "02d0bb000001";

test("wires are captured with virtual times, and the capture changes nothing", () => {
  const scenario = smallScenario();
  const paths = { site: join(folder, "site.pcapng"), wire: join(folder, "wire.pcapng"), host: join(folder, "host.pcapng") };
  const captures = [
    { wire: "university-heights", path: paths.site },
    { wire: "dobbs-ferry", path: paths.wire },
    { wire: "dobbs-ferry/host", path: paths.host },
  ];
  const captured = emulate({ scenario, captures });
  assert.equal(captured.digest, emulate({ scenario }).digest);

  const [site, wire, host] = [paths.site, paths.wire, paths.host].map((path) => readCapture(path));
  assert.deepEqual(wire!.interfaces.map(({ name }) => name), ["dobbs-ferry"]);
  for (const { frames } of [site!, wire!, host!]) {
    assert.ok(frames.length > 100);
    for (const [i, { timeNs, bytes, wireLength }] of frames.entries()) {
      assert.ok(timeNs <= END_NS && (i === 0 || timeNs >= frames[i - 1]!.timeNs), "times go forward, up to the end");
      assert.ok(bytes.length >= ETHERNET_BYTES && bytes.length === wireLength, "frames are whole");
    }
  }
  const destinations = (frames: readonly { bytes: Uint8Array }[]): Set<string> =>
    new Set(frames.map(({ bytes }) => Buffer.from(bytes.subarray(0, 6)).toString("hex")));
  assert.ok(destinations(site!.frames).has(VMAC), "clients send to the VMAC");
  assert.ok(destinations(wire!.frames).has("02d0bb000101"), "what ardsley redirects comes to the MAC of dobbs-ferry");
  assert.ok(!destinations(host!.frames).has(VMAC), "hosts see their own MAC, not the VMAC");
});

test("a wire that is not there: the error names those that are", () => {
  const captures = [{ wire: "elmsford", path: join(folder, "x.pcapng") }];
  assert.throws(() => emulate({ scenario: smallScenario(), captures }), {
    code: "E_WIRE_UNKNOWN",
    message: 'there is no wire "elmsford"',
    mend: "Name one of university-heights, hastings, dobbs-ferry/host, dobbs-ferry, ardsley/host, ardsley.",
  });
});

test("a file that cannot be written", () => {
  const captures = [{ wire: "hastings", path: join(folder, "no", "such", "folder.pcapng") }];
  assert.throws(() => emulate({ scenario: smallScenario(), captures }), { code: "E_CAPTURE_WRITE" });
});
