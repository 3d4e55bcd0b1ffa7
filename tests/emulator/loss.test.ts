/** Wires that lose frames and a management network that loses messages cost time, and no connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireTiming } from "../../host/emulator/fabric.ts";
import { faultsOf } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import type { Scenario } from "../../host/emulator/scenario.ts";
import { smallScenario } from "./small.ts";

const WIRE_LOSS = 0.01;
const MANAGEMENT_LOSS = 0.15;
/** Retransmissions back off: what loss delays most is over by then. */
const END_US = 60_000_000;
const SEEDS = 10;

function lossy(scenario: Scenario): Scenario {
  const { uplink, fabric, host, management } = scenario.network;
  const losing = (timing: WireTiming, loss: number): WireTiming => ({ ...timing, loss });
  const network = {
    uplink: losing(uplink, WIRE_LOSS),
    fabric: losing(fabric, WIRE_LOSS),
    host: losing(host, WIRE_LOSS),
    management: losing(management, MANAGEMENT_LOSS),
  };
  return { ...scenario, network, endUs: END_US };
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`frames and messages are lost, connections are not: seed ${seed}`, () => {
    const calm = emulate({ scenario: { ...smallScenario(), endUs: END_US }, seed });
    const run = emulate({ scenario: lossy(smallScenario()), seed });
    assert.notEqual(run.digest, calm.digest);
    assert.deepEqual(faultsOf(run), []);
    assert.equal(run.bytes, calm.bytes);
    assert.ok(run.moved.alive > 0 && run.framesRedirected > 0);
    assert.deepEqual(run.bucketsAfter, { ardsley: 8, "dobbs-ferry": 8 });
  });
}
