import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadScenario, parseScenario, scenarioPath, shippedScenarios } from "../../host/emulator/scenario-file.ts";
import { DobbsError } from "../../host/errors.ts";

const GOOD = `name: small
title: a small scenario
appliance:
  name: hudson-line
  vips: [10.20.0.1]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
start: [dobbs-ferry]
sites:
  - { name: University Heights, clients: 3 }
  - { name: Hastings, clients: 2 }
traffic:
  - { name: quiet, kind: idle, connections: 4, start: 1s, bytes: 500, silence: [2s, 3.5s], rounds: 2 }
  - { name: uploads, kind: upload, connections: 2, start: [0s, 250ms], bytes: [10, 20], over: 4s, every: 50ms }
events:
  - { at: 5s, drain: dobbs-ferry, deadline: 2s }
  - { at: 3s, add: ardsley }
  - { at: 4s, move: [3, 15], to: ardsley }
  - { at: 4s, weights: { ardsley: 3 } }
end: 9s
`;

function failure(text: string): DobbsError {
  try {
    parseScenario(text, "a.yaml");
  } catch (error) {
    assert.ok(error instanceof DobbsError, String(error));
    assert.ok(error.mend.length > 0);
    assert.equal(error.exitStatus, 2);
    return error;
  }
  assert.fail("it was taken for good");
}

/** What comes of GOOD when `from` is replaced. */
function spoiled(from: string, to: string): string {
  assert.ok(GOOD.includes(from), from);
  const { code, message } = failure(GOOD.replace(from, to));
  return `${code} ${message}`;
}

test("a scenario is read, times in µs, events in order of time, defaults filled in", () => {
  const scenario = parseScenario(GOOD, "a.yaml");
  assert.equal(scenario.seed, 1);
  assert.equal(scenario.endUs, 9_000_000);
  assert.equal(scenario.appliance.buckets, 16);
  assert.deepEqual(scenario.network.uplink, { latencyUs: 2_000, jitterUs: 1_000, loss: 0 });
  assert.deepEqual(scenario.traffic[0], {
    name: "quiet",
    kind: "idle",
    connections: 4,
    families: [4],
    datagramBytes: 1_200,
    migrateUs: null,
    migrates: "address",
    rounds: 2,
    keeps: false,
    bytes: [500, 500],
    startUs: [1_000_000, 1_000_000],
    overUs: [0, 0],
    everyUs: 200_000,
    silenceUs: [2_000_000, 3_500_000],
  });
  assert.deepEqual(scenario.events, [
    { atUs: 3_000_000, kind: "add", blade: "ardsley" },
    { atUs: 4_000_000, kind: "move", buckets: [3, 15], to: "ardsley" },
    { atUs: 4_000_000, kind: "weights", weights: { ardsley: 3 } },
    { atUs: 5_000_000, kind: "drain", blade: "dobbs-ferry", deadlineUs: 2_000_000 },
  ]);
});

test("an appliance may be a file, relative to the scenario's", () => {
  const folder = mkdtempSync(join(tmpdir(), "dobbs-scenario-"));
  const inline = GOOD.slice(GOOD.indexOf("  name: hudson-line"), GOOD.indexOf("start: ["));
  writeFileSync(join(folder, "appliance.yaml"), inline.replace(/^ {2}/gm, ""));
  writeFileSync(join(folder, "scenario.yaml"), GOOD.replace(/appliance:\n( .*\n)+/, "appliance: appliance.yaml\n"));
  const { title, ...scenario } = loadScenario(join(folder, "scenario.yaml"));
  const { title: _, ...expected } = parseScenario(GOOD, "a.yaml");
  assert.deepEqual(scenario, expected);
});

test("the shipped scenarios are found by name, other ones by path", () => {
  for (const path of shippedScenarios()) assert.equal(scenarioPath(loadScenario(path).name), path);
  assert.equal(scenarioPath("./my.yaml"), "./my.yaml");
});

test("a file that is not there, or is no YAML", () => {
  assert.throws(() => loadScenario("no/such.yaml"), { code: "E_SCENARIO_READ", message: /no\/such\.yaml: there is no such file/ });
  assert.equal(failure("a: [").code, "E_SCENARIO_YAML");
  assert.match(failure(`${GOOD}---\nx: 1\n`).message, /^a\.yaml:25:\d+: a second YAML document/);
});

