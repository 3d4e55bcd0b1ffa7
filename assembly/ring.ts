/** The frame ring that host and firmware share: frame bytes, `Slot` records, and the `Egress` records of one batch. */
import { Egress, Slot } from "./abi";
import { EGRESS_MAX, SLOTS_MAX, SLOT_BYTES } from "./sizes";
import { DESTINATION, SOURCE, loadMac } from "./wire/ethernet";

export const FRAMES: usize = memory.data(SLOTS_MAX * SLOT_BYTES, 64);
export const SLOTS: usize = memory.data(SLOTS_MAX * offsetof<Slot>(), 16);
export const EGRESSES: usize = memory.data(EGRESS_MAX * offsetof<Egress>(), 16);

let egressCount: u32 = 0;

// @ts-ignore: decorator
@inline
export function slotAt(index: u32): Slot {
  return changetype<Slot>(SLOTS + index * offsetof<Slot>());
}

// @ts-ignore: decorator
@inline
export function frameAt(index: u32): usize {
  return FRAMES + index * SLOT_BYTES;
}

// @ts-ignore: decorator
@inline
export function egressAt(index: u32): Egress {
  return changetype<Egress>(EGRESSES + index * offsetof<Egress>());
}

export function clearEgress(): void {
  egressCount = 0;
}

export function countEgress(): u32 {
  return egressCount;
}

/** Sends a frame out of `port` as it is. There is room for every slot to leave by every port. */
export function send(slot: u32, port: u32): void {
  const egress = egressAt(egressCount++);
  egress.slot = <u16>slot;
  egress.port = <u8>port;
  egress.rewrite = 0;
  storeHeader(egress, loadMac(frameAt(slot) + DESTINATION), loadMac(frameAt(slot) + SOURCE));
}

/** Sends a frame out of `port` with another Ethernet destination and source. */
export function sendAs(slot: u32, port: u32, destination: u64, source: u64): void {
  const egress = egressAt(egressCount++);
  egress.slot = <u16>slot;
  egress.port = <u8>port;
  egress.rewrite = 1;
  storeHeader(egress, destination, source);
}

// @ts-ignore: decorator
@inline
function storeHeader(egress: Egress, destination: u64, source: u64): void {
  egress.destination = <u32>destination;
  egress.destinationHigh = <u16>(destination >>> 32);
  egress.source = <u16>source;
  egress.sourceHigh = <u32>(source >>> 16);
}
