/** Sizes that follow from the board profile, and what must hold of them. */
import { Egress, Slot } from "./abi";
import { FlowRow } from "./commands";
import {
  Assignment,
  Bucket,
  CidConfig,
  CidTable,
  Identity,
  LocalOwner,
  Owner,
  Port,
  ServerId,
  Service,
  Vip,
  HISTORY_DEPTH,
} from "./records";
import {
  BLADE_PORTS_MAX,
  BUCKETS_MAX,
  FLOWS,
  FRAGMENTS_MAX,
  FRAME_SLOTS,
  HANDOVERS,
  LOCAL_OWNERS_MAX,
  OWNERS_MAX,
  PARKED_MAX,
  SERVICES_MAX,
  SLOT_BYTES,
  SWITCH_PORTS_MAX,
  VIPS_MAX,
} from "./board";

export {
  BLADE_PORTS_MAX,
  BUCKETS_MAX,
  FILTERS_MAX,
  FLOWS,
  FORWARDS_MAX,
  FRAGMENTS_MAX,
  FRAME_SLOTS,
  HANDOVERS,
  LOCAL_OWNERS_MAX,
  OWNERS_MAX,
  PARKED_MAX,
  SERVICES_MAX,
  SLOT_BYTES,
  STATIONS_MAX,
  SWITCH_PORTS_MAX,
  VIPS_MAX,
} from "./board";

/** Ports that either image may have. */
export const PORTS_MAX: u32 = BLADE_PORTS_MAX > SWITCH_PORTS_MAX ? BLADE_PORTS_MAX : SWITCH_PORTS_MAX;

/** Frames of the ring, and those that wait behind it. */
export const SLOTS_MAX: u32 = FRAME_SLOTS + PARKED_MAX;

/** Every frame of a full batch may be flooded, or copied to all of a history, and all that have waited may leave. */
export const EGRESS_MAX: u32 = FRAME_SLOTS * (PORTS_MAX > HISTORY_DEPTH ? PORTS_MAX : HISTORY_DEPTH) + PARKED_MAX;

/** The flow table is 8-way set-associative. */
export const WAYS: u32 = 8;
export const SETS: u32 = FLOWS / WAYS;
export const SET_MASK: u32 = SETS - 1;

/** So is that of handover lists: a set is a cache line. */
export const HANDOVER_WAYS: u32 = 8;
export const HANDOVER_SETS: u32 = HANDOVERS / HANDOVER_WAYS;

const ASSIGNMENT_BYTES_MAX: u32 =
  <u32>offsetof<Assignment>() + OWNERS_MAX * <u32>offsetof<Owner>() + BUCKETS_MAX * <u32>offsetof<Bucket>();
const IDENTITY_BYTES_MAX: u32 =
  <u32>offsetof<Identity>() +
  LOCAL_OWNERS_MAX * <u32>offsetof<LocalOwner>() +
  VIPS_MAX * <u32>offsetof<Vip>() +
  PORTS_MAX * <u32>offsetof<Port>();

/** Configurations of QUIC connection ids: three bits, of which one value stands for none. */
export const CID_CONFIGS_MAX: u32 = 7;
/** While servers change from one configuration to another, each has a server id in both. */
export const SERVER_IDS_MAX: u32 = 2 * OWNERS_MAX;
const CID_BYTES_MAX: u32 =
  <u32>offsetof<CidTable>() + CID_CONFIGS_MAX * <u32>offsetof<CidConfig>() + SERVER_IDS_MAX * <u32>offsetof<ServerId>();

const OTHERS_BYTES_MAX: u32 = IDENTITY_BYTES_MAX > CID_BYTES_MAX ? IDENTITY_BYTES_MAX : CID_BYTES_MAX;

/** The largest table that can be put: FILTER and FORWARD are smaller than these on every board that passes below. */
export const STAGE_BYTES: u32 = ASSIGNMENT_BYTES_MAX > OTHERS_BYTES_MAX ? ASSIGNMENT_BYTES_MAX : OTHERS_BYTES_MAX;

// What hosts rely on: a change here is a change of the ABI.
if (offsetof<Slot>() != 8) ERROR("Slot is 8 bytes");
if (offsetof<Egress>() != 16) ERROR("Egress is 16 bytes");
if (offsetof<Owner>() != 8) ERROR("Owner is 8 bytes");
if (offsetof<Bucket>() != 8) ERROR("Bucket is 8 bytes");
if (offsetof<Vip>() != 24) ERROR("Vip is 24 bytes");
if (offsetof<LocalOwner>() != 12) ERROR("LocalOwner is 12 bytes");
if (offsetof<Identity>() != 32) ERROR("Identity is 32 bytes");
if (offsetof<FlowRow>() != 48) ERROR("FlowRow is 48 bytes");
if (offsetof<Service>() != 16) ERROR("Service is 16 bytes");
if (offsetof<CidTable>() != 8) ERROR("CidTable is 8 bytes");
if (offsetof<CidConfig>() != 24) ERROR("CidConfig is 24 bytes");
if (offsetof<ServerId>() != 24) ERROR("ServerId is 24 bytes");

// What the tables rely on.
if (FLOWS & (FLOWS - 1)) ERROR("flows: a power of two");
if (HANDOVERS & (HANDOVERS - 1)) ERROR("handovers: a power of two");
if (HANDOVER_SETS > 65536) ERROR("handovers: at most 524,288: 16 bits of a fingerprint choose a set");
if (BUCKETS_MAX & (BUCKETS_MAX - 1)) ERROR("buckets: a power of two");
if (BUCKETS_MAX > 65536) ERROR("buckets: at most 65,536");
if (VIPS_MAX > 254) ERROR("vips: at most 254: a row names one by a byte");
if (SERVICES_MAX > 254) ERROR("services: at most 254");
if (FRAGMENTS_MAX & (FRAGMENTS_MAX - 1) || FRAGMENTS_MAX < 4) ERROR("fragments: a power of two, at least 4");
if (LOCAL_OWNERS_MAX > 64) ERROR("localOwners: at most 64");
if (PORTS_MAX > 64) ERROR("ports: at most 64");
if (FRAME_SLOTS > 4096) ERROR("frames.slots: at most 4,096");
if (SLOT_BYTES < 1526) ERROR("frames.slotBytes: at least 1,526 (1,500 and Ethernet with two VLAN tags)");
