/** The blade's image: its exports are the whole ABI. */
import { Egress, Event, ImageKind, RegionId, Slot, WIRE_PORT } from "./abi";
import { BUCKETS, OWNERS } from "./buckets";
import { fromHost } from "./blade/host";
import { onMessage } from "./blade/manage";
import { fromWire } from "./blade/wire";
import { DROPS, DROP_COUNTERS, EVENTS, EVENT_COUNTERS, RULES, RULE_COUNTERS, VERDICTS, VERDICT_COUNTERS, countMany } from "./counters";
import { FILTERS } from "./filter";
import { FLOW_TABLE, Flow } from "./flows";
import { FORWARDS } from "./forward";
import { FRAGMENT_TABLE, Fragment } from "./fragments";
import { HANDOVER_TABLE, HandoverEntry } from "./handover";
import { LOCAL_OWNERS, PORTS, VIPS } from "./identity";
import { INBOX, OUTBOX } from "./manage/envelope";
import { STAGE } from "./manage/stage";
import { packetAt } from "./packet";
import { clearLeaving } from "./parking";
import { Bucket, FilterRule, ForwardEntry, LocalOwner, Owner, Port, ServerId, Service, Vip } from "./records";
import { EGRESSES, FRAMES, SLOTS, clearEgress, countEgress, slotAt } from "./ring";
import {
  BLADE_PORTS_MAX,
  BUCKETS_MAX,
  EGRESS_MAX,
  FILTERS_MAX,
  FLOWS,
  FORWARDS_MAX,
  FRAGMENTS_MAX,
  FRAME_SLOTS,
  HANDOVERS,
  LOCAL_OWNERS_MAX,
  OWNERS_MAX,
  SERVER_IDS_MAX,
  SERVICES_MAX,
  SLOTS_MAX,
  SLOT_BYTES,
  STAGE_BYTES,
  VIPS_MAX,
} from "./sizes";
import { MESSAGE_BYTES_MAX } from "./messages";
import { SERVER_IDS } from "./quic/servers";
import { SERVICES } from "./services";
import { match, parse, verify } from "./stages";
import { conclude } from "./verdict";

export * from "./exports";
export { RedirectKind } from "./redirect";

export const IMAGE_KIND: u32 = ImageKind.BLADE;

/** The layout descriptor: `LAYOUT_REGIONS` `Region` records. */
// prettier-ignore
export const LAYOUT: usize = memory.data<u32>([
  RegionId.FRAME, FRAMES as u32, SLOT_BYTES, SLOTS_MAX,
  RegionId.SLOT, SLOTS as u32, offsetof<Slot>() as u32, SLOTS_MAX,
  RegionId.EGRESS, EGRESSES as u32, offsetof<Egress>() as u32, EGRESS_MAX,
  RegionId.INBOX, INBOX as u32, MESSAGE_BYTES_MAX, 1,
  RegionId.OUTBOX, OUTBOX as u32, MESSAGE_BYTES_MAX, 1,
  RegionId.VERDICT_COUNTER, VERDICT_COUNTERS as u32, 8, VERDICTS,
  RegionId.DROP_COUNTER, DROP_COUNTERS as u32, 8, DROPS,
  RegionId.EVENT_COUNTER, EVENT_COUNTERS as u32, 8, EVENTS,
  RegionId.FLOW, FLOW_TABLE as u32, offsetof<Flow>() as u32, FLOWS,
  RegionId.BUCKET, BUCKETS as u32, offsetof<Bucket>() as u32, BUCKETS_MAX,
  RegionId.OWNER, OWNERS as u32, offsetof<Owner>() as u32, OWNERS_MAX,
  RegionId.LOCAL_OWNER, LOCAL_OWNERS as u32, offsetof<LocalOwner>() as u32, LOCAL_OWNERS_MAX,
  RegionId.VIP, VIPS as u32, offsetof<Vip>() as u32, VIPS_MAX,
  RegionId.PORT, PORTS as u32, offsetof<Port>() as u32, BLADE_PORTS_MAX,
  RegionId.FILTER, FILTERS as u32, offsetof<FilterRule>() as u32, FILTERS_MAX,
  RegionId.FORWARD, FORWARDS as u32, offsetof<ForwardEntry>() as u32, FORWARDS_MAX,
  RegionId.STAGE, STAGE as u32, 1, STAGE_BYTES,
  RegionId.RULE_COUNTER, RULE_COUNTERS as u32, 8, RULES,
  RegionId.SERVICE, SERVICES as u32, offsetof<Service>() as u32, SERVICES_MAX,
  RegionId.FRAGMENT, FRAGMENT_TABLE as u32, offsetof<Fragment>() as u32, FRAGMENTS_MAX,
  RegionId.SERVER_ID, SERVER_IDS as u32, offsetof<ServerId>() as u32, SERVER_IDS_MAX,
  RegionId.HANDOVER, HANDOVER_TABLE as u32, offsetof<HandoverEntry>() as u32, HANDOVERS,
]);
export const LAYOUT_REGIONS: u32 = 22;

/**
 * Processes slots `first` to `first + count - 1` at `now` (ms, wraps). Staged, so that the cache misses of a batch
 * overlap: parse and hash all, match all, verify all, then decide and write all.
 * @returns egress records, valid until the next call
 */
export function process(first: u32, count: u32, now: u32): u32 {
  clearEgress();
  clearLeaving();
  if (first >= FRAME_SLOTS) return 0;
  if (count > FRAME_SLOTS - first) count = FRAME_SLOTS - first;
  const end = first + count;
  for (let slot = first; slot < end; slot++) parse(slot, slotAt(slot).port != WIRE_PORT);
  for (let slot = first; slot < end; slot++) match(slot);
  for (let slot = first; slot < end; slot++) verify(slot);
  for (let slot = first; slot < end; slot++) {
    const port = <u32>slotAt(slot).port;
    const packet = packetAt(slot);
    conclude(slot, port == WIRE_PORT ? fromWire(slot, packet, now) : fromHost(slot, packet, port, now));
  }
  countMany(Event.EGRESS_OUT, countEgress());
  return countEgress();
}

/** Handles the management message of `length` bytes in the inbox at `now` (ms). Returns the bytes of the answer. */
export function manage(length: u32, now: u32): u32 {
  return onMessage(length, now);
}
