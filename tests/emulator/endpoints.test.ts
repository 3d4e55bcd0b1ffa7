/** Clients and servers notice every byte that is lost, added or changed, in either direction. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientNode } from "../../host/emulator/client-node.ts";
import { VirtualClock } from "../../host/emulator/clock.ts";
import { REQUEST_BYTES } from "../../host/emulator/exchange.ts";
import { type ConnectionRecord, Ledger } from "../../host/emulator/ledger.ts";
import { Random } from "../../host/emulator/random.ts";
import { ServerApplication } from "../../host/emulator/server-application.ts";
import { Station } from "../../host/emulator/station.ts";
import type { PlannedConnection } from "../../host/emulator/traffic.ts";
import { type Alter, pipe } from "./pipe.ts";

const CLIENT = "10.0.0.9";
const FIRST_PORT = 49_152;
const BYTES = 10_000;
const MINUTE_US = 60_000_000;

const upload = { direction: "upload", length: BYTES, seed: 1, piece: 700, intervalUs: 1_000 } as const;
const download = { ...upload, direction: "download", seed: 2 } as const;
const unaltered: Alter = (bytes) => bytes;

const PLAN: PlannedConnection = {
  id: 0,
  group: "test",
  kind: "idle",
  client: CLIENT,
  vip: "10.0.0.1",
  startUs: 0,
  exchanges: [{ exchange: upload, silenceUs: 5_000 }, { exchange: download, silenceUs: 0 }],
  keeps: false,
  migration: null,
};

function talk(alterUp: Alter, alterDown: Alter, plan = PLAN): ConnectionRecord {
  const clock = new VirtualClock();
  const ledger = new Ledger([plan]);
  const stacks = pipe(CLIENT, FIRST_PORT, alterUp, alterDown);
  const server = new Station({ clock, stack: stacks.server, transmit: () => undefined, onEvent: (event) => application.handle(event) });
  const application = new ServerApplication(clock, server, "ardsley", ledger);
  const options = { clock, stack: stacks.client, mac: "02:00:00:00:00:09", ledger, random: new Random("client"), transmit: () => undefined };
  const client = new ClientNode(options);
  server.wake();
  client.open(ledger.records[0]!);
  clock.runUntil(MINUTE_US);
  ledger.close(clock.now);
  return ledger.records[0]!;
}

/** Alters the bytes around place `at` of all that goes by. */
function at(place: number, alter: (bytes: Uint8Array, offset: number) => Uint8Array): Alter {
  let seen = 0;
  return (bytes) => {
    const offset = place - seen;
    seen += bytes.length;
    return offset >= 0 && offset < bytes.length ? alter(Uint8Array.from(bytes), offset) : bytes;
  };
}

function flipped(bytes: Uint8Array, offset: number): Uint8Array {
  bytes[offset]! ^= 1;
  return bytes;
}

test("exchanges in both directions are done, checked and counted", () => {
  const record = talk(unaltered, unaltered);
  assert.equal(record.outcome, "done");
  assert.equal(record.bytes, 2 * BYTES);
  assert.equal(record.servedBy, "ardsley");
});

test("a flipped bit anywhere in an upload is found", () => {
  for (const place of [REQUEST_BYTES, REQUEST_BYTES + BYTES / 2, REQUEST_BYTES + BYTES - 1]) {
    assert.equal(talk(at(place, flipped), unaltered).outcome, "corrupt", `byte ${place}`);
  }
});

test("a flipped bit anywhere in a download is found", () => {
  const plan = { ...PLAN, exchanges: [{ exchange: download, silenceUs: 0 }] };
  for (const place of [0, BYTES / 2, BYTES - 1]) {
    assert.equal(talk(unaltered, at(place, flipped), plan).outcome, "corrupt", `byte ${place}`);
  }
});

test("a flipped bit in a receipt is found", () => {
  assert.equal(talk(at(REQUEST_BYTES + BYTES + 10, flipped), unaltered).outcome, "corrupt");
  assert.equal(talk(unaltered, at(10, flipped)).outcome, "corrupt");
});

test("a lost byte is found: the stream does not come to its end", () => {
  const lost = at(REQUEST_BYTES + 500, (bytes, offset) => Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + 1)]));
  assert.equal(talk(lost, unaltered).outcome, "stalled");
});

test("a byte too many is found", () => {
  const doubled = at(REQUEST_BYTES + 500, (bytes, offset) => Buffer.concat([bytes.subarray(0, offset + 1), bytes.subarray(offset)]));
  assert.equal(talk(doubled, unaltered).outcome, "corrupt");
});

test("what is no request is found", () => {
  assert.equal(talk(at(0, flipped), unaltered).outcome, "corrupt");
});

test("a connection that keeps open is well while its exchanges come to their end, and has stalled when one does not", () => {
  const keeping = { ...PLAN, keeps: true, exchanges: [{ exchange: upload, silenceUs: 2_000_000 }] };
  assert.equal(talk(unaltered, unaltered, keeping).outcome, "keeping");
  const silenced = at(5 * BYTES, () => new Uint8Array(0));
  assert.equal(talk(silenced, unaltered, keeping).outcome, "stalled");
});
