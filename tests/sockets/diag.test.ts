import assert from "node:assert/strict";
import { endianness } from "node:os";
import { test } from "node:test";
import { DobbsError } from "../../host/errors.ts";
import { decodeSocket, readDatagram, socketKey } from "../../host/sockets/diag-message.ts";
import { dumpRequest, familiesOf } from "../../host/sockets/diag-request.ts";
import { addSocket } from "../../host/sockets/union.ts";
import type { HostSocket } from "../../host/supervisor/environment.ts";
import { randomOf } from "../supervisor/random.ts";
import { doneMessage, errorMessage, socketMessage } from "./samples.ts";

const skip = endianness() !== "LE" && "the bytes were written by a little-endian machine";

const VIP = Uint8Array.of(192, 0, 2, 1);
const CLIENT = Uint8Array.of(198, 51, 100, 7);
const mapped = (v4: Uint8Array): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...v4);

function read(datagram: Buffer, sequence = 1) {
  const rows: (HostSocket | null)[] = [];
  const progress = readDatagram(datagram, sequence, (bytes, at) => rows.push(decodeSocket(bytes, at)));
  return { rows, progress };
}

test("a dump of the kernel's is read", { skip }, () => {
  assert.deepEqual(read(Buffer.concat([socketMessage(), doneMessage()])), {
    rows: [{ vip: "127.0.0.1", vipPort: 38704, client: "127.0.0.1", clientPort: 36477, state: "established" }],
    progress: { kind: "done" },
  });
});

test("a dump goes on in the next datagram", { skip }, () => {
  const { rows, progress } = read(Buffer.concat([socketMessage(), socketMessage()]));
  assert.equal(rows.length, 2);
  assert.deepEqual(progress, { kind: "more" });
});

test("an IPv4 connection of an IPv6 socket is an IPv4 connection", { skip }, () => {
  const { rows } = read(socketMessage({ local: [mapped(VIP), 80], remote: [mapped(CLIENT), 4711] }));
  assert.deepEqual(rows, [
    { vip: "192.0.2.1", vipPort: 80, client: "198.51.100.7", clientPort: 4711, state: "established" },
  ]);
});

test("an IPv6 connection has addresses in their shortest form", { skip }, () => {
  const local = Uint8Array.from([0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1]);
  const remote = Uint8Array.from([0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 0xfe]);
  const { rows } = read(socketMessage({ local: [local, 443], remote: [remote, 1] }));
  assert.deepEqual(rows, [
    { vip: "2001:db8::1", vipPort: 443, client: "2001:db8::fe", clientPort: 1, state: "established" },
  ]);
});

test("every state of a connection is live but TIME_WAIT, and what is no connection is left out", { skip }, () => {
  const states = Array.from({ length: 16 }, (_, state) => read(socketMessage({ state })).rows[0]?.state ?? null);
  assert.deepEqual(states, [
    null, "established", null, "half-open", "closing", "closing", "time-wait", null,
    "closing", "closing", null, "closing", "half-open", null, null, null,
  ]);
});

test("connections that differ in one end's port or address are not taken for one", { skip }, () => {
  const keys = [
    socketMessage({ local: [VIP, 80], remote: [CLIENT, 1] }),
    socketMessage({ local: [VIP, 81], remote: [CLIENT, 1] }),
    socketMessage({ local: [VIP, 80], remote: [CLIENT, 2] }),
    socketMessage({ local: [VIP, 80], remote: [VIP, 1] }),
    socketMessage({ local: [CLIENT, 80], remote: [CLIENT, 1] }),
  ].map((message) => socketKey(message, 16));
  assert.equal(new Set(keys).size, keys.length);
  const closing = socketMessage({ local: [VIP, 80], remote: [CLIENT, 1], state: 4 });
  assert.equal(socketKey(closing, 16), keys[0]);
});

