/** Builds management messages in the inbox, and reads the answers. */
import { ENVELOPE_MAGIC, ENVELOPE_VERSION, Envelope, EnvelopeFlag, Message } from "../../messages";
import { ANSWER_PAYLOAD, INBOX, OUTBOX, PAYLOAD, PAYLOAD_BYTES_MAX } from "../../manage/envelope";
import { BucketBatch, BucketScan, FlowBatch, FlowRow, FlowScan, FlowState, Handover } from "../../commands";
import { Assignment, Bucket, HashMode, Identity, LocalOwner, NO_OWNER, Owner, Port, PortRole, Vip } from "../../records";
import { swap16, swap32 } from "../../wire/ethernet";
import { SERVICE, VIP, VIP6_HIGH, VIP6_LOW, VMAC, ownerMac } from "./frames";

export const HEADER: u32 = <u32>offsetof<Envelope>();
/** Buckets of the specs' assignments. */
export const BUCKETS: u32 = 16;
export const OWNERS: u32 = 7;
export const NONE: u32 = NO_OWNER;

/** The table under construction. */
export const TABLE: usize = memory.data(16384, 16);

let sequence: u32 = 0;

export function answer(): Envelope {
  return changetype<Envelope>(OUTBOX);
}

export function nextSequence(): u32 {
  return ++sequence;
}

/** Writes an envelope with the next sequence number; returns the message's bytes. */
export function envelope(type: u32, payloadBytes: u32): u32 {
  memory.fill(INBOX, 0, HEADER);
  const it = changetype<Envelope>(INBOX);
  it.magic = <u16>ENVELOPE_MAGIC;
  it.version = <u8>ENVELOPE_VERSION;
  it.type = <u8>type;
  it.sequence = nextSequence();
  it.length = <u16>payloadBytes;
  return HEADER + payloadBytes;
}

/** Writes chunk `index` of `count` of the table under construction. */
export function chunk(table: u32, index: u32, count: u32, from: u32, bytes: u32): u32 {
  const total = envelope(Message.PUT, bytes);
  const it = changetype<Envelope>(INBOX);
  it.table = <u8>table;
  it.chunk = <u16>index;
  it.chunks = <u16>count;
  if (index + 1 == count) it.flags = <u8>EnvelopeFlag.COMMIT;
  memory.copy(PAYLOAD, TABLE + from, bytes);
  return total;
}

/** An identity with owners 1 (port 1) and 2 (port 2) on this node, hash by low bits. Returns its bytes. */
export function identity(flags: u32, cookiesSince: u32 = 0): u32 {
  memory.fill(TABLE, 0, 512);
  const header = changetype<Identity>(TABLE);
  header.vmac = <u32>VMAC;
  header.vmacHigh = <u16>(VMAC >>> 32);
  header.hash = <u8>HashMode.LOW_BITS;
  header.flags = <u8>flags;
  header.cookiesSince = <u8>cookiesSince;
  header.seed = 0x0123456789abcdef;
  header.localOwners = 2;
  header.vips = 2;
  header.ports = 4;
  let at = TABLE + offsetof<Identity>();
  for (let i: u32 = 1; i <= 2; i++) {
    const owner = changetype<LocalOwner>(at);
    owner.mac = <u32>ownerMac(i);
    owner.macHigh = <u16>(ownerMac(i) >>> 32);
    owner.owner = <u16>i;
    owner.port = <u8>i;
    at += offsetof<LocalOwner>();
  }
  const vip = changetype<Vip>(at);
  vip.address = swap32(VIP);
  vip.family = 4;
  at += offsetof<Vip>();
  const vip6 = changetype<Vip>(at);
  vip6.address = VIP6_LOW;
  vip6.addressHigh = VIP6_HIGH;
  vip6.family = 6;
  at += offsetof<Vip>();
  for (let i: u32 = 0; i < 4; i++) {
    changetype<Port>(at + i * offsetof<Port>()).role = <u8>(i == 0 ? PortRole.FABRIC : PortRole.HOST);
  }
  return <u32>(at + 4 * offsetof<Port>() - TABLE);
}

/** An assignment in which every bucket has the same history. Owner n is behind switch port n. Returns its bytes. */
export function assignment(generation: u32, p0: u32, p1: u32, p2: u32, p3: u32): u32 {
  memory.fill(TABLE, 0, 512);
  const header = changetype<Assignment>(TABLE);
  header.generation = generation;
  header.buckets = BUCKETS;
  header.owners = <u16>OWNERS;
  const owners = TABLE + offsetof<Assignment>();
  for (let i: u32 = 1; i < OWNERS; i++) {
    const owner = changetype<Owner>(owners + i * offsetof<Owner>());
    owner.mac = <u32>ownerMac(i);
    owner.macHigh = <u16>(ownerMac(i) >>> 32);
    owner.port = <u16>i;
  }
  for (let i: u32 = 0; i < BUCKETS; i++) {
    const history = stagedHistory(i);
    history.p0 = <u16>p0;
    history.p1 = <u16>p1;
    history.p2 = <u16>p2;
    history.p3 = <u16>p3;
  }
  return assignmentBytes();
}

