/**
 * The ABI: every number that crosses the boundary between an image and its host.
 *
 * Each struct stands here once, as a class (its layout) and as an enum `<Struct>Field` that exports the layout:
 * `SIZE` is the record's size in bytes, every other member is `offset | width`, the width in bytes in bits 16 and up.
 * Each code stands here once, as an exported enum. Hosts read all of them from the loaded image by name
 * (`Egress.port`, `Verdict.DROP`) and know no number of their own. All integers are little-endian; MAC and IP
 * addresses are byte strings in network order.
 */

/** Raised when a host that was written for an older ABI could misread this image. */
export const ABI_VERSION: u32 = 2;

export enum ImageKind {
  BLADE = 1,
  SWITCH = 2,
}

/** Field widths of the `<Struct>Field` enums. */
const W1: i32 = 1 << 16;
const W2: i32 = 2 << 16;
const W4: i32 = 4 << 16;
const W6: i32 = 6 << 16;

// ---------------------------------------------------------------------------------------------------------------
// Regions: where the tables are
// ---------------------------------------------------------------------------------------------------------------

/** A table in linear memory: `count` records, `stride` bytes apart, from `address` on. `layout.ts` fills them in, in this
 *  order of fields. */
@unmanaged
export class Region {
  id: u32;
  address: u32;
  stride: u32;
  count: u32;
}

export enum RegionField {
  SIZE = offsetof<Region>(),
  id = offsetof<Region>("id") | W4,
  address = offsetof<Region>("address") | W4,
  stride = offsetof<Region>("stride") | W4,
  count = offsetof<Region>("count") | W4,
}

export enum RegionId {
  /** Frame bytes, a slot a record: RING_SLOTS that the host fills, and behind them those that wait in the image. */
  FRAME = 1,
  /** `Slot` records: what the host says of a frame, and what the firmware decided. As many as of FRAME. */
  SLOT = 2,
  /** `Egress` records: what leaves, valid until the next call of `process`. */
  EGRESS = 3,
  /** Where the host puts a management message. One record. */
  INBOX = 4,
  /** Where the firmware puts its answer. One record. */
  OUTBOX = 5,
  /** u64 by `Verdict`. */
  VERDICT_COUNTER = 6,
  /** u64 by `Drop`. */
  DROP_COUNTER = 7,
  /** u64 by `Event`. */
  EVENT_COUNTER = 8,
  /** Flow entries (blade image; `count` is the capacity). */
  FLOW = 9,
  /** Bucket histories (`count` is the largest number of buckets). */
  BUCKET = 10,
  /** Owners known to an assignment. */
  OWNER = 11,
  /** Owners on this blade. */
  LOCAL_OWNER = 12,
  /** Virtual IPs. */
  VIP = 13,
  /** Ports of this image. */
  PORT = 14,
  /** L2 filter rules. */
  FILTER = 15,
  /** MAC -> port entries. */
  FORWARD = 16,
  /** Learned MAC -> port entries (switch image). */
  LEARNED = 17,
  /** Where the chunks of a table are put together. */
  STAGE = 18,
  /** u64 by `Rule` (blade image). */
  RULE_COUNTER = 19,
  /** Services (blade image). */
  SERVICE = 20,
  /** What was decided for first fragments (blade image). */
  FRAGMENT = 21,
  /** Server ids in QUIC connection ids (blade image). */
  SERVER_ID = 22,
  /** Entries of handover lists (blade image). */
  HANDOVER = 23,
}

// ---------------------------------------------------------------------------------------------------------------
// Frames
// ---------------------------------------------------------------------------------------------------------------

/** Port 0 of a blade is its wire; ports 1.. lead to its hosts. A switch's ports are told apart by `PortRole`. */
export const WIRE_PORT: u32 = 0;

/**
 * One frame of a batch. The host writes `length` and `port`; the firmware writes `verdict` and `drop`.
 *
 * ```
 *  0        2    3       4    5     6      7
 *  +--------+----+-------+----+-----+------+
 *  | length |port|verdict|drop|      0     |
 *  +--------+----+-------+----+------------+
 * ```
 */
