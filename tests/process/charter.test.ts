import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppliance } from "../../host/model/appliance-file.ts";
import { bladeIdentity, charterOf } from "../../host/process/charter.ts";
import { bladeSetup } from "../../host/supervisor/node-setup.ts";

const FILE = `
name: westchester
vips: [192.0.2.1]
vmac: 02:d0:bb:00:00:01
hash: low-bits
buckets: 16
uplinks: [0]
blades:
  - { name: ardsley, mac: "02:00:00:00:00:01", port: 1 }
  - name: dobbs-ferry
    mac: "02:00:00:00:00:02"
    port: 2
    vms:
      - { name: vm1, mac: "02:00:00:00:01:02", port: 1 }
      - { name: vm2, mac: "02:00:00:00:02:02", port: 2 }
filters:
  - { action: drop, ethertype: arp, at: switch }
  - { action: drop, ethertype: 34999, at: blades }
  - { action: allow, port: 1, at: ardsley }
forward:
  - { mac: "02:00:00:00:09:02", port: 3, at: dobbs-ferry }
connectionIds:
  - { config: 1, serverIdBytes: 2, nonceBytes: 6, servers: { dobbs-ferry/vm2: "00FF" } }
udpDrain: 300s
switches:
  - name: west
    dobbs: { link: "unix:/run/dobbs/west.sock" }
`;
const appliance = parseAppliance(FILE, "charter.test");
const seed = Uint8Array.from({ length: 16 }, (_, at) => at * 16 + at);
const shared = { appliance, seed, redirect: true };

test("a blade's charter says what concerns it, and nothing of the others", () => {
  const [ardsley, dobbsFerry] = appliance.blades;
  assert.deepEqual(charterOf(shared, ardsley!, { pollMs: 50 }), {
    appliance: "westchester",
    vips: ["192.0.2.1"],
    vmac: "02:d0:bb:00:00:01",
    hash: "low-bits",
    buckets: 16,
    seed: "00112233445566778899aabbccddeeff",
    redirect: true,
    blade: {
      name: "ardsley",
      mac: "02:00:00:00:00:01",
      port: 1,
      owners: [{ name: "ardsley", mac: "02:00:00:00:00:01", hostPort: 1 }],
      ports: ["fabric", "host"],
    },
    services: [],
    connectionIds: [
      {
        config: 1,
        serverIdBytes: 2,
        nonceBytes: 6,
        serverIds: [
          { mac: "02:00:00:00:00:01", id: "0001" },
          { mac: "02:00:00:00:01:02", id: "0002" },
          { mac: "02:00:00:00:02:02", id: "00ff" },
        ],
      },
    ],
    filters: [{ action: "drop", ethertype: 34999 }, { action: "allow", port: 1 }],
    forward: [],
    switches: [{ kind: "dobbs", name: "west", role: "active", link: "unix:/run/dobbs/west.sock" }],
    timing: { flowDrainMs: 300_000, pollMs: 50 },
  });
  const other = charterOf(shared, dobbsFerry!);
  assert.deepEqual(other.blade.owners, [
    { name: "dobbs-ferry/vm1", mac: "02:00:00:00:01:02", hostPort: 1 },
    { name: "dobbs-ferry/vm2", mac: "02:00:00:00:02:02", hostPort: 2 },
  ]);
  assert.deepEqual(other.blade.ports, ["fabric", "host", "host", "host"]);
  assert.deepEqual(other.forward, [{ mac: "02:00:00:00:09:02", port: 3 }]);
});

test("a blade that was added at run time has a charter too", () => {
  const late = { name: "yonkers", mac: "02:00:00:00:00:03", port: 3, weight: 1, vms: [] };
  const { blade } = charterOf(shared, late);
  assert.deepEqual(blade.owners, [{ name: "yonkers", mac: late.mac, hostPort: 1 }]);
});

test("what an IPD is told is the same, by way of a charter and JSON, as in the emulator", () => {
  for (const blade of appliance.blades) {
    const { localOwners: _, ...identity } = bladeSetup(shared, blade).identity;
    assert.deepEqual(bladeIdentity(JSON.parse(JSON.stringify(charterOf(shared, blade)))), identity);
  }
});
