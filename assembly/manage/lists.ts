/** Tables FILTER and FORWARD: flat lists of records. */
import { Status } from "../messages";
import { FILTERS, setFilters } from "../filter";
import { FORWARDS, setForwards } from "../forward";
import { ANY_PORT, FilterAction, FilterRule, ForwardEntry } from "../records";
import { FILTERS_MAX, FORWARDS_MAX, PORTS_MAX } from "../sizes";
import { refuse } from "./envelope";
import { isStationMac } from "./mac";
import { STAGE, staged } from "./stage";

export function commitFilters(): void {
  const size = <u32>offsetof<FilterRule>();
  const count = staged() / size;
  if (staged() % size) return refuse(Status.BAD_TABLE, (count + 1) * size);
  if (count > FILTERS_MAX) return refuse(Status.TOO_MANY_RECORDS, FILTERS_MAX);
  for (let i: u32 = 0; i < FILTERS_MAX; i++) {
    if (i >= count) break;
    const rule = changetype<FilterRule>(STAGE + i * size);
    const known = rule.action == FilterAction.ALLOW || rule.action == FilterAction.DROP;
    if (!known || (rule.port != ANY_PORT && rule.port >= PORTS_MAX)) return refuse(Status.BAD_RECORD, i);
  }
  memory.copy(FILTERS, STAGE, count * size);
  setFilters(count);
}

/** Returns whether it is in force now. */
export function commitForwards(): bool {
  const size = <u32>offsetof<ForwardEntry>();
  const count = staged() / size;
  if (staged() % size) {
    refuse(Status.BAD_TABLE, (count + 1) * size);
    return false;
  }
  if (count > FORWARDS_MAX) {
    refuse(Status.TOO_MANY_RECORDS, FORWARDS_MAX);
    return false;
  }
  for (let i: u32 = 0; i < FORWARDS_MAX; i++) {
    if (i >= count) break;
    const entry = changetype<ForwardEntry>(STAGE + i * size);
    const mac = <u64>entry.mac | (<u64>entry.macHigh << 32);
    if (!isStationMac(mac) || entry.port >= PORTS_MAX || entry.reserved) {
      refuse(Status.BAD_RECORD, i);
      return false;
    }
  }
  memory.copy(FORWARDS, STAGE, count * size);
  setForwards(count);
  return true;
}
