import assert from "node:assert/strict";
import { test } from "node:test";
import { areNeighbours, clientPlace, hostAddresses, isInPlan, SITES_MAX } from "../../host/emulator/address-plan.ts";

const VIPS = { 4: "10.20.0.1", 6: "fd00:20::1" } as const;

test("clients and hosts are in the networks of the VIPs, and tell who they are", () => {
  assert.deepEqual(clientPlace(VIPS, 0, 4), {
    mac: "02:c1:0a:14:01:05",
    addresses: { 4: "10.20.1.5", 6: "fd00:20::1:5" },
    roaming: { 4: "10.20.126.5", 6: "fd00:20::7e:5" },
  });
  assert.deepEqual(hostAddresses(VIPS, 1), { 4: "10.20.254.2", 6: "fd00:20::fe:2" });
});

test("an appliance of one family has clients of that family, with MAC addresses of their own", () => {
  assert.deepEqual(clientPlace({ 4: VIPS[4] }, 2, 0).addresses, { 4: "10.20.3.1" });
  const { mac, addresses } = clientPlace({ 6: VIPS[6] }, 2, 0);
  assert.deepEqual({ mac, addresses }, { mac: "02:c1:00:00:03:01", addresses: { 6: "fd00:20::3:1" } });
});

test("no address is given out twice, and none is where VIPs may be", () => {
  const given = new Set<string>();
  const places = Array.from({ length: SITES_MAX }, (_, site) => [0, 249].map((number) => clientPlace(VIPS, site, number))).flat();
  const addresses = places.flatMap(({ addresses, roaming }) => [...Object.values(addresses), ...Object.values(roaming)]);
  for (const address of [...addresses, ...Object.values(hostAddresses(VIPS, 0))]) {
    assert.ok(isInPlan(address), address);
    assert.ok(!given.has(address), address);
    given.add(address);
  }
  for (const vip of Object.values(VIPS)) assert.ok(!isInPlan(vip), vip);
});

test("neighbours are of one family and network", () => {
  assert.ok(areNeighbours("10.20.0.1", "10.20.255.1"));
  assert.ok(!areNeighbours("10.20.0.1", "10.21.0.1"));
  assert.ok(areNeighbours("fd00:20::1", "fd00:20:0:0:ffff::1"));
  assert.ok(!areNeighbours("fd00:20::1", "fd00:20:0:1::1"));
  assert.ok(!areNeighbours("10.20.0.1", "fd00:20::1"));
});
