import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppliance } from "../../host/model/appliance-file.ts";

const BLADES = `name: dobbs
vips: [192.0.2.80, "2001:DB8::50"]
vmac: 02:d0:bb:00:00:50
uplinks: [0]
blades:
  - { name: dobbs-ferry, mac: 02:d0:bb:00:01:01, port: 1 }
  - name: ardsley
    mac: 02:d0:bb:00:01:02
    port: 2
    vms:
      - { name: vm1, mac: 02:d0:bb:00:02:01, port: 1 }
      - { name: vm2, mac: 02:d0:bb:00:02:02, port: 2 }
`;
/** Lines of the sections from here on. */
const FIRST_LINE = 13;

function parse(...lines: string[]): ReturnType<typeof parseAppliance> {
  return parseAppliance(`${BLADES}${lines.join("\n")}\n`, "a.yaml");
}

test("connection ids: each owner has a server id, its own or its place in the file", () => {
  const { connectionIds } = parse(
    "connectionIds:",
    "  - { config: 0, serverIdBytes: 2, nonceBytes: 6 }",
    '  - { config: 6, serverIdBytes: 8, nonceBytes: 8, key: "8F95f09245765f80256934e50c66207f", servers: { ardsley/vm1: "ED793a51d49b8f5f" } }',
  );
  assert.deepEqual(connectionIds, [
    {
      config: 0,
      serverIdBytes: 2,
      nonceBytes: 6,
      servers: { "dobbs-ferry": "0001", "ardsley/vm1": "0002", "ardsley/vm2": "0003" },
    },
    {
      config: 6,
      serverIdBytes: 8,
      nonceBytes: 8,
      key: "8f95f09245765f80256934e50c66207f",
      servers: { "dobbs-ferry": "0000000000000001", "ardsley/vm1": "ed793a51d49b8f5f", "ardsley/vm2": "0000000000000003" },
    },
  ]);
});

const IDS = "connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6 }]";

test("QUIC is a service of class cid", () => {
  const { services } = parse("services: [{ protocol: udp, port: 443, class: cid }]", IDS);
  assert.deepEqual(services.map((service) => service.class), ["cid"]);
});

/** what is wrong -> the lines, the code, and where the message says it is */
const WRONG: Record<string, readonly [lines: readonly string[], code: string, where: string]> = {
  "QUIC over another protocol": [["services: [{ protocol: 132, class: cid }]", IDS], "E_APPLIANCE_SERVICE", `${FIRST_LINE}: services[0].class:`],
  "QUIC without connection ids": [
    ["services: [{ protocol: udp, class: cid }]"],
    "E_APPLIANCE_SERVICE",
    `${FIRST_LINE}: services[0].class: nothing says`,
  ],
  "configuration 7": [
    ["connectionIds: [{ config: 7, serverIdBytes: 2, nonceBytes: 6 }]"],
    "E_APPLIANCE_VALUE",
    `${FIRST_LINE}: connectionIds[0].config:`,
  ],
  "a configuration twice": [
    ["connectionIds:", "  - { config: 1, serverIdBytes: 2, nonceBytes: 6 }", "  - { config: 1, serverIdBytes: 3, nonceBytes: 6 }"],
    "E_APPLIANCE_SERVER_ID",
    `${FIRST_LINE + 2}: connectionIds[1].config: connectionIds[0].config has the number 1 already`,
  ],
  "a nonce too short": [
    ["connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 3 }]"],
    "E_APPLIANCE_VALUE",
    `${FIRST_LINE}: connectionIds[0].nonceBytes:`,
  ],
  "a connection id too long": [
    ["connectionIds: [{ config: 0, serverIdBytes: 10, nonceBytes: 10 }]"],
    "E_APPLIANCE_SERVER_ID",
    `${FIRST_LINE}: connectionIds[0].nonceBytes: server id and nonce have 20 bytes`,
  ],
  "a key of 15 bytes": [
    ['connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6, key: "8f95f09245765f80256934e50c6620" }]'],
    "E_APPLIANCE_VALUE",
    `${FIRST_LINE}: connectionIds[0].key:`,
  ],
  "a server id of an owner that there is not": [
    ['connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6, servers: { ardsley: "0009" } }]'],
    "E_APPLIANCE_REFERENCE",
    `${FIRST_LINE}: connectionIds[0].servers.ardsley: there is no owner "ardsley"`,
  ],
  "a server id of another length": [
    ['connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6, servers: { dobbs-ferry: "000009" } }]'],
    "E_APPLIANCE_SERVER_ID",
    `${FIRST_LINE}: connectionIds[0].servers.dobbs-ferry:`,
  ],
  "a server id that is no hex": [
    ['connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6, servers: { dobbs-ferry: "xyzt" } }]'],
    "E_APPLIANCE_VALUE",
    `${FIRST_LINE}: connectionIds[0].servers.dobbs-ferry:`,
  ],
  "a server id twice": [
    ['connectionIds: [{ config: 0, serverIdBytes: 2, nonceBytes: 6, servers: { dobbs-ferry: "00aa", ardsley/vm2: "00AA" } }]'],
    "E_APPLIANCE_SERVER_ID",
    `${FIRST_LINE}: connectionIds[0].servers.ardsley/vm2: dobbs-ferry and ardsley/vm2 have the server id 00aa`,
  ],
  "a server id that is another's place": [
    ['connectionIds: [{ config: 0, serverIdBytes: 1, nonceBytes: 6, servers: { dobbs-ferry: "03" } }]'],
    "E_APPLIANCE_SERVER_ID",
    `${FIRST_LINE}: connectionIds[0]: dobbs-ferry and ardsley/vm2 have the server id 03`,
  ],
};
for (const [what, [lines, code, where]] of Object.entries(WRONG)) {
  test(`${what} is ${code}`, () => {
    assert.throws(
      () => parse(...lines),
      (error: { code: string; message: string; mend: string; exitStatus: number }) => {
        assert.equal(error.code, code);
        assert.equal(error.exitStatus, 2);
        assert.ok(error.message.startsWith(`a.yaml:${where}`), error.message);
        assert.match(error.mend, /\.$/);
        return true;
      },
    );
  });
}

test("an owner whose number does not fit into a server id is E_APPLIANCE_SERVER_ID", () => {
  const vms = Array.from({ length: 253 }, (_, n) => {
    const mac = `02:d0:bb:00:07:${n.toString(16).padStart(2, "0")}`;
    return `      - { name: more${n}, mac: ${mac}, port: 1 }\n`;
  });
  const file = `${BLADES}${vms.join("")}connectionIds: [{ config: 0, serverIdBytes: 1, nonceBytes: 6 }]\n`;
  assert.throws(() => parseAppliance(file, "a.yaml"), {
    code: "E_APPLIANCE_SERVER_ID",
    message: /ardsley\/more252 is number 256, which does not fit/,
  });
});
