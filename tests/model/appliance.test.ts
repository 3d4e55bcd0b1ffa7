import assert from "node:assert/strict";
import { test } from "node:test";
import { filtersAt, forwardAt, ownersOf } from "../../host/model/appliance.ts";
import { loadAppliance, parseAppliance } from "../../host/model/appliance-file.ts";

const SMALL = `name: dobbs
vips: [192.0.2.80, "2001:DB8::50"]
vmac: 02:D0:BB:00:00:50
uplinks: [0]
blades:
  - name: dobbs-ferry
    mac: 02:d0:bb:00:01:01
    port: 1
  - name: ardsley
    mac: 02:d0:bb:00:01:02
    port: 2
    weight: 3
    vms:
      - { name: vm1, mac: 02:d0:bb:00:02:01, port: 1 }
      - { name: vm2, mac: 02:d0:bb:00:02:02, port: 2 }
`;

test("a small file: defaults filled in, addresses in one form", () => {
  assert.deepEqual(parseAppliance(SMALL, "a.yaml"), {
    name: "dobbs",
    vips: ["192.0.2.80", "2001:db8::50"],
    vmac: "02:d0:bb:00:00:50",
    buckets: 256,
    hash: "mix",
    uplinks: [0],
    blades: [
      { name: "dobbs-ferry", mac: "02:d0:bb:00:01:01", port: 1, weight: 1, vms: [] },
      {
        name: "ardsley",
        mac: "02:d0:bb:00:01:02",
        port: 2,
        weight: 3,
        vms: [
          { name: "vm1", mac: "02:d0:bb:00:02:01", port: 1 },
          { name: "vm2", mac: "02:d0:bb:00:02:02", port: 2 },
        ],
      },
    ],
    services: [],
    connectionIds: [],
    filters: [],
    forward: [],
    switches: [],
  });
});

test("udpDrain: a time up to a day", () => {
  const drain = (text: string) => parseAppliance(`${SMALL}udpDrain: ${text}\n`, "a.yaml").udpDrainMs;
  assert.equal(drain("300s"), 300_000);
  assert.equal("udpDrainMs" in parseAppliance(SMALL, "a.yaml"), false);
  for (const wrong of ["0s", "100us", "86401s"]) {
    assert.throws(() => drain(wrong), { code: "E_APPLIANCE_SERVICE" }, wrong);
  }
});

test("balance: by load with its defaults, or as it says; by weight it is as without", () => {
  const balance = (text: string) => parseAppliance(`${SMALL}balance: ${text}\n`, "a.yaml").balance;
  assert.deepEqual(balance("{ by: load }"), { share: 0.05, everyMs: 10_000, gap: 0.25 });
  assert.deepEqual(balance("{ by: load, share: 12.5%, every: 120s, gap: 1 }"), { share: 0.125, everyMs: 120_000, gap: 1 });
  assert.equal("balance" in parseAppliance(`${SMALL}balance: { by: weight }\n`, "a.yaml"), false);
});

test("owners: a blade without VMs itself, else its VMs, which divide its weight", () => {
  const appliance = parseAppliance(SMALL, "a.yaml");
  assert.deepEqual(ownersOf(appliance), [
    { owner: { name: "dobbs-ferry", mac: "02:d0:bb:00:01:01", blade: "dobbs-ferry", port: 1 }, weight: 1, hostPort: 1 },
    { owner: { name: "ardsley/vm1", mac: "02:d0:bb:00:02:01", blade: "ardsley", port: 2 }, weight: 1.5, hostPort: 1 },
    { owner: { name: "ardsley/vm2", mac: "02:d0:bb:00:02:02", blade: "ardsley", port: 2 }, weight: 1.5, hostPort: 2 },
  ]);
});

test("services: protocols by name or number, times in ms, defaults filled in", () => {
  const appliance = parseAppliance(
    `${SMALL}
services:
  - { protocol: udp, port: 53, class: none }
  - { vip: "2001:DB8:0::50", protocol: 17, class: flow, idle: 1.5s, provisional: 200ms }
  - { protocol: gre, class: flow }
`,
    "a.yaml",
  );
  const times = { idleMs: 60_000, provisionalMs: 5_000 };
  assert.deepEqual(appliance.services, [
    { protocol: 17, port: 53, class: "none", ...times },
    { vip: "2001:db8::50", protocol: 17, class: "flow", idleMs: 1_500, provisionalMs: 200 },
    { protocol: 47, class: "flow", ...times },
  ]);
});

