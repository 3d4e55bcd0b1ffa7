/** Commands on the flow table: SEED, LOCATE, REMOVE, LIST. */
import { Message, Status } from "../messages";
import { bucketOf, generation, indexInHistory } from "../buckets";
import { FLOW_TABLE, Flow, FlowKey, find, flowAt, insert, isOpening, isRow, remove } from "../flows";
import { hashClient } from "../hash";
import { FAMILY_IPV4, FAMILY_IPV6, NO_VIP, localOwnerAt, localOwners, vipAt, vipIndex } from "../identity";
import { hashKey } from "../packet";
import { FlowBatch, FlowRow, FlowScan, FlowState } from "../commands";
import { NO_OWNER, ServiceClass } from "../records";
import { NO_SERVICE, classOf } from "../services";
import { SETS, WAYS } from "../sizes";
import { lastWord, mappedHigh } from "../wire/address";
import { PROTOCOL_TCP } from "../wire/ipv4";
import { ANSWER_PAYLOAD, PAYLOAD, PAYLOAD_BYTES_MAX, answerWith, explain, refuse, request } from "./envelope";

const ROW: u32 = <u32>offsetof<FlowRow>();
const BATCH: u32 = <u32>offsetof<FlowBatch>();
const SCAN: u32 = <u32>offsetof<FlowScan>();
const ROWS_MAX: u32 = (PAYLOAD_BYTES_MAX - BATCH) / ROW;
/** Packets wait for a LIST no longer than this many sets take. */
const SETS_PER_LIST: u32 = 1024;

const KEY: usize = memory.data(offsetof<FlowKey>(), 16);

function rowAt(index: u32): FlowRow {
  return changetype<FlowRow>(PAYLOAD + BATCH + index * ROW);
}

/** The key of a row's flow, until the next row's is asked for. */
export function keyOf(row: FlowRow): FlowKey {
  const flow = changetype<FlowKey>(KEY);
  const isIpv4 = row.family == FAMILY_IPV4;
  flow.client = isIpv4 ? 0 : row.client;
  flow.clientHigh = isIpv4 ? mappedHigh(<u32>row.client) : row.clientHigh;
  flow.vip = <u8>vipOf(row);
  flow.clientPort = row.clientPort;
  flow.vipPort = row.vipPort;
  flow.protocol = row.protocol;
  flow.bucket = <u16>bucketOf(hashClient(flow.client, flow.clientHigh));
  hashKey(flow);
  return flow;
}

/** Index of a row's virtual IP, or NO_VIP. */
function vipOf(row: FlowRow): u32 {
  return row.family == FAMILY_IPV4 ? vipIndex(0, mappedHigh(<u32>row.vip)) : vipIndex(row.vip, row.vipHigh);
}

/** SEED, LOCATE, REMOVE: `type` says which. */
export function onFlowBatch(type: u32, now: u32): void {
  const bytes = <u32>request().length;
  if (bytes < BATCH || (bytes - BATCH) % ROW) return refuse(Status.BAD_LENGTH, bytes);
  if (generation() == 0) return refuse(Status.NOT_READY, 0);
  const batch = changetype<FlowBatch>(PAYLOAD);
  if (batch.generation != generation()) return refuse(Status.WRONG_GENERATION, generation());
  if (batch.owner >= localOwners() || localOwnerAt(batch.owner).owner == NO_OWNER) {
    return refuse(Status.BAD_OWNER, localOwners());
  }
  const count = (bytes - BATCH) / ROW;
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= count) break;
    if (!isFlowRow(rowAt(i))) return refuse(Status.BAD_RECORD, i);
  }
  if (type == Message.REMOVE) return removeRows(batch, count, now);
  answerRows(batch, count);
  if (type == Message.SEED) seedRows(batch, count, now);
}