test("what the schema forbids is told with line, field and what belongs there", () => {
  assert.match(spoiled("end: 9s\n", ""), /^E_SCENARIO_MISSING a\.yaml:1: "end" is missing/);
  assert.match(spoiled("end: 9s", "end: 9"), /^E_SCENARIO_VALUE a\.yaml:24: end: 9 is not what belongs here/);
  assert.match(failure(GOOD.replace("end: 9s", "end: 9")).mend, /duration, such as 1\.5s|such as 40s/);
  assert.match(spoiled("kind: upload", "kind: sideload"), /^E_SCENARIO_VALUE a\.yaml:18: traffic\[1\]\.kind: "sideload"/);
  assert.match(spoiled("rounds: 2", "turns: 2"), /^E_SCENARIO_UNKNOWN a\.yaml:17: traffic\[0\]\.turns: unknown field "turns"/);
  assert.match(spoiled("clients: 3", "clients: 0"), /^E_SCENARIO_VALUE a\.yaml:14: sites\[0\]\.clients: 0/);
  assert.match(spoiled("start: 1s", "start: [1s]"), /^E_SCENARIO_VALUE a\.yaml:17: traffic\[0\]\.start/);
});

test("a mistake in the appliance is told with its line in the scenario file", () => {
  assert.match(spoiled("buckets: 16", "buckets: 17"), /^E_APPLIANCE_BUCKETS a\.yaml:7: buckets: 17/);
  assert.match(spoiled("port: 9 }", "port: 8 }"), /^E_APPLIANCE_DUPLICATE a\.yaml:11: blades\[1\]\.port/);
});

test("names that nothing has", () => {
  assert.match(spoiled("add: ardsley", "stall: ardsley"), /^E_SCENARIO_MISSING .* events\[1\]: "for" is missing/);
  assert.match(spoiled("add: ardsley", "stall: rye, for: 1s"), /^E_SCENARIO_REFERENCE .* events\[1\]\.stall: there is no blade "rye"/);
  assert.match(spoiled("add: ardsley", "add: ardsley, for: 1s"), /^E_SCENARIO_EVENT .* events\[1\]\.for: "for" says nothing without "stall"/);
  assert.match(spoiled("start: [dobbs-ferry]", "start: [elmsford]"), /^E_SCENARIO_REFERENCE a\.yaml:12: start\[0\]: there is no blade "elmsford"/);
  assert.match(spoiled("add: ardsley", "add: elmsford"), /^E_SCENARIO_REFERENCE a\.yaml:21: events\[1\]\.add/);
  assert.match(spoiled("drain: dobbs-ferry", "drain: elmsford"), /^E_SCENARIO_REFERENCE .* events\[0\]\.drain/);
  assert.match(spoiled("to: ardsley", "to: elmsford"), /^E_SCENARIO_REFERENCE .* events\[2\]\.to/);
  assert.match(spoiled("{ ardsley: 3 }", "{ elmsford: 3 }"), /^E_SCENARIO_REFERENCE .* events\[3\]\.weights\.elmsford/);
  assert.match(spoiled("[3, 15]", "[3, 16]"), /^E_SCENARIO_REFERENCE .* events\[2\]\.move\[1\]: there is no bucket 16/);
});

test("events that say nothing, or too much", () => {
  assert.match(spoiled("add: ardsley", "deadline: 1s"), /^E_SCENARIO_EVENT .* events\[1\]: nothing happens here/);
  assert.match(spoiled("add: ardsley", "add: ardsley, drain: ardsley"), /^E_SCENARIO_EVENT .* add and drain cannot be one event/);
  assert.match(spoiled("drain: dobbs-ferry, deadline", "add: ardsley, deadline"), /^E_SCENARIO_EVENT .* events\[0\]\.deadline/);
  assert.match(spoiled(", to: ardsley", ""), /^E_SCENARIO_MISSING .* events\[2\]: "to" is missing/);
  assert.match(spoiled("weights: { ardsley: 3 }", "weights: { ardsley: 3 }, to: ardsley"), /^E_SCENARIO_EVENT .* events\[3\]\.to/);
  assert.match(spoiled("start: [dobbs-ferry]", "start: [dobbs-ferry, ardsley]"), /^E_SCENARIO_EVENT .* ardsley serves from the beginning/);
});

test("times and ranges that cannot be", () => {
  assert.match(spoiled("at: 5s", "at: 9s"), /^E_SCENARIO_TIME a\.yaml:20: events\[0\]\.at: 9s is not before the end/);
  assert.match(spoiled("[0s, 250ms]", "[0s, 10s]"), /^E_SCENARIO_TIME .* traffic\[1\]\.start/);
  assert.match(spoiled("[2s, 3.5s]", "[3.5s, 2s]"), /^E_SCENARIO_VALUE .* traffic\[0\]\.silence: 3\.5s is more than 2s/);
  assert.match(spoiled("[10, 20]", "[20, 10]"), /^E_SCENARIO_VALUE .* traffic\[1\]\.bytes/);
  assert.match(spoiled("every: 50ms", "every: 0ms"), /^E_SCENARIO_VALUE .* traffic\[1\]\.every/);
});