test("filters and forward entries, and where they hold", () => {
  const appliance = parseAppliance(
    `${SMALL}
filters:
  - { action: drop, destination: "01:80:c2:00:00:0F/ff:ff:ff:ff:ff:f0", ethertype: 0x88cc }
  - { action: allow, source: 02:d0:bb:00:03:01, ethertype: arp, port: 1, at: ardsley }
  - { action: drop, at: switch }
forward:
  - { mac: 02:d0:bb:00:03:01, port: 3, at: ardsley }
  - { mac: 02:d0:bb:00:03:02, port: 0, at: switch }
`,
    "a.yaml",
  );
  const [lldp, arp, rest] = appliance.filters;
  assert.deepEqual(lldp, {
    action: "drop",
    destination: { mac: "01:80:c2:00:00:00", mask: "ff:ff:ff:ff:ff:f0" },
    ethertype: 0x88cc,
    at: "blades",
  });
  assert.deepEqual(arp, {
    action: "allow",
    source: { mac: "02:d0:bb:00:03:01", mask: "ff:ff:ff:ff:ff:ff" },
    ethertype: 0x0806,
    port: 1,
    at: "ardsley",
  });
  assert.deepEqual(filtersAt(appliance, "dobbs-ferry"), [lldp]);
  assert.deepEqual(filtersAt(appliance, "ardsley"), [lldp, arp]);
  assert.deepEqual(filtersAt(appliance, "switch"), [rest]);
  assert.deepEqual(forwardAt(appliance, "ardsley").map(({ port }) => port), [3]);
  assert.deepEqual(forwardAt(appliance, "switch").map(({ port }) => port), [0]);
});

const LOW_BITS = SMALL.replace(', "2001:DB8::50"', "").replace("uplinks", "hash: low-bits\nuplinks");

test("switches: how to program each, the first one active if nothing is said", () => {
  const { switches } = parseAppliance(
    `${LOW_BITS}switches:
  - name: west
    dobbs: { link: "unix:/run/dobbs/west.sock" }
  - name: east
    nft: { run: [ip, netns, exec, east], interfaces: { 0: up0, 1: p1, 2: p2 } }
  - { name: top, role: standby, ovs: { bridge: br0, interfaces: { 0: up0, 1: p1, 2: p2 } } }
`,
    "a.yaml",
  );
  const interfaces = { 0: "up0", 1: "p1", 2: "p2" };
  assert.deepEqual(switches, [
    { name: "west", role: "active", kind: "dobbs", link: "unix:/run/dobbs/west.sock" },
    { name: "east", role: "standby", kind: "nft", run: ["ip", "netns", "exec", "east"], interfaces },
    { name: "top", role: "standby", kind: "ovs", run: [], bridge: "br0", interfaces },
  ]);
});

test("the roles that a file gives its switches are theirs", () => {
  const link = `dobbs: { link: "tls:192.0.2.1:7443" }`;
  const { switches } = parseAppliance(
    `${SMALL}switches: [{ name: a, role: standby, ${link} }, { name: b, role: active, ${link} }]\n`,
    "a.yaml",
  );
  assert.deepEqual(switches.map(({ role }) => role), ["standby", "active"]);
});

/** The section from line 17 on, behind a file whose hash and VIPs any switch can match. */
function withSwitches(...entries: string[]): string {
  return `${LOW_BITS}switches:\n${entries.map((entry) => `  - ${entry}\n`).join("")}`;
}
const NFT_PORTS = "interfaces: { 0: up0, 1: p1, 2: p2 }";
const DOBBS_LINK = 'dobbs: { link: "unix:/a" }';

test("an IPv6 VIP may be behind switches of any kind", () => {
  for (const kind of [DOBBS_LINK, `nft: { ${NFT_PORTS} }`, `ovs: { bridge: br0, ${NFT_PORTS} }`]) {
    const text = withSwitches(`{ name: west, ${kind} }`).replace("80]", '80, "2001:db8::50"]');
    assert.ok(parseAppliance(text, "a.yaml").vips.includes("2001:db8::50"));
  }
});

