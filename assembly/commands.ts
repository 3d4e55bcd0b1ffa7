/**
 * The ABI, continued: records of commands and their answers (`Message` in `messages.ts`). Conventions as in `abi.ts`.
 */

const W1: i32 = 1 << 16;
const W2: i32 = 2 << 16;
const W4: i32 = 4 << 16;
const W16: i32 = 16 << 16;

@unmanaged
export class Hello {
  abi: u32;
  /** `ImageKind`. */
  kind: u32;
  /** Buckets of the assignment in force, 0 for none. */
  buckets: u32;
  /** Rows in the flow table now. */
  flows: u32;
}

export enum HelloField {
  SIZE = offsetof<Hello>(),
  abi = offsetof<Hello>("abi") | W4,
  kind = offsetof<Hello>("kind") | W4,
  buckets = offsetof<Hello>("buckets") | W4,
  flows = offsetof<Hello>("flows") | W4,
}

export enum FlowState {
  /** A SYN, or the first packet of another protocol, was delivered; the host has not answered. */
  PROVISIONAL = 1,
  /** The host has sent a SYN+ACK. */
  HALF_OPEN = 2,
  /** The host has sent a segment of an open connection, or its socket table says so; of another protocol: has answered. */
  ESTABLISHED = 3,
  /** A FIN of either side, or a RST of the host, was seen. */
  CLOSING = 4,
}

/** A flow, seen from the appliance. Addresses and ports in network order; IPv4 addresses take the first 4 bytes, the others are
 *  zero. */
@unmanaged
export class FlowRow {
  client: u64;
  clientHigh: u64;
  vip: u64;
  vipHigh: u64;
  /** 0 of a protocol without ports. */
  clientPort: u16;
  vipPort: u16;
  /** IP protocol number. */
  protocol: u8;
  /** `FlowState`. */
  state: u8;
  /** Index of the local owner. In a request: that of the batch counts. */
  owner: u8;
  /** 4 or 6. */
  family: u8;
  /** Milliseconds since a frame of it was last delivered or sent. */
  untouchedMs: u32;
  /** Ignored in a request. */
  bucket: u32;
}

export enum FlowRowField {
  SIZE = offsetof<FlowRow>(),
  client = offsetof<FlowRow>("client") | W16,
  vip = offsetof<FlowRow>("vip") | W16,
  clientPort = offsetof<FlowRow>("clientPort") | W2,
  vipPort = offsetof<FlowRow>("vipPort") | W2,
  protocol = offsetof<FlowRow>("protocol") | W1,
  state = offsetof<FlowRow>("state") | W1,
  owner = offsetof<FlowRow>("owner") | W1,
  family = offsetof<FlowRow>("family") | W1,
  untouchedMs = offsetof<FlowRow>("untouchedMs") | W4,
  bucket = offsetof<FlowRow>("bucket") | W4,
}

/** Header of SEED and REMOVE; as many `FlowRow`s follow as the payload holds. */
@unmanaged
export class FlowBatch {
  generation: u32;
  untouchedMs: u32;
  /** Index of the local owner. */
  owner: u8;
  reserved0: u8;
  reserved1: u16;
}

export enum FlowBatchField {
  SIZE = offsetof<FlowBatch>(),
  generation = offsetof<FlowBatch>("generation") | W4,
  untouchedMs = offsetof<FlowBatch>("untouchedMs") | W4,
  owner = offsetof<FlowBatch>("owner") | W1,
  reserved0 = offsetof<FlowBatch>("reserved0") | W1,
  reserved1 = offsetof<FlowBatch>("reserved1") | W2,
}

/** Header of LIST and its answer. A scan starts with cursor 0, goes on with the cursor of the answer, and is over when
 *  that is 0 again; it looks at a bounded number of entries a message, so that packets do not wait. */
@unmanaged
export class FlowScan {
  cursor: u32;
  /** Only rows in buckets of which the owner is a previous one: 1; all rows: 0. */
  previousOnly: u8;
  /** Only rows of other protocols than TCP: 1. */
  othersOnly: u8;
  reserved1: u16;
}

export enum FlowScanField {
  SIZE = offsetof<FlowScan>(),
  cursor = offsetof<FlowScan>("cursor") | W4,
  previousOnly = offsetof<FlowScan>("previousOnly") | W1,
  othersOnly = offsetof<FlowScan>("othersOnly") | W1,
  reserved1 = offsetof<FlowScan>("reserved1") | W2,
}

