/** L2 filter rules: a fixed table, first match wins, no match passes. */
import { ANY_PORT, FilterAction, FilterRule } from "./records";
import { FILTERS_MAX } from "./sizes";
import { swap16 } from "./wire/ethernet";

export const FILTERS: usize = memory.data(FILTERS_MAX * offsetof<FilterRule>(), 16);

let filterCount: u32 = 0;

/** Takes `count` rules into use; the records are copied by the caller. */
export function setFilters(count: u32): void {
  filterCount = count;
}

// @ts-ignore: decorator
@inline
function matches(rule: FilterRule, port: u32, destination: u64, source: u64, ethertype: u32): bool {
  const destinationMask = <u64>rule.destinationMask | (<u64>rule.destinationMaskHigh << 16);
  const sourceMask = <u64>rule.sourceMask | (<u64>rule.sourceMaskHigh << 16);
  return (
    (rule.port == ANY_PORT || rule.port == port) &&
    (rule.ethertype == 0 || rule.ethertype == swap16(ethertype)) &&
    (destination & destinationMask) == (<u64>rule.destination | (<u64>rule.destinationHigh << 32)) &&
    (source & sourceMask) == (<u64>rule.source | (<u64>rule.sourceHigh << 32))
  );
}

/** Whether a frame may pass. `ethertype` as loaded, behind VLAN tags. */
export function passesFilter(port: u32, destination: u64, source: u64, ethertype: u32): bool {
  for (let i: u32 = 0; i < FILTERS_MAX; i++) {
    if (i >= filterCount) break;
    const rule = changetype<FilterRule>(FILTERS + i * offsetof<FilterRule>());
    if (matches(rule, port, destination, source, ethertype)) return rule.action == FilterAction.ALLOW;
  }
  return true;
}