test("traffic that lacks what its kind needs", () => {
  assert.match(spoiled("silence: [2s, 3.5s], ", ""), /^E_SCENARIO_MISSING .* traffic\[0\]: "silence" is missing/);
  assert.match(spoiled("over: 4s, ", ""), /^E_SCENARIO_MISSING .* traffic\[1\]: "over" is missing/);
  assert.match(spoiled("every: 50ms", "keeps: true"), /^E_SCENARIO_VALUE .* traffic\[1\]\.keeps/);
});

test("sites and addresses that clash", () => {
  assert.match(spoiled("uplinks: [0, 1]", "uplinks: [0]"), /^E_SCENARIO_SITES a\.yaml:13: sites: 2 sites .* uplinks: 1/);
  assert.match(spoiled("name: Hastings", "name: university heights"), /^E_SCENARIO_DUPLICATE .* sites\[1\]\.name/);
  assert.match(spoiled("name: Hastings", "name: Ardsley"), /^E_SCENARIO_DUPLICATE .* a blade has the wire called "ardsley"/);
  assert.match(spoiled("10.20.0.1", "10.20.1.1"), /^E_SCENARIO_ADDRESS a\.yaml:3: appliance: the VIP 10\.20\.1\.1/);
  assert.match(spoiled("[10.20.0.1]", '["2001:db8::5:1"]'), /^E_SCENARIO_ADDRESS .* the VIP 2001:db8::5:1 is where/);
  assert.match(spoiled("[10.20.0.1]", "[10.20.0.1, 10.21.0.1]"), /^E_SCENARIO_ADDRESS .* 10\.20\.0\.1 and 10\.21\.0\.1 are not in one network/);
  assert.match(spoiled("[10.20.0.1]", "[10.20.0.1, 10.20.0.2, 10.20.0.3, 10.20.0.4, 10.20.0.5, 10.20.0.6, 10.20.0.7, 10.20.0.8]"), /^E_SCENARIO_ADDRESS .* 8 VIPs .* room for: 7/);
});

test("groups over UDP and IPv6, and their defaults", () => {
  const groups = `
  - { name: tunnels, kind: udp, family: both, connections: 2, start: 1s, bytes: 9000, over: 1s, silence: 2s, datagram: 8000 }
  - { name: quic, kind: quic, family: ipv6, connections: 2, start: 1s, bytes: 9000, over: 1s, migrate: [1s, 2s], migrates: port }
  - { name: names, kind: dns, connections: 2, start: 1s, bytes: 200 }
events:`;
  const { traffic } = parseScenario(GOOD.replace("[10.20.0.1]", '[10.20.0.1, "fd00::1"]').replace("\nevents:", groups), "a.yaml");
  const shown = traffic.map(({ kind, families, datagramBytes, migrateUs, migrates }) => ({ kind, families, datagramBytes, migrateUs, migrates }));
  assert.deepEqual(shown.slice(2), [
    { kind: "udp", families: [4, 6], datagramBytes: 8_000, migrateUs: null, migrates: "address" },
    { kind: "quic", families: [6], datagramBytes: 1_200, migrateUs: [1_000_000, 2_000_000], migrates: "port" },
    { kind: "dns", families: [4], datagramBytes: 1_200, migrateUs: null, migrates: "address" },
  ]);
  const alone = parseScenario(GOOD.replace("[10.20.0.1]", '["fd00::1"]'), "a.yaml");
  assert.deepEqual(alone.traffic[0]!.families, [6]);
});

test("groups that cannot be", () => {
  assert.match(spoiled("kind: upload", "kind: upload, family: ipv6"), /^E_SCENARIO_REFERENCE .* traffic\[1\]\.family: the appliance has no IPv6 VIP/);
  assert.match(spoiled("kind: upload", "kind: upload, family: both"), /^E_SCENARIO_REFERENCE .* no IPv6 VIP/);
  assert.match(spoiled("kind: upload", "kind: upload, silence: 1s"), /^E_SCENARIO_VALUE .* traffic\[1\]\.silence: "silence" says nothing of upload/);
  assert.match(spoiled("kind: upload", "kind: udp, migrate: 1s"), /^E_SCENARIO_VALUE .* traffic\[1\]\.migrate: "migrate" says nothing of udp/);
  assert.match(spoiled("kind: upload", "kind: quic, migrate: [2s, 1s]"), /^E_SCENARIO_VALUE .* traffic\[1\]\.migrate: 2s is more than 1s/);
  assert.match(spoiled("kind: upload, connections: 2, start: [0s, 250ms], bytes: [10, 20], over: 4s, every: 50ms", "kind: udp, connections: 2, start: 1s, bytes: 10"), /^E_SCENARIO_MISSING .* traffic\[1\]: "over" is missing/);
  assert.match(spoiled("kind: upload, connections: 2, start: [0s, 250ms], bytes: [10, 20]", "kind: dns, connections: 2, start: 1s, bytes: [10, 40000]"), /^E_SCENARIO_VALUE .* traffic\[1\]\.bytes: an answer of 40000 bytes/);
});
