import { BLOCK_BYTES, SCHEDULE_BYTES, decrypt, encrypt, expandInverseKey, expandKey, prepareTables } from "../quic/aes";
import { destinationId } from "../quic/header";
import { FOUND, clearConfigs, isLayout, serverIdOf, setConfig } from "../quic/server-id";

const KEY: usize = memory.data(16, 16);
const BLOCK: usize = memory.data(16, 16);
const RESULT: usize = memory.data(16, 16);
const SCHEDULE: usize = memory.data(SCHEDULE_BYTES, 16);
const DATAGRAM: usize = memory.data(64, 16);

function nibble(character: i32): u32 {
  return <u32>(character < 58 ? character - 48 : character - 87);
}

/** Writes hex digits as bytes; returns how many. */
function write(at: usize, hex: string): u32 {
  const bytes = hex.length >> 1;
  for (let i = 0; i < bytes; i++) {
    store<u8>(at + i, <u8>((nibble(hex.charCodeAt(2 * i)) << 4) | nibble(hex.charCodeAt(2 * i + 1))));
  }
  return bytes;
}

function read(at: usize, bytes: u32): string {
  let hex = "";
  for (let i: u32 = 0; i < bytes; i++) {
    const byte = load<u8>(at + i);
    hex += (byte >>> 4).toString(16) + (byte & 15).toString(16);
  }
  return hex;
}

function expectCipher(key: string, plaintext: string, ciphertext: string): void {
  prepareTables();
  write(KEY, key);
  write(BLOCK, plaintext);
  expandKey(KEY, SCHEDULE);
  encrypt(SCHEDULE, BLOCK, RESULT);
  expect<string>(read(RESULT, BLOCK_BYTES)).toBe(ciphertext);
  expandInverseKey(KEY, SCHEDULE);
  decrypt(SCHEDULE, RESULT, BLOCK);
  expect<string>(read(BLOCK, BLOCK_BYTES)).toBe(plaintext);
}

describe("AES-128 reproduces", () => {
  it("FIPS 197, appendix B", () => {
    expectCipher(
      "2b7e151628aed2a6abf7158809cf4f3c",
      "3243f6a8885a308d313198a2e0370734",
      "3925841d02dc09fbdc118597196a0b32",
    );
  });
  it("FIPS 197, appendix C.1", () => {
    expectCipher(
      "000102030405060708090a0b0c0d0e0f",
      "00112233445566778899aabbccddeeff",
      "69c4e0d86a7b0430d8cdb78070b4c55a",
    );
  });
  it("FIPS 197, appendix A.1: the last word of the key's expansion", () => {
    prepareTables();
    write(KEY, "2b7e151628aed2a6abf7158809cf4f3c");
    expandKey(KEY, SCHEDULE);
    expect<string>(read(SCHEDULE + SCHEDULE_BYTES - 4, 4)).toBe("b6630ca6");
  });
  it("NIST SP 800-38A, F.1.1: ECB, four blocks", () => {
    const key = "2b7e151628aed2a6abf7158809cf4f3c";
    expectCipher(key, "6bc1bee22e409f96e93d7e117393172a", "3ad77bb40d7a3660a89ecaf32466ef97");
    expectCipher(key, "ae2d8a571e03ac9c9eb76fac45af8e51", "f5d3d58503b9699de785895a96fdbaaf");
    expectCipher(key, "30c81c46a35ce411e5fbc1191a0a52ef", "43b1cd7f598ece23881b00e3ed030688");
    expectCipher(key, "f69f2445df4f9b17ad2b417be66c3710", "7b0c785e27e8ad3f8223207104725dd4");
  });
  it("NIST AESAVS, GFSbox and KeySbox: the first of each for 128 bits", () => {
    const zeros = "00000000000000000000000000000000";
    expectCipher(zeros, "f34481ec3cc627bacd5dc3fb08f273e6", "0336763e966d92595a567cc9ce537f5e");
    expectCipher("10a58869d74be5a374cf867cfb473859", zeros, "6d251e6944b051e04eaa6fb4dbf78465");
  });
});

/** A connection id of configuration `config` with server id `serverId` and a nonce of `nonceBytes`, as in the draft. */
function expectServerId(config: u32, serverId: string, nonceBytes: u32, id: string, key: string): void {
  clearConfigs();
  const serverIdBytes = <u32>(serverId.length >> 1);
  if (key.length > 0) write(KEY, key);
  expect<bool>(isLayout(serverIdBytes, nonceBytes)).toBe(true);
  setConfig(config, serverIdBytes, nonceBytes, key.length > 0 ? KEY : 0);
  const bytes = write(DATAGRAM, id);
  expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(true);
  expect<u32>(load<u8>(FOUND)).toBe(config);
  expect<string>(read(FOUND + 1, serverIdBytes)).toBe(serverId);
  expect<bool>(serverIdOf(DATAGRAM, bytes - 1)).toBe(false);
}

const DRAFT_KEY: string = "8f95f09245765f80256934e50c66207f";

