/** Every kind of traffic over both families through the real images: in peace, with loss, and what a move without
 *  redirection does to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf, runText } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { parseScenario } from "../../host/emulator/scenario-file.ts";
import type { Scenario } from "../../host/emulator/scenario.ts";

const CONNECTIONS = 16;
const EVENT = "  - { at: 3s, add: ardsley }\n";

/** Of each kind 16 connections, half of them over IPv6; long ones are up when the second server joins. */
function scenario(events: string): Scenario {
  const group = (kind: string, more: string): string =>
    `  - { name: ${kind}, kind: ${kind}, family: both, connections: ${CONNECTIONS}, ${more} }\n`;
  return parseScenario(`name: protocols
title: everything over both families
appliance:
  name: hudson-line
  vips: [10.20.0.1, "fd00:20::1", 10.20.0.2]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  services:
    - { protocol: udp, port: 53, class: none }
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
start: [dobbs-ferry]
sites:
  - { name: University Heights, clients: 8 }
  - { name: Hastings, clients: 8 }
traffic:
${group("idle", "start: [500ms, 1s], bytes: 500, silence: [3s, 4s]")}\
${group("upload", "start: [500ms, 1s], bytes: 9000, over: [3s, 4s]")}\
${group("udp", "start: [500ms, 1s], bytes: 9000, over: 1s, silence: [3s, 16s], datagram: 2000, every: 500ms")}\
${group("quic", "start: [500ms, 1s], bytes: 9000, over: 1s, silence: [3s, 16s]")}\
${group("dns", "start: [500ms, 6s], bytes: [60, 3000]")}\
events:${events === "" ? " []" : `\n${events}`}
end: 40s
`, "protocols.yaml");
}

const calm = emulate({ scenario: scenario("") });

test("each of them is done, and every byte arrives", () => {
  assert.deepEqual(faultsOf(calm), []);
  assert.equal(calm.outcomes.done, 5 * CONNECTIONS);
  assert.equal(calm.datagramsLost, 0);
  assert.equal(calm.clients, 16);
  const answers = calm.bytes - CONNECTIONS * (2 * 500 + 9_000 + 4 * 9_000 + 2 * 9_000);
  assert.ok(answers >= CONNECTIONS * 60 && answers <= CONNECTIONS * 3_000, `${answers}`);
});

test("the same seed gives the same run on either engine", () => {
  const { engine, ...other } = emulate({ scenario: scenario(""), engine: "v8" });
  const { engine: _, ...expected } = calm;
  assert.equal(engine, "v8");
  assert.deepEqual(other, expected);
  assert.notEqual(emulate({ scenario: scenario(""), seed: 2 }).digest, calm.digest);
});

test("without redirection what has moved breaks, but for questions", () => {
  const run = emulate({ scenario: scenario(EVENT), redirect: false });
  const { moved, outcomes } = run;
  for (const kind of ["uploads", "tunnels", "quic"] as const) assert.ok(moved[kind] > 2, `${moved[kind]} ${kind}`);
  assert.match(runText(run), new RegExp(`^ {4}tunnels +${moved.tunnels}\n {4}over QUIC +${moved.quic}$`, "m"));
  assert.equal(outcomes.reset, moved.alive);
  assert.equal(outcomes.done, 5 * CONNECTIONS - moved.alive);
});

test("wires that lose frames cost time, and datagrams of tunnels", () => {
  const { network, ...rest } = scenario("");
  const uplink = { ...network.uplink, loss: 0.02 };
  const run = emulate({ scenario: { ...rest, network: { ...network, uplink }, endUs: 80_000_000 } });
  assert.deepEqual(faultsOf(run), []);
  assert.ok(run.datagramsLost > 0);
  assert.ok(run.bytes < calm.bytes && run.bytes > 0.9 * calm.bytes);
});
