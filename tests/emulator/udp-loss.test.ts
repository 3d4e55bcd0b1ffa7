/** Wires that lose frames and a management network that loses messages cost tunnels datagrams, and no session; QUIC
 *  connections nothing but time, also when their clients roam meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireTiming } from "../../host/emulator/fabric.ts";
import { faultsOf } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { parseScenario } from "../../host/emulator/scenario-file.ts";

const WIRE_LOSS = 0.01;
const MANAGEMENT_LOSS = 0.15;
const END_US = 120_000_000;
const SEEDS = 3;

const SCENARIO = `name: roaming
title: servers come and go on wires that lose frames
appliance:
  name: hudson-line
  vips: [10.20.0.1, "fd00:20::1"]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  services:
    - { protocol: udp, port: 53, class: none }
    - { protocol: udp, port: 51820, class: flow, idle: 35s }
    - { protocol: udp, port: 443, class: cid, idle: 35s }
  connectionIds:
    - { config: 0, serverIdBytes: 3, nonceBytes: 13, key: "8f95f09245765f80256934e50c66207f" }
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
    - { name: irvington, mac: "02:d0:bb:00:01:03", port: 10 }
start: [dobbs-ferry]
sites:
  - { name: University Heights, clients: 8 }
  - { name: Hastings, clients: 8 }
traffic:
  - { name: quiet, kind: idle, family: both, connections: 16, start: [500ms, 4s], bytes: 500, silence: [3s, 12s] }
  - { name: tunnels, kind: udp, family: both, connections: 32, start: [500ms, 4s], bytes: [20000, 40000], over: [1s, 2s], every: 50ms, silence: [3s, 20s] }
  - { name: calls, kind: udp, family: both, connections: 8, start: [500ms, 4s], bytes: [20000, 40000], over: [4s, 6s], every: 250ms, datagram: 5000 }
  - { name: quic, kind: quic, family: both, connections: 32, start: [500ms, 4s], bytes: [20000, 40000], over: [1s, 2s], every: 50ms, silence: [3s, 20s], migrate: [2s, 10s] }
  - { name: names, kind: dns, family: both, connections: 16, start: [500ms, 8s], bytes: [100, 1000] }
events:
  - { at: 2s, add: ardsley }
  - { at: 4s, add: irvington }
  - { at: 6s, drain: ardsley }
end: 60s
`;

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`datagrams are lost, sessions are not: seed ${seed}`, () => {
    const scenario = parseScenario(SCENARIO, "roaming.yaml");
    const { uplink, fabric, host, management } = scenario.network;
    const losing = (timing: WireTiming, loss: number): WireTiming => ({ ...timing, loss });
    const network = {
      uplink: losing(uplink, WIRE_LOSS),
      fabric: losing(fabric, WIRE_LOSS),
      host: losing(host, WIRE_LOSS),
      management: losing(management, MANAGEMENT_LOSS),
    };
    const run = emulate({ scenario: { ...scenario, network, endUs: END_US }, seed });
    assert.deepEqual(faultsOf(run), []);
    assert.equal(run.outcomes.done, run.connections);
    assert.ok(run.moved.tunnels > 10 && run.moved.quic > 10 && run.migrated > 20);
    assert.ok(run.datagramsLost > 0);
  });
}
