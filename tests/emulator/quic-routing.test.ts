/** QUIC connections through moves and changes of their clients' addresses: what keeps them are their connection IDs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerCids } from "../../host/emulator/quic/cid.ts";
import { Random } from "../../host/emulator/random.ts";
import { faultsOf } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { parseScenario } from "../../host/emulator/scenario-file.ts";
import type { Scenario } from "../../host/emulator/scenario.ts";
import { connectionIdConfig } from "../../host/model/connection-ids.ts";
import { serverIdOf } from "../../host/quic/connection-id.ts";

const CONNECTIONS = 48;
const PLAINTEXT = "{ config: 1, serverIdBytes: 2, nonceBytes: 6 }";
const ONE_PASS = '{ config: 2, serverIdBytes: 3, nonceBytes: 13, key: "8f95f09245765f80256934e50c66207f" }';
const FOUR_PASSES = '{ config: 0, serverIdBytes: 3, nonceBytes: 4, key: "8f95f09245765f80256934e50c66207f" }';

/** A server joins and another one is drained, and all clients go on from another address in between. */
function scenario(service: string, migrates: "port" | "address"): Scenario {
  return parseScenario(`name: quic-routing
title: clients of QUIC roam while servers come and go
appliance:
  name: hudson-line
  vips: [10.20.0.1, "fd00:20::1"]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
${service}
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
    - { name: irvington, mac: "02:d0:bb:00:01:03", port: 10 }
start: [dobbs-ferry, ardsley]
sites:
  - { name: University Heights, clients: 8 }
  - { name: Hastings, clients: 8 }
traffic:
  - { name: quic, kind: quic, family: both, connections: ${CONNECTIONS}, start: [500ms, 1s], bytes: 9000, over: 1s, silence: [6s, 12s], migrate: [3s, 8s], migrates: ${migrates} }
events:
  - { at: 3s, add: irvington }
  - { at: 5s, drain: ardsley }
end: 50s
`, "quic-routing.yaml");
}

function withIds(ids: string): string {
  return `  services: [{ protocol: udp, port: 443, class: cid, idle: 25s }]\n  connectionIds: [${ids}]`;
}

for (const ids of [PLAINTEXT, ONE_PASS, FOUR_PASSES]) {
  test(`every connection lives through moves and a change of its client's address: ${ids}`, () => {
    for (const migrates of ["address", "port"] as const) {
      const run = emulate({ scenario: scenario(withIds(ids), migrates) });
      assert.deepEqual(faultsOf(run), []);
      assert.deepEqual([run.outcomes.done, run.migrated], [CONNECTIONS, CONNECTIONS]);
      assert.ok(run.moved.quic > 5 && run.framesRedirected > 100);
      assert.deepEqual(run.offline.map(({ blade, live }) => ({ blade, live })), [{ blade: "ardsley", live: 0 }]);
    }
  });
}

test("without connection IDs that name their server they break when a client's new bucket is another server's", () => {
  const run = emulate({ scenario: scenario("", "address") });
  assert.ok(run.outcomes.reset > 5, `${run.outcomes.reset}`);
});

test("a host's connection IDs name their owner, and no two are the same", () => {
  const { connectionIds } = scenario(withIds(FOUR_PASSES), "port").appliance;
  const config = connectionIdConfig(connectionIds[0]!);
  const [ferry, ardsley] = ["dobbs-ferry", "ardsley"].map((owner) => ownerCids(connectionIds[0]!, owner, new Random("cids")));
  const made = new Set<string>();
  for (let i = 0; i < 600; i++) {
    assert.deepEqual([...serverIdOf(config, ferry!())!], [0, 0, 1]);
    const cid = ardsley!();
    assert.deepEqual([...serverIdOf(config, cid)!], [0, 0, 2]);
    made.add(Buffer.from(cid).toString("hex"));
  }
  assert.equal(made.size, 600);
});
