import { hashClient, setHash, toeplitz } from "../hash";
import { HashMode } from "../records";
import { mappedHigh } from "../wire/address";
import { swap32 } from "../wire/ethernet";

/** Microsoft, "Verifying the RSS hash calculation": the key, and results for IPv4 without and with ports. */
// prettier-ignore
const KEY = memory.data<u8>([
  0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
  0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
]);
const INPUT = memory.data(36, 16);

function address(a: u32, b: u32, c: u32, d: u32): u32 {
  return a | (b << 8) | (c << 16) | (d << 24);
}

function expectToeplitz(
  source: u32,
  sourcePort: u32,
  destination: u32,
  destinationPort: u32,
  addresses: u32,
  withPorts: u32,
): void {
  store<u32>(INPUT, source);
  store<u32>(INPUT, destination, 4);
  store<u8>(INPUT, <u8>(sourcePort >>> 8), 8);
  store<u8>(INPUT, <u8>sourcePort, 9);
  store<u8>(INPUT, <u8>(destinationPort >>> 8), 10);
  store<u8>(INPUT, <u8>destinationPort, 11);
  expect<u32>(toeplitz(KEY, INPUT, 8)).toBe(addresses);
  expect<u32>(toeplitz(KEY, INPUT, 12)).toBe(withPorts);
}

describe("toeplitz reproduces Microsoft's verification values", () => {
  it("66.9.149.187:2794 to 161.142.100.80:1766", () => {
    expectToeplitz(address(66, 9, 149, 187), 2794, address(161, 142, 100, 80), 1766, 0x323e8fc2, 0x51ccc178);
  });
  it("199.92.111.2:14230 to 65.69.140.83:4739", () => {
    expectToeplitz(address(199, 92, 111, 2), 14230, address(65, 69, 140, 83), 4739, 0xd718262a, 0xc626b0ea);
  });
  it("24.19.198.95:12898 to 12.22.207.184:38024", () => {
    expectToeplitz(address(24, 19, 198, 95), 12898, address(12, 22, 207, 184), 38024, 0xd2d0a5de, 0x5c2b394a);
  });
  it("38.27.205.30:48228 to 209.142.163.6:2217", () => {
    expectToeplitz(address(38, 27, 205, 30), 48228, address(209, 142, 163, 6), 2217, 0x82989176, 0xafc7327f);
  });
  it("153.39.163.191:44251 to 202.188.127.2:1303", () => {
    expectToeplitz(address(153, 39, 163, 191), 44251, address(202, 188, 127, 2), 1303, 0x5d1809c5, 0x10e828a2);
  });
});

/** Writes an IPv6 address, given as its eight groups in two halves. */
function address6(at: usize, upper: u64, lower: u64): void {
  store<u64>(INPUT + at, bswap<u64>(upper));
  store<u64>(INPUT + at, bswap<u64>(lower), 8);
}

describe("toeplitz reproduces Microsoft's verification values for IPv6", () => {
  it("3ffe:2501:200:1fff::7 to 3ffe:2501:200:3::1", () => {
    address6(0, 0x3ffe250102001fff, 0x0000000000000007);
    address6(16, 0x3ffe250102000003, 0x0000000000000001);
    expect<u32>(toeplitz(KEY, INPUT, 32)).toBe(0x2cc18cd5);
  });
  it("3ffe:501:8::260:97ff:fe40:efab to ff02::1", () => {
    address6(0, 0x3ffe050100080000, 0x026097fffe40efab);
    address6(16, 0xff02000000000000, 0x0000000000000001);
    expect<u32>(toeplitz(KEY, INPUT, 32)).toBe(0x0f0c461c);
  });
  it("3ffe:1900:4545:3:200:f8ff:fe21:67cf to fe80::200:f8ff:fe21:67cf", () => {
    address6(0, 0x3ffe190045450003, 0x0200f8fffe2167cf);
    address6(16, 0xfe80000000000000, 0x0200f8fffe2167cf);
    expect<u32>(toeplitz(KEY, INPUT, 32)).toBe(0x4b61e985);
  });
});

describe("the client's hash", () => {
  it("by toeplitz is that of its address alone", () => {
    setHash(HashMode.TOEPLITZ, load<u64>(KEY), load<u64>(KEY, 8));
    const client = address(66, 9, 149, 187);
    store<u32>(INPUT, client);
    expect<u32>(hashClient(0, mappedHigh(client))).toBe(toeplitz(KEY, INPUT, 4));
    expect<u32>(hashClient(0, mappedHigh(0))).toBe(0);
  });
  it("by toeplitz of an IPv6 client is that of its 16 bytes, by the seed repeated", () => {
    setHash(HashMode.TOEPLITZ, load<u64>(KEY), load<u64>(KEY, 8));
    const repeated = memory.data(32, 16);
    memory.copy(repeated, KEY, 16);
    memory.copy(repeated + 16, KEY, 16);
    address6(0, 0x3ffe050100080000, 0x026097fffe40efab);
    expect<u32>(hashClient(load<u64>(INPUT), load<u64>(INPUT, 8))).toBe(toeplitz(repeated, INPUT, 16));
  });
  it("by low bits of an IPv6 client is its last 32 bits in host order", () => {
    setHash(HashMode.LOW_BITS, 1, 2);
    address6(0, 0x20010db800000000, 0x00000000deadbeef);
    expect<u32>(hashClient(load<u64>(INPUT), load<u64>(INPUT, 8))).toBe(0xdeadbeef);
  });
  it("by mix of an IPv6 client depends on every byte of its address", () => {
    setHash(HashMode.MIX, 1, 2);
    address6(0, 0x20010db800000000, 0x0000000000000001);
    const first = hashClient(load<u64>(INPUT), load<u64>(INPUT, 8));
    for (let i: usize = 0; i < 16; i++) {
      store<u8>(INPUT + i, load<u8>(INPUT + i) ^ 0x10);
      expect<u32>(hashClient(load<u64>(INPUT), load<u64>(INPUT, 8))).not.toBe(first);
      store<u8>(INPUT + i, load<u8>(INPUT + i) ^ 0x10);
    }
  });
  it("by low bits is the address in host order", () => {
    setHash(HashMode.LOW_BITS, 1, 2);
    expect<u32>(hashClient(0, mappedHigh(address(10, 1, 2, 3)))).toBe(0x0a010203);
  });
  it("by mix depends on the seed", () => {
    setHash(HashMode.MIX, 1, 2);
    const first = hashClient(0, mappedHigh(address(10, 1, 2, 3)));
    setHash(HashMode.MIX, 1, 3);
    expect<u32>(hashClient(0, mappedHigh(address(10, 1, 2, 3)))).not.toBe(first);
  });
  it("by mix spreads neighbouring addresses evenly over 256 buckets", () => {
    setHash(HashMode.MIX, 0x1234, 0x5678);
    const tally = memory.data(256 * 4, 4);
    for (let i: u32 = 0; i < 65536; i++) {
      const bucket = hashClient(0, mappedHigh(swap32(0x0a000000 | i))) & 255;
      store<u32>(tally + bucket * 4, load<u32>(tally + bucket * 4) + 1);
    }
    let lowest: u32 = u32.MAX_VALUE;
    let highest: u32 = 0;
    for (let bucket: u32 = 0; bucket < 256; bucket++) {
      const count = load<u32>(tally + bucket * 4);
      if (count < lowest) lowest = count;
      if (count > highest) highest = count;
    }
    // 256 expected; 5 standard deviations are 80.
    expect<u32>(lowest).toBeGreaterThan(176);
    expect<u32>(highest).toBeLessThan(336);
  });
});
