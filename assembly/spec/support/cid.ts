/** Table CID, and QUIC packets whose connection ids name owners by it. */
import { Status, Table } from "../../messages";
import { generation } from "../../buckets";
import { ANY_VIP, CidConfig, CidFlag, CidTable, ServerId, Service, ServiceClass } from "../../records";
import { makeTag } from "../../redirect";
import { swap16 } from "../../wire/ethernet";
import { run, tell } from "./blade";
import { CLIENT_MAC, VIP, VMAC, ethernet, ipv4, ownerMac, udpBetween } from "./frames";
import { TABLE, chunk } from "./messages";

export const QUIC: u32 = 443;
const UDP: u32 = 17;
export const IDLE_MS: u32 = 400;
const PROVISIONAL_MS: u32 = 50;

/** Configurations: 0 without a key, server ids of 2 bytes; 2 as in the vector of appendix B.2 of the draft. */
const PLAIN: u32 = 0;
const ENCRYPTED: u32 = 2;
export const NONCE_BYTES: u32 = 6;
export const ID: usize = memory.data(20, 16);

export const LONG_HANDSHAKE: u32 = 0xe0;
export const LONG_INITIAL: u32 = 0xc0;
export const LONG_ZERO_RTT: u32 = 0xd0;
export const SHORT: u32 = 0x40;
const VERSION_1: u32 = 1;

export const HEADER: u32 = <u32>offsetof<CidTable>();
export const CONFIG: u32 = <u32>offsetof<CidConfig>();
export const SERVER_ID: u32 = <u32>offsetof<ServerId>();

// prettier-ignore
const DRAFT_KEY: usize = memory.data<u8>([
  0x8f, 0x95, 0xf0, 0x92, 0x45, 0x76, 0x5f, 0x80, 0x25, 0x69, 0x34, 0xe5, 0x0c, 0x66, 0x20, 0x7f,
]);
// prettier-ignore
const DRAFT_SERVER_ID: usize = memory.data<u8>([0xed, 0x79, 0x3a, 0x51, 0xd4, 0x9b, 0x8f, 0x5f]);
// prettier-ignore
export const DRAFT_ID: usize = memory.data<u8>([
  0x50, 0x4d, 0xd2, 0xd0, 0x5a, 0x7b, 0x0d, 0xe9, 0xb2, 0xb9, 0x90, 0x7a, 0xfb, 0x5e, 0xcf, 0x8c, 0xc3,
]);

// ------------------------------------------------------------------------------------------------ the table

export function stageService(): u32 {
  const service = changetype<Service>(TABLE);
  memory.fill(TABLE, 0, offsetof<Service>());
  service.port = <u16>swap16(QUIC);
  service.protocol = <u8>UDP;
  service.vip = <u8>ANY_VIP;
  service.serviceClass = <u8>ServiceClass.CID;
  service.idleMs = IDLE_MS;
  service.provisionalMs = PROVISIONAL_MS;
  return <u32>offsetof<Service>();
}

export function stageHeader(configs: u32, serverIds: u32): void {
  memory.fill(TABLE, 0, HEADER + configs * CONFIG + serverIds * SERVER_ID);
  changetype<CidTable>(TABLE).configs = <u16>configs;
  changetype<CidTable>(TABLE).serverIds = <u16>serverIds;
}

export function configAt(index: u32): CidConfig {
  return changetype<CidConfig>(TABLE + HEADER + index * CONFIG);
}

export function serverIdAt(configs: u32, index: u32): ServerId {
  return changetype<ServerId>(TABLE + HEADER + configs * CONFIG + index * SERVER_ID);
}

export function stageConfig(index: u32, number: u32, serverIdBytes: u32, nonceBytes: u32): void {
  const config = configAt(index);
  config.config = <u8>number;
  config.serverIdBytes = <u8>serverIdBytes;
  config.nonceBytes = <u8>nonceBytes;
}

/** A server id of 2 bytes: `owner`, 0xa0. */
export function stageServerId(configs: u32, index: u32, config: u32, owner: u32): void {
  const serverId = serverIdAt(configs, index);
  serverId.mac = <u32>ownerMac(owner);
  serverId.macHigh = <u16>(ownerMac(owner) >>> 32);
  serverId.key = config | (owner << 8) | (0xa0 << 16);
}