describe("server ids reproduce draft-ietf-quic-load-balancers-21", () => {
  it("B.1, unencrypted", () => {
    expectServerId(0, "c4605e", 4, "07c4605e4504cc4f", "");
    // The draft's columns for server id and nonce are one digit behind its connection id, which is taken as it stands.
    expectServerId(1, "a350d28b42", 5, "20a350d28b4203487d970b", "");
  });
  it("B.2, one pass", () => {
    expectServerId(2, "ed793a51d49b8f5f", 8, "504dd2d05a7b0de9b2b9907afb5ecf8cc3", DRAFT_KEY);
  });
  it("B.2, three passes, an odd length", () => {
    expectServerId(0, "ed793a", 4, "0720b1d07b359d3c", DRAFT_KEY);
  });
  it("B.2, four passes", () => {
    expectServerId(1, "ed793a51d49b8f5fab65", 5, "2fcc381bc74cb4fbad2823a3d1f8fed2", DRAFT_KEY);
  });
  it("B.2, the longest", () => {
    // The draft's table says configuration 3 here; the three bits of its connection id say 0.
    expectServerId(0, "ed793a51d49b8f5fab", 9, "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc", DRAFT_KEY);
  });
  it("5.4.2.3, the worked example", () => {
    expectServerId(0, "31441a", 4, "0767947d29be054a", "fdf726a9893ec05c0632d3956680baf0");
  });
});

describe("a connection id has no server id", () => {
  it("of a configuration that there is not", () => {
    clearConfigs();
    setConfig(0, 3, 4, 0);
    const bytes = write(DATAGRAM, "27c4605e4504cc4f");
    expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(false);
  });
  it("when its three bits say that it is not routable", () => {
    clearConfigs();
    for (let config: u32 = 0; config < 7; config++) setConfig(config, 3, 4, 0);
    const bytes = write(DATAGRAM, "e7c4605e4504cc4f");
    expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(false);
  });
  it("without a byte", () => {
    clearConfigs();
    setConfig(0, 1, 4, 0);
    expect<bool>(serverIdOf(DATAGRAM, 0)).toBe(false);
  });
});

describe("a server id is read", () => {
  it("when the server has put bytes of its own behind the nonce", () => {
    clearConfigs();
    setConfig(0, 3, 4, 0);
    const bytes = write(DATAGRAM, "07c4605e4504cc4fabcdef");
    expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(true);
    expect<string>(read(FOUND, 16)).toBe("00c4605e000000000000000000000000");
  });
  it("without what the one before has left", () => {
    clearConfigs();
    setConfig(0, 15, 4, 0);
    setConfig(1, 1, 4, 0);
    let bytes = write(DATAGRAM, "00ffffffffffffffffffffffffffffff00000000");
    expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(true);
    bytes = write(DATAGRAM, "200100000000");
    expect<bool>(serverIdOf(DATAGRAM, bytes)).toBe(true);
    expect<string>(read(FOUND, 16)).toBe("01010000000000000000000000000000");
  });
});

describe("lengths of server id and nonce", () => {
  it("are those of QUIC-LB, section 5.2", () => {
    expect<bool>(isLayout(0, 8)).toBe(false);
    expect<bool>(isLayout(1, 3)).toBe(false);
    expect<bool>(isLayout(1, 4)).toBe(true);
    expect<bool>(isLayout(1, 18)).toBe(true);
    expect<bool>(isLayout(1, 19)).toBe(false);
    expect<bool>(isLayout(15, 4)).toBe(true);
    expect<bool>(isLayout(16, 4)).toBe(false);
    expect<bool>(isLayout(19, u32.MAX_VALUE)).toBe(false);
  });
});

function expectId(hex: string, offset: u32, bytes: u32): void {
  expect<u32>(destinationId(DATAGRAM, write(DATAGRAM, hex))).toBe(offset | (bytes << 16));
}

function expectNone(hex: string): void {
  expectId(hex, 0, 0);
}

describe("the destination connection id of a QUIC packet", () => {
  it("starts behind the first byte of a short header", () => {
    expectId("4007c4605e4504cc4f", 1, 8);
    expectId("40c4", 1, 1);
  });
  it("has at most 20 bytes", () => {
    expectId("40000102030405060708090a0b0c0d0e0f10111213", 1, 20);
    expectId("40000102030405060708090a0b0c0d0e0f1011121314151617", 1, 20);
  });
  it("is in a long header, of Handshake packets and of versions that we do not know", () => {
    expectId("e0000000010807c4605e4504cc4f00", 6, 8); // version 1, Handshake
    expectId("f06b3343cf0807c4605e4504cc4f00", 6, 8); // version 2, Handshake
    expectId("c00a0a0a0a0807c4605e4504cc4f00", 6, 8); // 0x00 is no Initial of theirs
    expectId("e000000001010700", 6, 1);
  });
  it("is the client's in Initial and 0-RTT packets", () => {
    expectNone("c0000000010807c4605e4504cc4f00"); // version 1, Initial
    expectNone("d0000000010807c4605e4504cc4f00"); // version 1, 0-RTT
    expectNone("d06b3343cf0807c4605e4504cc4f00"); // version 2, Initial
    expectNone("e06b3343cf0807c4605e4504cc4f00"); // version 2, 0-RTT
  });
  it("is not looked for in what only servers send", () => {
    expectNone("c0000000000807c4605e4504cc4f00"); // Version Negotiation
  });
  it("is not there", () => {
    expectNone("");
    expectNone("40");
    expectNone("e0");
    expectNone("e00000000100");
    expectNone("e0000000010000");
    expectNone("e0000000010807c4605e4504cc"); // one byte short
    expectNone("e000000001ff07c4605e4504cc4f00"); // longer than any
    expectNone("e00000000115000102030405060708090a0b0c0d0e0f1011121314"); // 21 bytes
  });
});