/** Header of PIN, UNPIN, COMPLETE, SEAL and UNSEAL; u16 bucket numbers follow. All of them or none. */
@unmanaged
export class BucketBatch {
  generation: u32;
  /** Index of the local owner. */
  owner: u8;
  /** COMPLETE: 1 takes only buckets that are OPEN or SEALED. An image that was started anew in between, and has lost
   *  what it was seeded with, then refuses; 0: all. */
  openOnly: u8;
  reserved1: u16;
}

export enum BucketBatchField {
  SIZE = offsetof<BucketBatch>(),
  generation = offsetof<BucketBatch>("generation") | W4,
  owner = offsetof<BucketBatch>("owner") | W1,
  openOnly = offsetof<BucketBatch>("openOnly") | W1,
  reserved1 = offsetof<BucketBatch>("reserved1") | W2,
}

/** Header of BUCKETS and its answer: from bucket `first` on, for one local owner. */
@unmanaged
export class BucketScan {
  first: u32;
  owner: u8;
  reserved0: u8;
  reserved1: u16;
}

export enum BucketScanField {
  SIZE = offsetof<BucketScan>(),
  first = offsetof<BucketScan>("first") | W4,
  owner = offsetof<BucketScan>("owner") | W1,
  reserved0 = offsetof<BucketScan>("reserved0") | W1,
  reserved1 = offsetof<BucketScan>("reserved1") | W2,
}

/** Header of HANDOVER and HANDOVER_EMPTY. */
@unmanaged
export class Handover {
  /** In force on the sender's node from the beginning to the end of the scan that the rows are from. */
  generation: u32;
  /** Number, in the assignment, of the previous owner whose rows they are. */
  owner: u16;
  bucket: u16;
  /** From 0 on. */
  part: u16;
  parts: u16;
}

export enum HandoverField {
  SIZE = offsetof<Handover>(),
  generation = offsetof<Handover>("generation") | W4,
  owner = offsetof<Handover>("owner") | W2,
  bucket = offsetof<Handover>("bucket") | W2,
  part = offsetof<Handover>("part") | W2,
  parts = offsetof<Handover>("parts") | W2,
}

export enum BucketFlag {
  COMPLETE = 1,
  SEALED = 2,
  PINNED = 4,
  /** Open for seeding: since UNSEAL, and until COMPLETE or SEAL. */
  OPEN = 8,
  /** In answers, of a current owner's bucket: the handover list of the previous owner at place 1 (2, 3) is held. */
  LISTED_1 = 16,
  LISTED_2 = 32,
  LISTED_3 = 64,
  /** In answers, of a previous owner's bucket: a SYN cookie may be out that no row tells of, and COMPLETE is refused. */
  COOKIES_LOST = 128,
}

/** What this blade's flow table holds of a bucket for one local owner. */
@unmanaged
export class BucketRow {
  rows: u32;
  /** `BucketFlag`s. */
  flags: u16;
  /** Index of the owner in the history, or NO_OWNER. */
  index: u16;
}

export enum BucketRowField {
  SIZE = offsetof<BucketRow>(),
  rows = offsetof<BucketRow>("rows") | W4,
  flags = offsetof<BucketRow>("flags") | W2,
  index = offsetof<BucketRow>("index") | W2,
}

/** How a local owner is used. */
@unmanaged
export class OwnerUse {
  /** Milliseconds since a packet was last delivered to it because its connection id names it; at first, since that was first
   *  asked. */
  cidUnusedMs: u32;
}

export enum OwnerUseField {
  SIZE = offsetof<OwnerUse>(),
  cidUnusedMs = offsetof<OwnerUse>("cidUnusedMs") | W4,
}

/** Header of COUNTERS and its answer: counters of a region from `first` on, as many as fit. */
@unmanaged
export class CounterScan {
  /** `RegionId` of VERDICT_COUNTER, DROP_COUNTER, EVENT_COUNTER or RULE_COUNTER. */
  region: u32;
  first: u32;
}

export enum CounterScanField {
  SIZE = offsetof<CounterScan>(),
  region = offsetof<CounterScan>("region") | W4,
  first = offsetof<CounterScan>("first") | W4,
}
