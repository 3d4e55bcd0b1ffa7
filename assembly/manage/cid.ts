/** Table CID: how connection ids are made, and whose server ids are whose; and the command USES. */
import { Status } from "../messages";
import { localOwners } from "../identity";
import { SERVER_ID_BYTES_MAX, clearConfigs, isLayout, setConfig } from "../quic/server-id";
import { SERVER_IDS, isBefore, setServerIds } from "../quic/servers";
import { unusedMs } from "../quic/use";
import { OwnerUse } from "../commands";
import { CidConfig, CidFlag, CidTable, ServerId } from "../records";
import { CID_CONFIGS_MAX, LOCAL_OWNERS_MAX, SERVER_IDS_MAX } from "../sizes";
import { ANSWER_PAYLOAD, answerWith, refuse, request } from "./envelope";
import { isStationMac } from "./mac";
import { STAGE, staged } from "./stage";

const HEADER: u32 = <u32>offsetof<CidTable>();
const CONFIG: u32 = <u32>offsetof<CidConfig>();
const SERVER_ID: u32 = <u32>offsetof<ServerId>();

export function commitCid(): void {
  if (staged() < HEADER) return refuse(Status.BAD_TABLE, HEADER);
  const table = changetype<CidTable>(STAGE);
  if (table.configs > CID_CONFIGS_MAX) return refuse(Status.TOO_MANY_RECORDS, CID_CONFIGS_MAX);
  if (table.serverIds > SERVER_IDS_MAX) return refuse(Status.TOO_MANY_RECORDS, SERVER_IDS_MAX);
  const serverIdsAt = HEADER + table.configs * CONFIG;
  const bytes = serverIdsAt + table.serverIds * SERVER_ID;
  if (staged() != bytes) return refuse(Status.BAD_TABLE, bytes);
  if (table.reserved != 0) return refuse(Status.BAD_RECORD, 0);
  for (let i: u32 = 0; i < CID_CONFIGS_MAX; i++) {
    if (i >= table.configs) break;
    if (!isConfig(i)) return refuse(Status.BAD_RECORD, i);
  }
  for (let i: u32 = 0; i < SERVER_IDS_MAX; i++) {
    if (i >= table.serverIds) break;
    if (!isServerId(STAGE + serverIdsAt, i, table.configs)) return refuse(Status.BAD_RECORD, i);
  }

  clearConfigs();
  for (let i: u32 = 0; i < CID_CONFIGS_MAX; i++) {
    if (i >= table.configs) break;
    const config = configAt(i);
    const key = config.flags & CidFlag.ENCRYPTED ? changetype<usize>(config) + offsetof<CidConfig>("key") : 0;
    setConfig(config.config, config.serverIdBytes, config.nonceBytes, key);
  }
  memory.copy(SERVER_IDS, STAGE + serverIdsAt, table.serverIds * SERVER_ID);
  setServerIds(table.serverIds);
}

/** In the stage. */
function configAt(index: u32): CidConfig {
  return changetype<CidConfig>(STAGE + HEADER + index * CONFIG);
}

/** Numbers ascend, so that there is each but once. */
function isConfig(index: u32): bool {
  const config = configAt(index);
  if (config.config >= CID_CONFIGS_MAX || config.reserved != 0 || config.flags & ~CidFlag.ENCRYPTED) return false;
  if (!(config.flags & CidFlag.ENCRYPTED) && (config.key | config.keyHigh) != 0) return false;
  if (index > 0 && config.config <= configAt(index - 1).config) return false;
  return isLayout(config.serverIdBytes, config.nonceBytes);
}

/** Keys ascend, and have zeros behind the server id. */
function isServerId(serverIds: usize, index: u32, configs: u32): bool {
  const serverId = changetype<ServerId>(serverIds + index * SERVER_ID);
  if (serverId.owner != 0 || !isStationMac(<u64>serverId.mac | (<u64>serverId.macHigh << 32))) return false;
  if (index > 0 && !isBefore(changetype<ServerId>(serverIds + (index - 1) * SERVER_ID), serverId)) return false;
  const bytes = serverIdBytesOf(<u32>serverId.key & 0xff, configs);
  if (bytes == 0) return false;
  const id = changetype<usize>(serverId) + offsetof<ServerId>("key") + 1;
  for (let i: u32 = 0; i < SERVER_ID_BYTES_MAX; i++) {
    if (i >= bytes && load<u8>(id + i) != 0) return false;
  }
  return true;
}

/** Bytes of a server id in configuration `number` of the stage; 0: there is none. */
function serverIdBytesOf(number: u32, configs: u32): u32 {
  for (let i: u32 = 0; i < CID_CONFIGS_MAX; i++) {
    if (i >= configs) break;
    if (configAt(i).config == number) return configAt(i).serverIdBytes;
  }
  return 0;
}

/** The command USES. */
export function onUses(now: u32): void {
  if (request().length != 0) return refuse(Status.BAD_LENGTH, 0);
  const owners = localOwners();
  for (let i: u32 = 0; i < LOCAL_OWNERS_MAX; i++) {
    if (i >= owners) break;
    changetype<OwnerUse>(ANSWER_PAYLOAD + i * offsetof<OwnerUse>()).cidUnusedMs = unusedMs(i, now);
  }
  answerWith(owners * <u32>offsetof<OwnerUse>());
}
