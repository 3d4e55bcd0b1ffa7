/**
 * The ABI, continued: management messages, and what becomes of them. Conventions as in `abi.ts`.
 */

const W1: i32 = 1 << 16;
const W2: i32 = 2 << 16;
const W4: i32 = 4 << 16;

export const ENVELOPE_MAGIC: u32 = 0xd0bb;
export const ENVELOPE_VERSION: u32 = 1;
/** Bytes of a message with its envelope: fits an Ethernet frame with two VLAN tags. */
export const MESSAGE_BYTES_MAX: u32 = 1472;

/**
 * Stands before every message and every answer; the same on a Unix socket, on TLS and in an Ethernet frame.
 * A request leaves the answer's fields (`status` and on) zero. `sequence` must be larger than that of the last
 * accepted message (a repetition of the last message gets the last answer again and does nothing; HELLO is always
 * taken, and tells the last sequence). The chunks of a table are numbered from 0 and come in order; the chunk that
 * has the COMMIT flag is the last. A refused PUT discards the stage; no other refusal changes anything.
 *
 * ```
 *  0       2       3      4          8       10       12       14      15      16
 *  +-------+-------+------+----------+-------+--------+--------+-------+-------+
 *  | magic |version| type | sequence | chunk | chunks | length | flags | table |
 *  +-------+-------+------+----------+-------+--------+--------+-------+-------+
 *  | status|retain | key  |  detail  |   generation   |     lastSequence       |
 *  +-------+-------+------+----------+----------------+------------------------+
 *  16      18      19     20         24               28                      32
 * ```
 */
@unmanaged
export class Envelope {
  magic: u16;
  version: u8;
  /** `Message`. */
  type: u8;
  sequence: u32;
  chunk: u16;
  chunks: u16;
  /** Bytes of payload after the envelope. */
  length: u16;
  /** `EnvelopeFlag`s. */
  flags: u8;
  /** `Table` of a PUT or GET, else 0. */
  table: u8;
  /** `Status` of an answer. */
  status: u16;
  /** `Retain`: what the engine does with the bytes of this request, so as to replay them after a restart. */
  retain: u8;
  /** What is retained under the same key before is forgotten at CLOSE. */
  retainKey: u8;
  /** The number that explains `status`: see there. */
  detail: u32;
  /** Generation of the assignment that is in force, 0 for none. */
  generation: u32;
  lastSequence: u32;
}

export enum EnvelopeField {
  SIZE = offsetof<Envelope>(),
  magic = offsetof<Envelope>("magic") | W2,
  version = offsetof<Envelope>("version") | W1,
  type = offsetof<Envelope>("type") | W1,
  sequence = offsetof<Envelope>("sequence") | W4,
  chunk = offsetof<Envelope>("chunk") | W2,
  chunks = offsetof<Envelope>("chunks") | W2,
  length = offsetof<Envelope>("length") | W2,
  flags = offsetof<Envelope>("flags") | W1,
  table = offsetof<Envelope>("table") | W1,
  status = offsetof<Envelope>("status") | W2,
  retain = offsetof<Envelope>("retain") | W1,
  retainKey = offsetof<Envelope>("retainKey") | W1,
  detail = offsetof<Envelope>("detail") | W4,
  generation = offsetof<Envelope>("generation") | W4,
  lastSequence = offsetof<Envelope>("lastSequence") | W4,
}

export enum EnvelopeFlag {
  ANSWER = 1,
  /** The last chunk: check the whole table, and put it in force or refuse it. */
  COMMIT = 2,
}

/** Bits of `Envelope.retain`, in the order in which the engine acts on them. */
export enum Retain {
  /** Forget the requests held back since the last BEGIN that was not closed. */
  BEGIN = 1,
  /** Hold this request back. */
  HOLD = 2,
  /** What is held back replaces all that was retained under `retainKey`. */
  CLOSE = 4,
}