test("of two dumps every connection counts, and one that either has live is live", { skip }, () => {
  const client = (port: number, state: number) => socketMessage({ local: [VIP, 80], remote: [CLIENT, port], state });
  const [established, finWait2, timeWait] = [1, 5, 6];
  const first = [client(1, established), client(2, established), client(3, timeWait), client(4, established)];
  const second = [client(2, timeWait), client(3, established), client(4, finWait2), client(5, timeWait)];
  const rows = new Map<string, HostSocket>();
  for (const message of [...first, ...second]) addSocket(rows, message, 16);
  assert.deepEqual(Object.fromEntries([...rows.values()].map((row) => [row.clientPort, row.state])), {
    1: "established", 2: "established", 3: "established", 4: "closing", 5: "time-wait",
  });
});

test("what is left of a dump that was given up is not taken for the next one", { skip }, () => {
  const old = Buffer.concat([socketMessage({ sequence: 1 }), doneMessage()]);
  const { rows, progress } = read(Buffer.concat([old, socketMessage({ sequence: 2 })]), 2);
  assert.equal(rows.length, 1);
  assert.deepEqual(progress, { kind: "more" });
});

test("a dump that the kernel calls inconsistent is told", { skip }, () => {
  const { progress } = read(Buffer.concat([socketMessage({ interrupted: true }), doneMessage()]));
  assert.deepEqual(progress, { kind: "interrupted" });
});

test("the kernel's refusal is told, in both places where it can be", { skip }, () => {
  assert.deepEqual(read(errorMessage(2)).progress, { kind: "refused", errno: 2 });
  assert.deepEqual(read(Buffer.concat([socketMessage(), doneMessage(12)])).progress, { kind: "refused", errno: 12 });
});

test("a datagram that is cut anywhere is refused or has its whole sockets", { skip }, () => {
  const whole = Buffer.concat([socketMessage(), socketMessage({ local: [VIP, 80] }), doneMessage()]);
  const one = socketMessage().length;
  const ends = new Map([[0, 0], [one, 1], [2 * one, 2]]);
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    const expected = ends.get(length);
    if (expected === undefined) assert.throws(() => read(cut), { code: "E_SOCKETS_MESSAGE" }, `${length} bytes`);
    else assert.equal(read(cut).rows.length, expected);
  }
});

test("20,000 damaged datagrams: nothing is read past the end, and nothing else is thrown", { skip }, () => {
  const random = randomOf(7);
  const whole = Buffer.concat([socketMessage(), socketMessage({ local: [mapped(VIP), 80] }), doneMessage(5)]);
  let refused = 0;
  for (let run = 0; run < 20_000; run++) {
    const damaged = Buffer.from(whole.subarray(0, 1 + random(whole.length)));
    for (let hits = random(4); hits >= 0; hits--) damaged[random(damaged.length)] = random(256);
    try {
      readDatagram(damaged, 1, (bytes, at) => {
        assert.ok(at + 72 <= bytes.length);
        decodeSocket(bytes, at);
      });
    } catch (error) {
      assert.ok(error instanceof DobbsError, String(error));
      assert.equal(error.code, "E_SOCKETS_MESSAGE");
      refused++;
    }
  }
  assert.ok(refused > 1_000, `${refused} refused`);
});

test("the question, byte by byte: TCP, IPv4, no listeners, own address 192.0.2.1", { skip }, () => {
  const expected =
    "60000000" + "1400" + "0103" + "05000000" + "00000000" + // length 96, by family, request | dump, sequence 5
    "02060000" + "7a1b0000" + "00".repeat(48) + // IPv4, TCP, all states but SYN_SENT, CLOSE, LISTEN
    "1800" + "0100" + // the program
    "0710" + "1800" + "02200000" + "ffffffff" + "c0000201" + // own address? 16 bytes on; else 24, behind the end
    "0104" + "0400"; // to the end
  assert.equal(Buffer.from(dumpRequest("ipv4", ["192.0.2.1"], 5)).toString("hex"), expected);
});

test("sockets of IPv6 are asked for too where clients use IPv4 only", () => {
  assert.deepEqual(familiesOf(["192.0.2.1"]).map(({ family }) => family), ["ipv4", "ipv6"]);
  assert.deepEqual(familiesOf(["2001:db8::1"]).map(({ family }) => family), ["ipv6"]);
});
