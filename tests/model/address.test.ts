import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesToIp, bytesToMac, ipToBytes, isUnicastMac, macToBytes } from "../../host/model/address.ts";

test("MAC addresses: text to bytes and back, in lower case", () => {
  assert.deepEqual(macToBytes("02:D0:bb:00:00:01"), Uint8Array.of(0x02, 0xd0, 0xbb, 0, 0, 1));
  assert.equal(bytesToMac(macToBytes("02:D0:bb:00:00:01")), "02:d0:bb:00:00:01");
});

for (const text of ["", "02:d0:bb:00:00", "02:d0:bb:00:00:01:02", "2:d0:bb:0:0:1", "02-d0-bb-00-00-01", "02d0bb000001", "02:d0:bb:00:00:0g", " 02:d0:bb:00:00:01"]) {
  test(`"${text}" is no MAC address`, () => {
    assert.throws(() => macToBytes(text), { code: "E_ADDRESS_MAC", exitStatus: 2 });
  });
}

test("a unicast MAC is neither a group address nor zero", () => {
  assert.equal(isUnicastMac(macToBytes("02:00:00:00:00:01")), true);
  assert.equal(isUnicastMac(macToBytes("01:00:5e:00:00:01")), false);
  assert.equal(isUnicastMac(macToBytes("ff:ff:ff:ff:ff:ff")), false);
  assert.equal(isUnicastMac(macToBytes("00:00:00:00:00:00")), false);
});

/** text, its bytes in hex, its shortest form */
const IPS: readonly (readonly [string, string, string])[] = [
  ["192.0.2.255", "c00002ff", "192.0.2.255"],
  ["0.0.0.0", "00000000", "0.0.0.0"],
  ["::", "00000000000000000000000000000000", "::"],
  ["::1", "00000000000000000000000000000001", "::1"],
  ["1::", "00010000000000000000000000000000", "1::"],
  ["2001:DB8:0:0:0:0:0:1", "20010db8000000000000000000000001", "2001:db8::1"],
  ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a", "2001:db8::8:800:200c:417a"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000", "1:2:3:4:5:6:7:0"],
  ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221", "64:ff9b::c000:221"],
];
for (const [text, hex, shortest] of IPS) {
  test(`${text}: bytes, and its shortest form`, () => {
    assert.equal(Buffer.from(ipToBytes(text)).toString("hex"), hex);
    assert.equal(bytesToIp(ipToBytes(text)), shortest);
  });
}

for (const text of ["", "192.0.2", "192.0.2.256", "192.0.02.1", "192.0.2.1/24", "192.0.2.1:80", "fe80::1%eth0", "1::2::3", "[::1]", "example.com"]) {
  test(`"${text}" is no IP address`, () => {
    assert.throws(() => ipToBytes(text), { code: "E_ADDRESS_IP", exitStatus: 2 });
  });
}

test("bytes of a wrong length are a programming error", () => {
  assert.throws(() => bytesToMac(new Uint8Array(5)), RangeError);
  assert.throws(() => bytesToIp(new Uint8Array(6)), RangeError);
});