/** Message types. All but PUT and HELLO are commands: done once, never retained. */
export enum Message {
  /** Always taken. Answer: `Hello`. */
  HELLO = 1,
  /** A chunk of a table: bytes of the table's header and records. */
  PUT = 2,
  /** Request: `FlowBatch`, then `FlowRow`s. Puts live connections into the flow table, all or, at the first without
   *  room, OUT_OF_ROOM with the number that were put. Answer: the same rows with `bucket` filled in. */
  SEED = 3,
  /** Request: `FlowBatch`, then `FlowRow`s. Removes those not touched for `untouchedMs`. `detail`: how many. */
  REMOVE = 4,
  /** Request: `FlowScan`. Answer: `FlowScan`, then `FlowRow`s. */
  LIST = 5,
  /** Request: `BucketBatch`, then u16 buckets. Their rows are kept from eviction until the next install. */
  PIN = 6,
  UNPIN = 7,
  /** Request: `BucketBatch`, then u16 buckets. Their table is complete: "not mine" may be said. Of a sealed bucket it
   *  is refused (BUCKET_NOT_EMPTY) while the flow table has a row. */
  COMPLETE = 8,
  /** Request: `BucketBatch`, then u16 buckets. Step (b) of the drain handshake: flush, not complete, sealed. */
  SEAL = 9,
  UNSEAL = 10,
  /** Request: `BucketScan`. Answer: `BucketScan`, then `BucketRow`s. */
  BUCKETS = 11,
  /** Request: `CounterScan`. Answer: `CounterScan`, then u64 counters. The regions are those of counters. */
  COUNTERS = 12,
  /** Request as SEED's. Answer: the same rows with `bucket` filled in. Changes nothing. */
  LOCATE = 13,
  /** Request: nothing. Answer: an `OwnerUse` for each local owner, by its index. */
  USES = 15,
  /** Request: `Handover`, then `FlowRow`s: a part of the handover list of a previous owner in a bucket whose current owner is here.
   *  Parts come in order, and the list is held with the last one. */
  HANDOVER = 16,
  /** Request: `Handover` (its bucket and parts say nothing), then u16 buckets in which the previous owner has no flow: lists without
   *  rows. All of them or none. */
  HANDOVER_EMPTY = 17,
}

/** Tables that are put whole; the value is the retain key. */
export enum Table {
  NONE = 0,
  /** `Identity`, then `LocalOwner`s, `Vip`s and `Port`s. */
  IDENTITY = 1,
  /** `Assignment`, then `Owner`s and `Bucket`s. */
  ASSIGNMENT = 2,
  /** `FilterRule`s, first match wins. */
  FILTER = 3,
  /** `ForwardEntry`s. */
  FORWARD = 4,
  /** `Role` (switch image). */
  ROLE = 5,
  /** `Service`s, first match wins (blade image). */
  SERVICE = 6,
  /** `CidTable`, then `CidConfig`s and `ServerId`s (blade image). */
  CID = 7,
}

/** What became of a message. `detail` is given behind the colon where it says more. */
export enum Status {
  OK = 0,
  /** Shorter than the envelope, or than its `length` says: bytes received. */
  BAD_LENGTH = 1,
  BAD_MAGIC = 2,
  /** : the version this image speaks */
  BAD_VERSION = 3,
  /** : the type */
  UNKNOWN_MESSAGE = 4,
  /** : the last accepted sequence */
  STALE_SEQUENCE = 5,
  /** : the chunk of the table, or the part of the handover list, that was expected */
  BAD_CHUNK = 6,
  /** : the table */
  UNKNOWN_TABLE = 7,
  /** A table that is larger than this image's: the largest number of bytes */
  TABLE_TOO_LARGE = 8,
  /** A table whose length is not that of its header and records: the length expected */
  BAD_TABLE = 9,
  /** A record is out of range: its index */
  BAD_RECORD = 10,
  /** More records than this image has room for: the room */
  TOO_MANY_RECORDS = 11,
  /** Not a power of two from 1 to the largest of this image: that */
  BAD_BUCKET_COUNT = 12,
  /** Not larger than that in force: the generation in force */
  STALE_GENERATION = 13,
  /** The message speaks of another generation: the generation in force */
  WRONG_GENERATION = 14,
  /** : the number of local owners */
  BAD_OWNER = 15,
  /** : the bucket */
  BAD_BUCKET = 16,
  /** The bucket is not in the state that the command needs: the bucket */
  BAD_BUCKET_STATE = 17,
  /** : rows left */
  BUCKET_NOT_EMPTY = 18,
  /** The flow table has no room for these flows: how many of the batch were put */
  OUT_OF_ROOM = 19,
  /** This message is for the other image kind. */
  WRONG_IMAGE = 20,
  /** No identity, or no assignment, is in force yet. */
  NOT_READY = 21,
  /** A request with the ANSWER flag, or with an answer's fields set. */
  NOT_A_REQUEST = 22,
  /** Would change which bucket a flow is in (hash, seed, number of buckets) while an assignment is in force. */
  NOT_IN_SERVICE = 23,
  /** There is no room for this handover list, and it is not held: how many rows of this part were put */
  LIST_TOO_LONG = 24,
  /** A host may have sent a SYN cookie that no row tells of: the bucket */
  COOKIES_LOST = 25,
}
