/** Tunnels that go on for ever: a drain without a deadline ends all the same, and says what it has cut. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf, runText } from "../../host/emulator/report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { parseScenario } from "../../host/emulator/scenario-file.ts";

const DRAIN_AT_MS = 3_000;
const UDP_DRAIN_MS = 6_000;
const TUNNELS = 24;

function scenario(appliance: string) {
  return parseScenario(
    `name: endless
title: a server is drained while clients have tunnels that they never close
appliance:
  name: hudson-line
  vips: [10.20.0.1]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  ${appliance}
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
start: [dobbs-ferry, ardsley]
sites:
  - { name: University Heights, clients: 12 }
  - { name: Hastings, clients: 12 }
traffic:
  - { name: endless, kind: udp, connections: ${TUNNELS}, start: [500ms, 1s], bytes: 500, over: 500ms, silence: [500ms, 1s], rounds: 20, keeps: true }
events:
  - { at: ${DRAIN_AT_MS}ms, drain: ardsley }
end: 14s
`,
    "endless.yaml",
  );
}

describe("with udpDrain", () => {
  const run = emulate({ scenario: scenario(`udpDrain: ${UDP_DRAIN_MS}ms`) });

  test("the flows of a draining server are cut after that time, and counted", () => {
    assert.ok(run.moved.tunnels >= 5, `${run.moved.tunnels} moved`);
    assert.equal(run.outcomes.cut, run.moved.tunnels);
    assert.equal(run.flowsCut, run.moved.tunnels);
    const overdue = run.timeline.filter(({ event }) => event === "flows-overdue");
    assert.equal(overdue.reduce((sum, { details }) => sum + Number(details["flows"]), 0), run.flowsCut);
    assert.ok(overdue.every(({ timeUs }) => timeUs / 1_000 >= DRAIN_AT_MS + UDP_DRAIN_MS));
    assert.match(runText(run), new RegExp(`flows cut after udpDrain +${run.flowsCut}\n`));
  });

  test("the drain ends then, and not before", () => {
    assert.deepEqual(run.offline.map(({ blade, cutAnnounced, live }) => ({ blade, cutAnnounced, live })), [{ blade: "ardsley", cutAnnounced: 0, live: 0 }]);
    assert.ok(run.offline[0]!.atMs >= DRAIN_AT_MS + UDP_DRAIN_MS);
  });

  test("nothing else is lost: that was announced, and the others go on", () => {
    assert.deepEqual(faultsOf(run), []);
    assert.equal(run.outcomes.keeping, TUNNELS - run.outcomes.cut);
  });
});

test("without it they are not cut for 10 minutes, and the drain goes on as long", () => {
  const run = emulate({ scenario: scenario("") });
  assert.deepEqual([run.flowsCut, run.outcomes.cut, run.outcomes.keeping, run.offline.length], [0, 0, TUNNELS, 0]);
  assert.deepEqual(faultsOf(run), []);
});
