import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type ConnectionIdConfig, makeConnectionId, serverIdOf } from "../../host/quic/connection-id.ts";

/** draft-ietf-quic-load-balancers-21, appendix B.2. */
const KEY = "8f95f09245765f80256934e50c66207f";

/** The draft's vectors; `assembly/spec/quic.spec.ts` has the same. Where its table errs is said there. */
const VECTORS = [
  { name: "B.1, unencrypted", id: 0, serverId: "c4605e", nonce: "4504cc4f", connectionId: "07c4605e4504cc4f" },
  { name: "B.2, three passes", id: 0, serverId: "ed793a", nonce: "ee080dbf", key: KEY, connectionId: "0720b1d07b359d3c" },
  {
    name: "B.2, four passes",
    id: 1,
    serverId: "ed793a51d49b8f5fab65",
    nonce: "ee080dbf48",
    key: KEY,
    connectionId: "2fcc381bc74cb4fbad2823a3d1f8fed2",
  },
  {
    name: "B.2, one pass",
    id: 2,
    serverId: "ed793a51d49b8f5f",
    nonce: "ee080dbf48c0d1e5",
    key: KEY,
    connectionId: "504dd2d05a7b0de9b2b9907afb5ecf8cc3",
  },
  {
    name: "B.2, the longest",
    id: 0,
    serverId: "ed793a51d49b8f5fab",
    nonce: "ee080dbf48c0d1e55d",
    key: KEY,
    connectionId: "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc",
  },
  {
    name: "5.4.2, the worked example",
    id: 0,
    serverId: "31441a",
    nonce: "9c69c275",
    key: "fdf726a9893ec05c0632d3956680baf0",
    connectionId: "0767947d29be054a",
  },
];

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("hex");
}

/** `length` bytes that look random; the same for the same text. */
function scrambled(text: string, length: number): Uint8Array {
  return createHash("shake256", { outputLength: length }).update(text).digest();
}

for (const { name, id, serverId, nonce, key, connectionId } of VECTORS) {
  test(`a connection id reproduces draft-ietf-quic-load-balancers-21, ${name}`, () => {
    const config: ConnectionIdConfig = {
      id,
      serverIdBytes: serverId.length / 2,
      nonceBytes: nonce.length / 2,
      ...(key && { key: bytes(key) }),
    };
    assert.equal(hex(makeConnectionId(config, bytes(serverId), bytes(nonce))), connectionId);
    assert.equal(hex(serverIdOf(config, bytes(connectionId))), serverId);
  });
}

test("what is made of any lengths and keys is read again", () => {
  for (let serverIdBytes = 1; serverIdBytes <= 15; serverIdBytes++) {
    for (let nonceBytes = 4; serverIdBytes + nonceBytes <= 19; nonceBytes++) {
      const lengths = `${serverIdBytes} ${nonceBytes}`;
      const config = { id: 6, serverIdBytes, nonceBytes, key: scrambled(`key ${lengths}`, 16) };
      const serverId = scrambled(`server id ${lengths}`, serverIdBytes);
      const connectionId = makeConnectionId(config, serverId, scrambled(`nonce ${lengths}`, nonceBytes));
      assert.equal(connectionId.length, 1 + serverIdBytes + nonceBytes);
      assert.equal(hex(serverIdOf(config, connectionId)), hex(serverId));
    }
  }
});

test("a connection id of another configuration, or one that is cut short, has no server id", () => {
  const config = { id: 1, serverIdBytes: 3, nonceBytes: 4 };
  const connectionId = makeConnectionId(config, bytes("c4605e"), bytes("4504cc4f"));
  assert.equal(serverIdOf({ ...config, id: 2 }, connectionId), undefined);
  assert.equal(serverIdOf(config, connectionId.subarray(0, -1)), undefined);
});

test("a server id or a nonce of another length is refused", () => {
  const config = { id: 0, serverIdBytes: 3, nonceBytes: 4 };
  assert.throws(() => makeConnectionId(config, bytes("c460"), bytes("4504cc4f")), /a server id has 3 bytes here, not 2/);
  assert.throws(() => makeConnectionId(config, bytes("c4605e"), bytes("4504")), /a nonce has 4 bytes here, not 2/);
});
