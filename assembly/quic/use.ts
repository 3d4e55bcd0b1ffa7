/**
 * When a packet was last delivered to a local owner because its connection id names that owner. A blade that drains is in no
 * history any more, and may have QUIC connections yet: it is not switched off before these are silent.
 */
import { localOwnerAt, macOf } from "../identity";
import { LOCAL_OWNERS_MAX } from "../sizes";

@unmanaged
class Use {
  /** Of the owner that this is said of; another one may have come to its index. */
  mac: u64;
  /** ms */
  last: u32;
  reserved: u32;
}

const USES: usize = memory.data(LOCAL_OWNERS_MAX * offsetof<Use>(), 16);
/** Times wrap: nothing is called older. */
const AGE_MS_MAX: u32 = 0x7fffffff;

// @ts-ignore: decorator
@inline
export function noteUse(local: u32, now: u32): void {
  const use = changetype<Use>(USES + local * offsetof<Use>());
  use.mac = macOf(localOwnerAt(local));
  use.last = now;
}

/** ms since then. Of an owner that nothing is known of, as after a restart, since the first time that this was asked. */
export function unusedMs(local: u32, now: u32): u32 {
  const use = changetype<Use>(USES + local * offsetof<Use>());
  if (use.mac != macOf(localOwnerAt(local))) noteUse(local, now);
  const age = now - use.last;
  if (age > AGE_MS_MAX) use.last = now - AGE_MS_MAX;
  return age < AGE_MS_MAX ? age : AGE_MS_MAX;
}
