/** What a MAC in a management table must be. */
import { isTag } from "../redirect";
import { isGroup } from "../wire/ethernet";

/** Unicast, not zero, and not to be mistaken for a redirect tag. */
export function isStationMac(mac: u64): bool {
  return mac != 0 && !isGroup(mac) && !isTag(mac);
}
