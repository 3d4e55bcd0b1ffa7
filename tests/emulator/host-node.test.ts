/** What a host says of itself: to its blade's traffic manager, and to those who count what is lost with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, FAMILIES, runLink, VIP } from "./link.ts";
import { exchange, plan } from "./plans.ts";

const SECOND_US = 1_000_000;
const KEPT = { exchanges: [{ exchange: exchange("upload", 1), silenceUs: 60 * SECOND_US }], keeps: true } as const;

test("its socket table has the connections of both families, addresses in their shortest form", () => {
  const { host } = runLink(FAMILIES.map((family, id) => plan("idle", family, { id, ...KEPT })), 10 * SECOND_US);
  const rows = host.connections().map(({ clientPort: _, ...row }) => row);
  assert.deepEqual(rows, FAMILIES.map((family) => ({ client: CLIENT[family], vip: VIP[family], vipPort: 80, state: "established" })));
});

test("what is live are connections and sessions of every kind, while they last", () => {
  const kinds = ["idle", "udp", "quic", "dns"] as const;
  const { host, records } = runLink(kinds.map((kind, id) => plan(kind, 6, { id, ...KEPT })), 10 * SECOND_US);
  assert.deepEqual(records.map(({ outcome }) => outcome), ["keeping", "keeping", "keeping", "done"]);
  const live = records.slice(0, 3).map(({ client, clientPort }) => ({ client, clientPort }));
  assert.deepEqual(host.live().map(({ client, clientPort }) => ({ client, clientPort })), live);
  const over = runLink(kinds.map((kind, id) => plan(kind, 6, { id })), 20 * SECOND_US);
  assert.deepEqual(over.host.live(), []);
  assert.ok(over.records.every(({ outcome }) => outcome === "done"));
});