export function assignmentBytes(): u32 {
  return <u32>(offsetof<Assignment>() + OWNERS * offsetof<Owner>() + BUCKETS * offsetof<Bucket>());
}

/** History of a bucket in the assignment under construction. */
export function stagedHistory(bucket: u32): Bucket {
  return changetype<Bucket>(TABLE + offsetof<Assignment>() + OWNERS * offsetof<Owner>() + bucket * offsetof<Bucket>());
}

/** A batch of one flow of local owner `local`. */
export function flowBatch(type: u32, generation: u32, local: u32, address: u32, port: u32, state: u32): u32 {
  const bytes = envelope(type, <u32>(offsetof<FlowBatch>() + offsetof<FlowRow>()));
  memory.fill(PAYLOAD, 0, offsetof<FlowBatch>() + offsetof<FlowRow>());
  const batch = changetype<FlowBatch>(PAYLOAD);
  batch.generation = generation;
  batch.owner = <u8>local;
  flowRow(PAYLOAD + offsetof<FlowBatch>(), address, port, state);
  return bytes;
}

function flowRow(at: usize, address: u32, port: u32, state: u32): void {
  memory.fill(at, 0, offsetof<FlowRow>());
  const row = changetype<FlowRow>(at);
  row.client = swap32(address);
  row.vip = swap32(VIP);
  row.clientPort = <u16>swap16(port);
  row.vipPort = <u16>swap16(SERVICE);
  row.protocol = 6;
  row.family = 4;
  row.state = <u8>state;
}

function handoverHeader(type: u32, generation: u32, owner: u32, bytes: u32): u32 {
  const total = envelope(type, <u32>offsetof<Handover>() + bytes);
  memory.fill(PAYLOAD, 0, offsetof<Handover>());
  const header = changetype<Handover>(PAYLOAD);
  header.generation = generation;
  header.owner = <u16>owner;
  return total;
}

/** Part `part` of `parts` of the list of previous owner `owner`: `rows` flows of one client, from port `port` on. */
export function handover(
  generation: u32,
  owner: u32,
  bucket: u32,
  part: u32,
  parts: u32,
  address: u32,
  port: u32,
  rows: u32,
): u32 {
  const total = handoverHeader(Message.HANDOVER, generation, owner, rows * <u32>offsetof<FlowRow>());
  const header = changetype<Handover>(PAYLOAD);
  header.bucket = <u16>bucket;
  header.part = <u16>part;
  header.parts = <u16>parts;
  for (let i: u32 = 0; i < rows; i++) {
    flowRow(PAYLOAD + offsetof<Handover>() + i * offsetof<FlowRow>(), address, port + i, FlowState.ESTABLISHED);
  }
  return total;
}

/** Says that previous owner `owner` has no flow in two buckets. */
export function handoverEmpty(generation: u32, owner: u32, bucket: u32, other: u32): u32 {
  const total = handoverHeader(Message.HANDOVER_EMPTY, generation, owner, 4);
  store<u16>(PAYLOAD + offsetof<Handover>(), <u16>bucket);
  store<u16>(PAYLOAD + offsetof<Handover>(), <u16>other, 2);
  return total;
}

/** A batch of one bucket. */
export function bucketBatch(type: u32, generation: u32, local: u32, bucket: u32): u32 {
  const bytes = envelope(type, <u32>offsetof<BucketBatch>() + 2);
  memory.fill(PAYLOAD, 0, offsetof<BucketBatch>());
  const batch = changetype<BucketBatch>(PAYLOAD);
  batch.generation = generation;
  batch.owner = <u8>local;
  store<u16>(PAYLOAD + offsetof<BucketBatch>(), <u16>bucket);
  return bytes;
}

export function bucketScan(local: u32, first: u32): u32 {
  const bytes = envelope(Message.BUCKETS, <u32>offsetof<BucketScan>());
  memory.fill(PAYLOAD, 0, offsetof<BucketScan>());
  changetype<BucketScan>(PAYLOAD).owner = <u8>local;
  changetype<BucketScan>(PAYLOAD).first = first;
  return bytes;
}

export function flowScan(cursor: u32, previousOnly: u32): u32 {
  const bytes = envelope(Message.LIST, <u32>offsetof<FlowScan>());
  memory.fill(PAYLOAD, 0, offsetof<FlowScan>());
  changetype<FlowScan>(PAYLOAD).cursor = cursor;
  changetype<FlowScan>(PAYLOAD).previousOnly = <u8>previousOnly;
  return bytes;
}

/** Record `index` behind a header of `header` bytes in the answer. */
export function answerRecord<T>(header: usize, index: u32): T {
  return changetype<T>(ANSWER_PAYLOAD + header + index * offsetof<T>());
}

/** Largest payload of one message. */
export const CHUNK_BYTES_MAX: u32 = PAYLOAD_BYTES_MAX;
