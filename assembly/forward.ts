/** MAC -> port entries for stations that are no owners: hosts and VMs behind a blade, static stations of a switch. */
import { ForwardEntry } from "./records";
import { FORWARDS_MAX } from "./sizes";

export const FORWARDS: usize = memory.data(FORWARDS_MAX * offsetof<ForwardEntry>(), 16);

let entries: u32 = 0;

/** Takes `count` entries into use; the records are copied by the caller. */
export function setForwards(count: u32): void {
  entries = count;
}

export function forwardCount(): u32 {
  return entries;
}

/** Port of the station with this MAC, or -1. */
export function forwardPort(mac: u64): i32 {
  for (let i: u32 = 0; i < FORWARDS_MAX; i++) {
    if (i >= entries) break;
    const entry = changetype<ForwardEntry>(FORWARDS + i * offsetof<ForwardEntry>());
    if ((<u64>entry.mac | (<u64>entry.macHigh << 32)) == mac) return entry.port;
  }
  return -1;
}
