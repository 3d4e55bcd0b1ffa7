/** A frame's verdict in one u32, and its bookkeeping: every frame gets exactly one verdict, in one place. */
import { Event, Verdict } from "./abi";
import { count, countDrop, countVerdict } from "./counters";
import { slotAt } from "./ring";

// @ts-ignore: decorator
@inline
export function dropped(reason: u32): u32 {
  return Verdict.DROP | (reason << 8);
}

/** Writes and counts the verdict of a slot. */
export function conclude(slot: u32, verdict: u32): void {
  const record = slotAt(slot);
  const reason = verdict >>> 8;
  record.verdict = <u8>verdict;
  record.drop = <u8>reason;
  count(Event.FRAME_IN);
  countVerdict(verdict & 0xff);
  if ((verdict & 0xff) == Verdict.DROP) countDrop(reason);
}
