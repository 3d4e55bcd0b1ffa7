/** What the scenes read: the kernel's counters, iperf3's report, echoed datagrams, captured segments. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { counterIn } from "../../host/lab/host-counters.ts";
import { targetOf } from "../../host/lab/resets.ts";
import { answeringDatagram, askingDatagram, DATAGRAM_BYTES, readAnswer } from "../../host/lab/scenes/echo-datagram.ts";
import { readIperf } from "../../host/lab/scenes/iperf.ts";
import { concat } from "../../host/management/records.ts";
import { ethernet, ETHERTYPE, RST, tcp } from "../packets/packets.ts";
import { ipv6, NEXT_HEADER } from "../switches/ipv6-frames.ts";

const SNMP = `Ip: Forwarding DefaultTTL
Ip: 2 64
Icmp: InMsgs InErrors InDestUnreachs
Icmp: 12 0 7
`;

test("a kernel's counter is found by its name, and one that is not there is told", () => {
  assert.equal(counterIn(SNMP, { file: "snmp", name: "Icmp InDestUnreachs" }), 7);
  assert.equal(counterIn("Ip6InReceives   \t5\nIcmp6InPktTooBigs  \t110\n", { file: "snmp6", name: "Icmp6InPktTooBigs" }), 110);
  for (const name of ["Icmp InTypes", "Tcp InSegs"]) assert.throws(() => counterIn(SNMP, { file: "snmp", name }), new RegExp(`/proc/net/snmp has no ${name}`));
  assert.throws(() => counterIn("Ip6InReceives 5\n", { file: "snmp6", name: "Icmp6InPktTooBigs" }), /snmp6 has no/);
});

test("iperf3 is well when little was lost, also of what came last", () => {
  const report = (sent: number, received: number, more = {}): string =>
    JSON.stringify({ end: { sum_sent: { bytes: sent }, sum_received: { bytes: received } }, ...more });
  assert.deepEqual(readIperf(0, report(1_000_000, 995_000)), { sentBytes: 1_000_000, receivedBytes: 995_000, problem: null });
  assert.equal(readIperf(0, report(1_000_000, 600_000)).problem, "40.0% of 1000000 bytes were lost");
  assert.equal(readIperf(0, report(0, 0)).problem, "100.0% of 0 bytes were lost");
  assert.equal(readIperf(1, report(10, 10, { error: "control socket has closed unexpectedly" })).problem, "control socket has closed unexpectedly");
  assert.equal(readIperf(1, report(10, 10)).problem, "iperf3 exits 1");
  assert.equal(readIperf(127, "").problem, "iperf3 exits 127, and prints no JSON");
});

test("an echo is read with its server's name, and one with a byte too few, or another one, is none", () => {
  const echo = answeringDatagram(askingDatagram(4_711), "dobbs-ferry");
  assert.equal(echo.length, DATAGRAM_BYTES);
  assert.deepEqual(readAnswer(echo), { number: 4_711, server: "dobbs-ferry" });
  assert.equal(readAnswer(echo.subarray(1)), null);
  for (const place of [36, 1_500, DATAGRAM_BYTES - 1]) {
    const changed = Buffer.from(echo);
    changed[place]! ^= 1;
    assert.equal(readAnswer(changed), null, `byte ${place}`);
  }
  // The body of another datagram, as a fragment of another one would bring it.
  assert.equal(readAnswer(Buffer.concat([echo.subarray(0, 10_000), answeringDatagram(askingDatagram(4_712), "dobbs-ferry").subarray(10_000)])), null);
});

test("a captured segment tells whom it is for, over IPv4 and IPv6", () => {
  const link = { destination: "02:00:00:00:00:01", source: "02:00:00:00:00:02" };
  const ports = { sourcePort: 80, destinationPort: 40_123 };
  const overIpv4 = ethernet(link, ETHERTYPE.ipv4, tcp({ source: "10.77.0.1", destination: "10.77.1.4" }, ports, RST));
  assert.deepEqual(targetOf(overIpv4), { client: "10.77.1.4", clientPort: 40_123 });
  const segment = concat([Uint8Array.from([0, 80, 40_123 >> 8, 40_123 & 0xff]), new Uint8Array(16)]);
  const overIpv6 = ethernet(link, ETHERTYPE.ipv6, ipv6("fd00:77::1", "fd00:77::1:4", NEXT_HEADER.tcp, segment));
  assert.deepEqual(targetOf(overIpv6), { client: "fd00:77::1:4", clientPort: 40_123 });
});