/** Whether it names a flow that a flow table may hold. */
export function isFlowRow(row: FlowRow): bool {
  const known =
    row.state == FlowState.PROVISIONAL ||
    row.state == FlowState.HALF_OPEN ||
    row.state == FlowState.ESTABLISHED ||
    row.state == FlowState.CLOSING;
  // ICMP has no flows: NO_SERVICE's class is a protocol's own.
  if (row.protocol != PROTOCOL_TCP && classOf(NO_SERVICE, row.protocol) == ServiceClass.NONE) return false;
  return known && (row.family == FAMILY_IPV4 || row.family == FAMILY_IPV6) && vipOf(row) != NO_VIP;
}

function answerRows(batch: FlowBatch, count: u32): void {
  memory.copy(ANSWER_PAYLOAD, PAYLOAD, BATCH + count * ROW);
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= count) break;
    const row = changetype<FlowRow>(ANSWER_PAYLOAD + BATCH + i * ROW);
    row.bucket = keyOf(row).bucket;
    row.owner = batch.owner;
  }
  answerWith(BATCH + count * ROW);
}

function seedRows(batch: FlowBatch, count: u32, now: u32): void {
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= count) break;
    const row = rowAt(i);
    const key = keyOf(row);
    const at = find(key, batch.owner);
    if (at != 0) {
      // The socket table is newer than a SYN that was only delivered; frames have taught all else.
      const flow = changetype<Flow>(at);
      if (isOpening(flow.state)) flow.state = row.state;
      if (now - flow.touched > row.untouchedMs) flow.touched = now - row.untouchedMs;
    } else if (insert(key, batch.owner, row.state, now - row.untouchedMs) == 0) {
      return refuse(Status.OUT_OF_ROOM, i);
    }
  }
  explain(count);
}

function removeRows(batch: FlowBatch, count: u32, now: u32): void {
  let removed: u32 = 0;
  for (let i: u32 = 0; i < ROWS_MAX; i++) {
    if (i >= count) break;
    const at = find(keyOf(rowAt(i)), batch.owner);
    // A frame that came since the host's table was read may have opened the flow anew.
    if (at == 0 || now - changetype<Flow>(at).touched < batch.untouchedMs) continue;
    remove(at);
    removed++;
  }
  explain(removed);
}

export function onList(now: u32): void {
  if (request().length != SCAN) return refuse(Status.BAD_LENGTH, SCAN);
  const scan = changetype<FlowScan>(PAYLOAD);
  if (scan.cursor >= SETS || scan.previousOnly > 1 || scan.othersOnly > 1 || scan.reserved1) {
    return refuse(Status.BAD_RECORD, SETS);
  }
  let at = SCAN;
  let set = scan.cursor;
  for (let i: u32 = 0; i < SETS_PER_LIST; i++) {
    if (set >= SETS || at + WAYS * ROW > PAYLOAD_BYTES_MAX) break;
    for (let way: u32 = 0; way < WAYS; way++) {
      if (!isRow(set, way)) continue;
      const flow = flowAt(set, way);
      if (scan.othersOnly && flow.protocol == PROTOCOL_TCP) continue;
      if (scan.previousOnly && indexInHistory(flow.bucket, localOwnerAt(flow.owner).owner) <= 0) continue;
      writeRow(changetype<FlowRow>(ANSWER_PAYLOAD + at), flow, now);
      at += ROW;
    }
    set++;
  }
  const answer = changetype<FlowScan>(ANSWER_PAYLOAD);
  memory.copy(ANSWER_PAYLOAD, PAYLOAD, SCAN);
  answer.cursor = set >= SETS ? 0 : set;
  answerWith(at);
}

function writeRow(row: FlowRow, flow: Flow, now: u32): void {
  const vip = vipAt(flow.vip);
  const isIpv4 = vip.family == FAMILY_IPV4;
  row.client = isIpv4 ? lastWord(flow.clientHigh) : flow.client;
  row.clientHigh = isIpv4 ? 0 : flow.clientHigh;
  row.vip = vip.address;
  row.vipHigh = vip.addressHigh;
  row.family = vip.family;
  row.clientPort = flow.clientPort;
  row.vipPort = flow.vipPort;
  row.protocol = flow.protocol;
  row.state = flow.state;
  row.owner = flow.owner;
  row.untouchedMs = now - flow.touched;
  row.bucket = flow.bucket;
}
