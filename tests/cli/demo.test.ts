import assert from "node:assert/strict";
import { test } from "node:test";
import { dobbsJson, temporaryFolder } from "./run.ts";

interface DemoJson {
  readonly engine: string;
  readonly scenarios: readonly {
    readonly name: string;
    readonly connections: number;
    readonly movedAlive: number;
    readonly framesRedirected: number;
    readonly resets: number;
    readonly resetsWithoutRedirection: number;
    readonly bytes: number;
    readonly digest: string;
  }[];
}

test("demo --json is one document: every scenario, no reset with redirection, many without", () => {
  const { engine, scenarios } = dobbsJson<DemoJson>(temporaryFolder(), "demo");
  assert.equal(engine, "wasmtime");
  assert.deepEqual(scenarios.map(({ name }) => name), ["scale-up", "scale-down", "deadline", "vm", "stuck", "ipv6", "udp-scale"]);
  for (const scenario of scenarios) {
    assert.equal(scenario.resets, 0, scenario.name);
    assert.ok(scenario.connections >= 200 && scenario.movedAlive >= 60, scenario.name);
    assert.ok(scenario.resetsWithoutRedirection >= 0.8 * scenario.movedAlive, scenario.name);
    assert.ok(scenario.framesRedirected > 0 && scenario.bytes > 0, scenario.name);
    assert.match(scenario.digest, /^[0-9a-f]{64}$/);
  }
});
