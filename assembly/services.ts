/**
 * Services: which packets without a connection of their own have a flow all the same, and for how long. TCP always has;
 * ICMP queries never have. What no entry matches is FLOW, with the default times.
 */
import { ANY_VIP, Service, ServiceClass } from "./records";
import { SERVICES_MAX } from "./sizes";
import { PROTOCOL_ICMP, PROTOCOL_TCP } from "./wire/ipv4";
import { NEXT_ICMPV6 } from "./wire/ipv6";

export const SERVICES: usize = memory.data(SERVICES_MAX * offsetof<Service>(), 16);
/** "No entry": the defaults. */
export const NO_SERVICE: u32 = 0xff;

const IDLE_MS_DEFAULT: u32 = 60000;
const PROVISIONAL_MS_DEFAULT: u32 = 5000;

let entries: u32 = 0;

/** Takes `count` entries into use; the records are copied by the caller. */
export function setServices(count: u32): void {
  entries = count;
}

// @ts-ignore: decorator
@inline
export function serviceAt(index: u32): Service {
  return changetype<Service>(SERVICES + index * offsetof<Service>());
}

/** Index of the first entry that matches, or NO_SERVICE. `port` as it stands in the packet. */
export function serviceOf(vip: u32, protocol: u32, port: u32): u32 {
  if (protocol == PROTOCOL_TCP) return NO_SERVICE;
  for (let i: u32 = 0; i < SERVICES_MAX; i++) {
    if (i >= entries) break;
    const service = serviceAt(i);
    if (
      service.protocol == protocol &&
      (service.vip == ANY_VIP || service.vip == vip) &&
      (service.port == 0 || service.port == port)
    ) {
      return i;
    }
  }
  return NO_SERVICE;
}

/** `ServiceClass` of a packet of `protocol` with this service. */
export function classOf(service: u32, protocol: u32): u32 {
  if (service != NO_SERVICE) return serviceAt(service).serviceClass;
  return protocol == PROTOCOL_ICMP || protocol == NEXT_ICMPV6 ? ServiceClass.NONE : ServiceClass.FLOW;
}

/** For how long a flow that is not TCP lives untouched, in ms. */
export function idleMs(service: u32, provisional: bool): u32 {
  if (service == NO_SERVICE) return provisional ? PROVISIONAL_MS_DEFAULT : IDLE_MS_DEFAULT;
  const entry = serviceAt(service);
  return provisional ? entry.provisionalMs : entry.idleMs;
}
