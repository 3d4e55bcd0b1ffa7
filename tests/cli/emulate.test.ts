/** The commands around the emulator; what the scenarios must show is in `tests/emulator`. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readCapture } from "../../host/capture/capture.ts";
import { packagePath } from "../../host/paths.ts";
import { assertFails, dobbs, dobbsJson, temporaryFolder } from "./run.ts";

interface EmulateJson {
  readonly name: string;
  readonly engine: string;
  readonly seed: number;
  readonly redirect: boolean;
  readonly connections: number;
  readonly framesRedirected: number;
  readonly outcomes: { readonly reset: number };
  readonly digest: string;
  readonly faults: readonly string[];
}

const folder = temporaryFolder();

test("a scenario by name, with captures of two wires: what is delivered to a host has passed its blade's wire", () => {
  const report = dobbsJson<EmulateJson>(
    folder, "emulate", "scale-down", "--capture", "ardsley=wire.pcapng", "--capture", "ardsley/host=host.pcapng");
  assert.equal(report.name, "scale-down");
  assert.equal(report.engine, "wasmtime");
  assert.equal(report.outcomes.reset, 0);
  assert.deepEqual(report.faults, []);
  const [wire, host] = ["wire.pcapng", "host.pcapng"].map((name) => readCapture(join(folder, name)));
  assert.deepEqual([wire!.interfaces, host!.interfaces], [[{ name: "ardsley" }], [{ name: "ardsley/host" }]]);
  const payloads = new Set(wire!.frames.map(({ bytes }) => Buffer.from(bytes.subarray(14)).toString("hex")));
  const seen = host!.frames.filter(({ bytes }) => payloads.has(Buffer.from(bytes.subarray(14)).toString("hex")));
  assert.ok(host!.frames.length > 1000);
  assert.equal(seen.length, host!.frames.length);
});

test("a scenario file, a seed, an engine: the same again with the same seed, another run with another", () => {
  writeFileSync(join(folder, "mine.yaml"), readFileSync(packagePath("scenarios", "vm.yaml")));
  const run = (...args: string[]): EmulateJson => dobbsJson<EmulateJson>(folder, "emulate", "mine.yaml", ...args);
  const seven = run("--seed", "7", "--engine", "v8");
  assert.equal(seven.seed, 7);
  assert.equal(seven.engine, "v8");
  assert.equal(run("--seed", "7").digest, seven.digest);
  assert.notEqual(run("--seed", "8").digest, seven.digest);
});

test("--redirect off: connections break, nothing is redirected, and that is no fault", () => {
  const report = dobbsJson<EmulateJson>(folder, "emulate", "scale-down", "--redirect", "off");
  assert.equal(report.redirect, false);
  assert.equal(report.framesRedirected, 0);
  assert.ok(report.outcomes.reset > 0);
  assert.deepEqual(report.faults, []);
});

test("text: a timeline, the buckets, the counts", () => {
  const { status, stdout, stderr } = dobbs(folder, "emulate", "scale-down");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^scale-down: /);
  assert.match(stdout, /ardsley is offline/);
  assert.match(stdout, /buckets +before +after/);
  assert.match(stdout, /digest of all frames +[0-9a-f]{64}/);
});

test("what can be wrong with the arguments", () => {
  const usage = { status: 2, code: "E_USAGE", mend: /--help/ } as const;
  assertFails(folder, ["emulate"], { ...usage, message: /missing required argument 'scenario'/ });
  assertFails(folder, ["emulate", "vm", "--seed", "-1"], { ...usage, message: /whole number/ });
  assertFails(folder, ["emulate", "vm", "--engine", "jvm"], { ...usage, message: /wasmtime, v8/ });
  assertFails(folder, ["emulate", "vm", "--capture", "ardsley"], { ...usage, message: /ardsley=wire\.pcapng/ });
  assertFails(folder, ["emulate", "nowhere"], { status: 2, code: "E_SCENARIO_READ", message: /nowhere/, mend: /scenarios\// });
  assertFails(folder, ["emulate", "vm", "--capture", "no-wire=y.pcapng"], { status: 2, code: "E_WIRE_UNKNOWN", message: /"no-wire"/, mend: /dobbs-ferry/ });
});