/** what is wrong -> the file, the code, and where the message says it is */
const WRONG: Record<string, readonly [file: string, code: string, where: string]> = {
  "an empty file": ["", "E_APPLIANCE_VALUE", "a.yaml:1:"],
  "a list": ["- 1\n", "E_APPLIANCE_VALUE", "a.yaml:1:"],
  "broken YAML": [SMALL.replace("uplinks: [0]", "uplinks: [0"), "E_APPLIANCE_YAML", "a.yaml:5:"],
  "two documents": [`${SMALL}---\nname: second\n`, "E_APPLIANCE_YAML", "a.yaml:16:"],
  "an alias without an anchor": [SMALL.replace("uplinks: [0]", "uplinks: *ports"), "E_APPLIANCE_YAML", "a.yaml:"],
  "a field twice": [`${SMALL}name: again\n`, "E_APPLIANCE_YAML", "a.yaml:16:"],
  "an unknown field": [`${SMALL}hahs: mix\n`, "E_APPLIANCE_UNKNOWN", "a.yaml:16: hahs:"],
  "a missing field": [SMALL.replace("uplinks: [0]\n", ""), "E_APPLIANCE_MISSING", 'a.yaml:1: "uplinks" is missing'],
  "a missing field of a blade": [SMALL.replace("    port: 2\n", ""), "E_APPLIANCE_MISSING", 'a.yaml:9: blades[1]: "port" is missing'],
  "an unknown hash": [`${SMALL}hash: sha1\n`, "E_APPLIANCE_VALUE", "a.yaml:16: hash:"],
  "a seed without quotes": [`${SMALL}seed: 00000000000000000000000000000001\n`, "E_APPLIANCE_VALUE", "a.yaml:16: seed:"],
  "a port too high": [SMALL.replace("port: 2\n", "port: 255\n"), "E_APPLIANCE_VALUE", "a.yaml:11: blades[1].port:"],
  "a VM on the wire": [SMALL.replace("port: 2 }", "port: 0 }"), "E_APPLIANCE_VALUE", "a.yaml:15: blades[1].vms[1].port:"],
  "a weight of 0": [SMALL.replace("weight: 3", "weight: 0"), "E_APPLIANCE_VALUE", "a.yaml:12: blades[1].weight:"],
  "a MAC with five bytes": [SMALL.replace("01:02", "01"), "E_APPLIANCE_VALUE", "a.yaml:10: blades[1].mac:"],
  "a group address as a MAC": [SMALL.replace("02:D0", "03:D0"), "E_APPLIANCE_ADDRESS", "a.yaml:3: vmac:"],
  "a VIP that is none": [SMALL.replace("192.0.2.80", "192.0.2.800"), "E_APPLIANCE_ADDRESS", "a.yaml:2: vips[0]:"],
  "a multicast VIP": [SMALL.replace("192.0.2.80", "224.0.0.1"), "E_APPLIANCE_ADDRESS", "a.yaml:2: vips[0]:"],
  "buckets that are no power of two": [`${SMALL}buckets: 100\n`, "E_APPLIANCE_BUCKETS", "a.yaml:16: buckets:"],
  "a balance by nothing that there is": [`${SMALL}balance: { by: luck }\n`, "E_APPLIANCE_VALUE", "a.yaml:16: balance.by:"],
  "a share that is no share": [`${SMALL}balance: { by: load, share: 101% }\n`, "E_APPLIANCE_VALUE", "a.yaml:16: balance.share:"],
  "a share of no bucket": [
    `${SMALL}balance: { by: load, share: 0.3% }\n`,
    "E_APPLIANCE_BALANCE",
    "a.yaml:16: balance.share: 0.3% of 256 buckets is not one bucket",
  ],
  "looks at the load all the time": [`${SMALL}balance: { by: load, every: 0s }\n`, "E_APPLIANCE_BALANCE", "a.yaml:16: balance.every:"],
  "looks at the load once a day": [`${SMALL}balance: { by: load, every: 86400s }\n`, "E_APPLIANCE_BALANCE", "a.yaml:16: balance.every:"],
  "a gap that is none": [`${SMALL}balance: { by: load, gap: 0 }\n`, "E_APPLIANCE_VALUE", "a.yaml:16: balance.gap:"],
  "a VIP twice": [SMALL.replace("192.0.2.80", '"2001:db8:0::50"'), "E_APPLIANCE_DUPLICATE", "a.yaml:2: vips[1]:"],
  "a blade's name twice": [SMALL.replace("ardsley", "dobbs-ferry"), "E_APPLIANCE_DUPLICATE", "a.yaml:9: blades[1].name:"],
  "a VM's name twice": [SMALL.replace("vm2", "vm1"), "E_APPLIANCE_DUPLICATE", "a.yaml:15: blades[1].vms[1].name:"],
  "a MAC twice": [SMALL.replace("02:02,", "02:01,"), "E_APPLIANCE_DUPLICATE", "a.yaml:15: blades[1].vms[1].mac:"],
  "the VMAC as a blade's MAC": [SMALL.replace("00:01:02", "00:00:50"), "E_APPLIANCE_DUPLICATE", "a.yaml:10: blades[1].mac:"],
  "two blades at one port": [SMALL.replace("port: 2\n", "port: 1\n"), "E_APPLIANCE_DUPLICATE", "a.yaml:11: blades[1].port:"],
  "a blade at an uplink": [SMALL.replace("port: 2\n", "port: 0\n"), "E_APPLIANCE_DUPLICATE", "a.yaml:11: blades[1].port:"],
  "a blade called switch": [SMALL.replace("ardsley", "switch"), "E_APPLIANCE_NAME", "a.yaml:9: blades[1].name:"],
  "a blade called appliance-manager": [SMALL.replace("ardsley", "appliance-manager"), "E_APPLIANCE_NAME", "a.yaml:9: blades[1].name:"],
  "a service of TCP": [`${SMALL}services: [{ protocol: 6, class: flow }]\n`, "E_APPLIANCE_SERVICE", "a.yaml:16: services[0].protocol:"],
  "a port of a protocol without ports": [
    `${SMALL}services: [{ protocol: gre, port: 1, class: flow }]\n`,
    "E_APPLIANCE_SERVICE",
    "a.yaml:16: services[0].port:",
  ],
  "a service at no VIP": [
    `${SMALL}services: [{ vip: 192.0.2.1, protocol: udp, class: flow }]\n`,
    "E_APPLIANCE_REFERENCE",
    "a.yaml:16: services[0].vip:",
  ],
  "a service that is over at once": [
    `${SMALL}services: [{ protocol: udp, class: flow, idle: 1us }]\n`,
    "E_APPLIANCE_SERVICE",
    "a.yaml:16: services[0].idle:",
  ],
  "a service of no class": [`${SMALL}services: [{ protocol: udp, class: sticky }]\n`, "E_APPLIANCE_VALUE", "a.yaml:16: services[0].class:"],
  "a service that another one hides": [
    `${SMALL}services: [{ protocol: udp, class: flow }, { protocol: 17, port: 53, class: none }]\n`,
    "E_APPLIANCE_SERVICE",
    "a.yaml:16: services[1]:",
  ],
  "a filter at no blade": [`${SMALL}filters: [{ action: drop, at: yonkers }]\n`, "E_APPLIANCE_REFERENCE", "a.yaml:16: filters[0].at:"],
  "a station at no blade": [
    `${SMALL}forward: [{ mac: 02:00:00:00:00:01, port: 1, at: blades }]\n`,
    "E_APPLIANCE_REFERENCE",
    "a.yaml:16: forward[0].at:",
  ],
  "a station on a blade's wire": [
    `${SMALL}forward: [{ mac: 02:00:00:00:00:01, port: 0, at: ardsley }]\n`,
    "E_APPLIANCE_PORT",
    "a.yaml:16: forward[0].port:",
  ],
  "two switches of one name": [
    withSwitches(`{ name: west, ${DOBBS_LINK} }`, `{ name: west, ${DOBBS_LINK} }`),
    "E_APPLIANCE_SWITCH",
    "a.yaml:19: switches[1].name:",
  ],
  "a blade called constructor": [SMALL.replace("ardsley", "constructor"), "E_APPLIANCE_NAME", "a.yaml:9: blades[1].name:"],
  "a switch called toString": [withSwitches(`{ name: toString, ${DOBBS_LINK} }`), "E_APPLIANCE_SWITCH", "a.yaml:18: switches[0].name:"],
  "a switch called as a blade": [withSwitches(`{ name: ardsley, ${DOBBS_LINK} }`), "E_APPLIANCE_SWITCH", "a.yaml:18: switches[0].name:"],
  "two active switches": [
    withSwitches(`{ name: west, ${DOBBS_LINK} }`, `{ name: east, role: active, ${DOBBS_LINK} }`),
    "E_APPLIANCE_SWITCH",
    'a.yaml:19: switches[1].role: "west" is active too',
  ],
  "a switch of no kind": [withSwitches("{ name: west }"), "E_APPLIANCE_SWITCH", "a.yaml:18: switches[0]:"],
  "a switch of two kinds": [
    withSwitches(`{ name: west, ${DOBBS_LINK}, nft: { ${NFT_PORTS} } }`),
    "E_APPLIANCE_SWITCH",
    "a.yaml:18: switches[0].nft:",
  ],
  "a hash that nft cannot compute": [
    withSwitches("name: west", `  nft: { ${NFT_PORTS} }`).replace("  -   nft", "    nft").replace("low-bits", "mix"),
    "E_APPLIANCE_SWITCH",
    "a.yaml:19: switches[0].nft: a switch of kind nft cannot compute",
  ],
  "a port without an interface": [
    withSwitches("{ name: west, nft: { interfaces: { 0: up0, 1: p1 } } }"),
    "E_APPLIANCE_SWITCH",
    "a.yaml:18: switches[0].nft.interfaces: no interface is named for port 2",
  ],
  "a station's port without an interface": [
    `${withSwitches(`{ name: west, nft: { ${NFT_PORTS} } }`)}forward: [{ mac: 02:00:00:00:00:01, port: 3, at: switch }]\n`,
    "E_APPLIANCE_SWITCH",
    "a.yaml:18: switches[0].nft.interfaces: no interface is named for port 3",
  ],
  "two ports of one interface": [
    withSwitches("{ name: west, nft: { interfaces: { 0: up0, 1: p1, 2: p1 } } }"),
    "E_APPLIANCE_SWITCH",
    "a.yaml:18: switches[0].nft.interfaces.2: port 1 is",
  ],
  "an interface's name that no interface has": [
    withSwitches(`{ name: west, nft: { ${NFT_PORTS.replace("p1", '"p 1; drop"')} } }`),
    "E_APPLIANCE_VALUE",
    "a.yaml:18: switches[0].nft.interfaces.1:",
  ],
  "an interface of no port": [
    withSwitches(`{ name: west, nft: { ${NFT_PORTS.replace("2:", "p2:")} } }`),
    "E_APPLIANCE_VALUE",
    "a.yaml:18: switches[0].nft.interfaces:",
  ],
  "a link of no kind": [withSwitches('{ name: west, dobbs: { link: "http://a" } }'), "E_APPLIANCE_VALUE", "a.yaml:18: switches[0].dobbs.link:"],
};
for (const [what, [file, code, where]] of Object.entries(WRONG)) {
  test(`${what} is ${code}`, () => {
    assert.throws(
      () => parseAppliance(file, "a.yaml"),
      (error: { code: string; message: string; mend: string; exitStatus: number }) => {
        assert.equal(error.code, code);
        assert.equal(error.exitStatus, 2);
        assert.ok(error.message.startsWith(where), error.message);
        assert.match(error.mend, /\.$|: dobbs init/);
        return true;
      },
    );
  });
}

test("of a file of another kind, little is quoted", () => {
  const passwd = "root:x:0:0:root:/root:/bin/bash\n".repeat(200).replaceAll(":", "");
  assert.throws(() => parseAppliance(passwd, "passwd"), (error: { code: string; message: string }) => {
    assert.equal(error.code, "E_APPLIANCE_VALUE");
    assert.match(error.message, /^passwd:1: .*"rootx00root.*\.\.\. is not what belongs here$/);
    assert.ok(error.message.length < 120, error.message);
    return true;
  });
});

test("a file that is not there is E_APPLIANCE_READ", () => {
  assert.throws(() => loadAppliance("/nonexistent/a.yaml"), { code: "E_APPLIANCE_READ", message: /no such file/ });
});