@unmanaged
export class Slot {
  /** Bytes of the frame, without FCS. More than the slot holds: dropped and counted as OVERSIZE. */
  length: u16;
  /** Ingress port. */
  port: u8;
  verdict: u8;
  drop: u8;
  reserved0: u8;
  reserved1: u16;
}

export enum SlotField {
  SIZE = offsetof<Slot>(),
  length = offsetof<Slot>("length") | W2,
  port = offsetof<Slot>("port") | W1,
  verdict = offsetof<Slot>("verdict") | W1,
  drop = offsetof<Slot>("drop") | W1,
  reserved0 = offsetof<Slot>("reserved0") | W1,
  reserved1 = offsetof<Slot>("reserved1") | W2,
}

/**
 * One frame to send: the bytes of `slot`, out of `port`. With `rewrite` = 1 the host puts `destination` and `source`
 * in place of the first 12 bytes of what it sends (a slot that leaves more than once may leave with several headers).
 *
 * ```
 *  0      2    3       4             10       16
 *  +------+----+-------+-------------+--------+
 *  | slot |port|rewrite| destination | source |
 *  +------+----+-------+-------------+--------+
 * ```
 */
@unmanaged
export class Egress {
  slot: u16;
  port: u8;
  rewrite: u8;
  destination: u32;
  destinationHigh: u16;
  source: u16;
  sourceHigh: u32;
}

export enum EgressField {
  SIZE = offsetof<Egress>(),
  slot = offsetof<Egress>("slot") | W2,
  port = offsetof<Egress>("port") | W1,
  rewrite = offsetof<Egress>("rewrite") | W1,
  destination = offsetof<Egress>("destination") | W6,
  source = offsetof<Egress>("source") | W6,
}

/** What became of a frame. Every frame has exactly one. */
export enum Verdict {
  DROP = 0,
  /** To a local owner's host, by the redirect rule. */
  DELIVER = 1,
  /** To another blade, with a redirect tag. */
  REDIRECT = 2,
  /** L2 forwarding: between wire, host and VMs, or by a switch's table. */
  FORWARD = 3,
  /** L2 flooding, out of more than one port. */
  FLOOD = 4,
  /** Answered by the firmware itself (ARP for a VIP). */
  ANSWER = 5,
  /** By a switch, to the port of its bucket's owner. */
  STEER = 6,
  /** A later fragment waits for its first one: it leaves with that one's batch, or not at all. */
  PARK = 7,
}

/** Why a frame was dropped. */
export enum Drop {
  NONE = 0,
  /** Longer than a slot. */
  OVERSIZE = 1,
  /** Too short for an Ethernet header, or for what its header promises. */
  BAD_ETHERNET = 2,
  BAD_ARP = 3,
  BAD_IPV4 = 4,
  BAD_TCP = 5,
  BAD_UDP = 6,
  /** Or an error that quotes too little, or no packet of ours. */
  BAD_ICMP = 7,
  /** The ingress port does not exist, or is shut. */
  PORT_SHUT = 8,
  /** No identity or no assignment yet. */
  NO_ASSIGNMENT = 9,
  /** An L2 filter rule said so. */
  FILTERED = 10,
  /** Addressed to the VMAC, but to no VIP. */
  NOT_VIP = 11,
  /** For a VIP, at an owner's MAC, without a redirect tag. */
  UNTAGGED = 12,
  /** A redirect tag from outside the fabric, or from a host. */
  SPOOFED_TAG = 13,
  /** For a MAC that is not ours. */
  NOT_OURS = 14,
  /** ARP or a neighbour solicitation for a VIP that another blade answers. */
  NEIGHBOUR_NOT_OWNER = 15,
  /** A host announced a VIP: asked with it as its ARP sender, or advertised it as its own neighbour. */
  NEIGHBOUR_FROM_HOST = 16,
  /** A host opened a connection from a VIP. */
  SYN_FROM_HOST = 17,
  /** A hop of another generation. */
  STALE_HOP = 18,
  /** A frame for an unknown flow at a previous owner whose table is not complete. */
  NOT_COMPLETE = 19,
  /** A `final` frame for an unknown flow at an owner that is not current in that generation. */
  STALE_FINAL = 20,
  /** A resteered frame at an owner that is not current, or behind the sender's generation. */
  STALE_RESTEER = 21,
  /** A hop at an owner that is not in the bucket's history. */
  NOT_IN_HISTORY = 22,
  /** A redirect tag of an unknown kind. */
  BAD_TAG = 23,
  /** Would leave by the port it came in by. */
  HAIRPIN = 24,
  /** This switch is the standby. */
  STANDBY = 25,
  /** The bucket's owner has no port that is up. */
  NO_PORT = 26,
  BAD_IPV6 = 27,
  /** A later fragment whose first one is not known, and is not waited for. */
  FRAGMENT_UNKNOWN = 28,
  /** A redirected packet whose connection id names another owner than the one it was sent to. */
  WRONG_SERVER = 29,
}

