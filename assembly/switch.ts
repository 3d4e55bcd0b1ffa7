/** The load-balancing switch's image: its exports are the whole ABI. */
import { Egress, Event, ImageKind, RegionId, Slot } from "./abi";
import { MESSAGE_BYTES_MAX } from "./messages";
import { BUCKETS, OWNERS } from "./buckets";
import { DROPS, DROP_COUNTERS, EVENTS, EVENT_COUNTERS, VERDICTS, VERDICT_COUNTERS, countMany } from "./counters";
import { FILTERS } from "./filter";
import { FORWARDS } from "./forward";
import { PORTS, VIPS } from "./identity";
import { INBOX, OUTBOX } from "./manage/envelope";
import { STAGE } from "./manage/stage";
import { packetAt } from "./packet";
import { Bucket, FilterRule, ForwardEntry, Owner, Port, Vip } from "./records";
import { EGRESSES, FRAMES, SLOTS, clearEgress, countEgress, slotAt } from "./ring";
import {
  BUCKETS_MAX,
  EGRESS_MAX,
  FILTERS_MAX,
  FORWARDS_MAX,
  FRAME_SLOTS,
  OWNERS_MAX,
  SLOTS_MAX,
  SLOT_BYTES,
  STAGE_BYTES,
  STATIONS_MAX,
  SWITCH_PORTS_MAX,
  VIPS_MAX,
} from "./sizes";
import { parse } from "./stages";
import { onMessage } from "./switch/manage";
import { STATIONS, Station } from "./switch/stations";
import { fromPort } from "./switch/steer";
import { conclude } from "./verdict";

export * from "./exports";

export const IMAGE_KIND: u32 = ImageKind.SWITCH;

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
  RegionId.BUCKET, BUCKETS as u32, offsetof<Bucket>() as u32, BUCKETS_MAX,
  RegionId.OWNER, OWNERS as u32, offsetof<Owner>() as u32, OWNERS_MAX,
  RegionId.VIP, VIPS as u32, offsetof<Vip>() as u32, VIPS_MAX,
  RegionId.PORT, PORTS as u32, offsetof<Port>() as u32, SWITCH_PORTS_MAX,
  RegionId.FILTER, FILTERS as u32, offsetof<FilterRule>() as u32, FILTERS_MAX,
  RegionId.FORWARD, FORWARDS as u32, offsetof<ForwardEntry>() as u32, FORWARDS_MAX,
  RegionId.LEARNED, STATIONS as u32, offsetof<Station>() as u32, STATIONS_MAX,
  RegionId.STAGE, STAGE as u32, 1, STAGE_BYTES,
]);
export const LAYOUT_REGIONS: u32 = 16;

/**
 * Processes slots `first` to `first + count - 1` at `now` (ms, wraps).
 * @returns egress records, valid until the next call
 */
export function process(first: u32, count: u32, now: u32): u32 {
  clearEgress();
  if (first >= FRAME_SLOTS) return 0;
  if (count > FRAME_SLOTS - first) count = FRAME_SLOTS - first;
  const end = first + count;
  for (let slot = first; slot < end; slot++) parse(slot, false);
  for (let slot = first; slot < end; slot++) {
    conclude(slot, fromPort(slot, packetAt(slot), slotAt(slot).port, now));
  }
  countMany(Event.EGRESS_OUT, countEgress());
  return countEgress();
}

/** Handles the management message of `length` bytes in the inbox at `now` (ms). Returns the bytes of the answer. */
export function manage(length: u32, now: u32): u32 {
  return onMessage(length);
}