export function putTable(configs: u32, serverIds: u32): u32 {
  return tell(chunk(Table.CID, 0, 1, 0, HEADER + configs * CONFIG + serverIds * SERVER_ID));
}

/** Owners 1 to 4 have server ids in PLAIN, owner 3 has that of the draft in ENCRYPTED. */
function stageServers(): void {
  stageHeader(2, 5);
  stageConfig(0, PLAIN, 2, NONCE_BYTES);
  stageConfig(1, ENCRYPTED, 8, 8);
  configAt(1).flags = <u8>CidFlag.ENCRYPTED;
  configAt(1).key = load<u64>(DRAFT_KEY);
  configAt(1).keyHigh = load<u64>(DRAFT_KEY, 8);
  for (let owner: u32 = 1; owner <= 4; owner++) stageServerId(2, owner - 1, PLAIN, owner);
  const drafted = serverIdAt(2, 4);
  stageServerId(2, 4, ENCRYPTED, 3);
  store<u64>(changetype<usize>(drafted) + offsetof<ServerId>("key") + 1, load<u64>(DRAFT_SERVER_ID));
  // As numbers, the draft's server id comes behind the others: its first byte is the configuration, which is larger.
}

export function serve(): void {
  expect<u32>(tell(chunk(Table.SERVICE, 0, 1, 0, stageService()))).toBe(Status.OK);
  stageServers();
  sortServers(2, 5);
  expect<u32>(putTable(2, 5)).toBe(Status.OK);
}

/** Into ascending order of their keys. */
function sortServers(configs: u32, count: u32): void {
  const spare = memory.data(offsetof<ServerId>(), 8);
  for (let i: u32 = 0; i < count; i++) {
    for (let j: u32 = i + 1; j < count; j++) {
      const a = serverIdAt(configs, i);
      const b = serverIdAt(configs, j);
      if (a.key < b.key || (a.key == b.key && a.keyHigh < b.keyHigh)) continue;
      memory.copy(spare, changetype<usize>(a), offsetof<ServerId>());
      memory.copy(changetype<usize>(a), changetype<usize>(b), offsetof<ServerId>());
      memory.copy(changetype<usize>(b), spare, offsetof<ServerId>());
    }
  }
}

// ------------------------------------------------------------------------------------------------ packets

/** A connection id of PLAIN that names `owner`; returns its bytes. */
export function idOf(owner: u32): u32 {
  memory.fill(ID, 0x77, 20);
  store<u8>(ID, <u8>(PLAIN << 5) | 8);
  store<u8>(ID, <u8>owner, 1);
  store<u8>(ID, 0xa0, 2);
  return 1 + 2 + NONCE_BYTES;
}

/** A QUIC packet of a client, with the connection id in ID, to `destination` from `source`; returns its verdict. */
export function packet(destination: u64, source: u64, address: u32, port: u32, first: u32, idBytes: u32): u32 {
  const long = (first & 0x80) != 0;
  const bytes = (long ? 6 : 1) + idBytes + 20;
  const at = ipv4(ethernet(0, 0, destination, source, 0x0800, 42 + bytes), address, VIP, UDP, 8 + bytes);
  store<u16>(at, <u16>swap16(port));
  store<u16>(at, <u16>swap16(QUIC), 2);
  store<u16>(at, <u16>swap16(8 + bytes), 4);
  const quic = at + 8;
  store<u8>(quic, <u8>first);
  if (long) {
    store<u8>(quic, <u8>VERSION_1, 4);
    store<u8>(quic, <u8>idBytes, 5);
  }
  memory.copy(quic + (long ? 6 : 1), ID, idBytes);
  return run();
}

/** Steered here by the switch. */
export function direct(address: u32, port: u32, first: u32, idBytes: u32): u32 {
  return packet(VMAC, CLIENT_MAC, address, port, first, idBytes);
}

/** Redirected here by owner 5, to owner `to`. */
export function redirected(kind: u32, to: u32, address: u32, port: u32, idBytes: u32): u32 {
  return packet(ownerMac(to), makeTag(kind, 5, generation()), address, port, SHORT, idBytes);
}

export function hostAnswers(number: u32, address: u32, port: u32): void {
  udpBetween(0, number, CLIENT_MAC, ownerMac(number), VIP, QUIC, address, port);
  run();
}