/** Other things that are counted. */
export enum Event {
  FRAME_IN = 0,
  EGRESS_OUT = 1,
  FLOW_INSERTED = 2,
  FLOW_EVICTED = 3,
  FLOW_REMOVED = 4,
  /** A flow that found no room; its frame was delivered all the same. */
  FLOW_OVERFLOW = 5,
  REDIRECT_HOP = 6,
  REDIRECT_RESTEER = 7,
  REDIRECT_FINAL = 8,
  /** A redirect from one owner to another on the same blade. */
  REDIRECT_LOCAL = 9,
  ARP_ANSWERED = 10,
  /** Neighbour solicitations for a VIP. */
  NEIGHBOUR_ANSWERED = 11,
  /** Later fragments that began to wait for their first one. */
  FRAGMENT_PARKED = 12,
  /** Of these: went the way of the first one that came. */
  FRAGMENT_RELEASED = 13,
  MESSAGE_IN = 14,
  MESSAGE_REFUSED = 15,
  /** A station learned or moved by a switch. */
  STATION_LEARNED = 16,
  /** A flow that was recorded for a delivered SYN, or the first packet of another protocol. */
  FLOW_OPENED = 17,
  /** Parked fragments whose first one did not come in time. */
  FRAGMENT_EXPIRED = 18,
  /** Copies of later fragments to owners that may have the flow. */
  FRAGMENT_COPIED = 19,
  /** Delivered to the owner that its connection id names. */
  CID_DELIVERED = 20,
  /** A connection id that names no owner that we know; the packet was treated as one of a flow. */
  CID_UNKNOWN = 21,
  /** A handover list of a previous owner that is held now. */
  HANDOVER_HELD = 24,
  /** One that found no room. */
  HANDOVER_OVERFLOW = 25,
}

/** The lines of the per-packet rule (`decide.ts`, docs/protocol.md): each decision takes one, and is counted there. */
export enum Rule {
  NO_OWNER = 0,
  COPY = 1,
  FINAL_KNOWN = 2,
  FINAL_CURRENT = 3,
  FINAL_STALE = 4,
  KNOWN = 5,
  HOP_STALE = 6,
  HOP_NOT_IN_HISTORY = 7,
  HOP_NOT_COMPLETE = 8,
  HOP_ON = 9,
  HOP_LAST = 10,
  BAD_TAG = 11,
  RESTEER_STALE = 12,
  /** Current, and there is no previous owner. */
  CURRENT_ALONE = 13,
  /** Current, and no previous owner has listed the flow. */
  CURRENT_UNLISTED = 14,
  /** Current: a previous owner has to be asked. */
  CURRENT_ASKS = 15,
  PREVIOUS_NOT_COMPLETE = 16,
  /** Previous, and complete: not ours. */
  PREVIOUS_RESTEERS = 17,
  STRANGER_RESTEERS = 18,
  /** Packets without a flow. */
  FLOWLESS_CURRENT = 19,
  FLOWLESS_RESTEERS = 20,
  /** Later fragments: as the first one. */
  FRAGMENT_REPEATS = 21,
  /** Current, and there is no previous owner. */
  FRAGMENT_ALONE = 22,
  FRAGMENT_FINAL = 23,
  FRAGMENT_WAITS = 24,
  FRAGMENT_COPIES = 25,
  FRAGMENT_UNKNOWN = 26,
  /** Packets whose connection id names an owner. */
  NAMED_HERE = 27,
  NAMED_ELSEWHERE = 28,
  NAMED_ASTRAY = 29,
}
