/** Table SERVICE: a flat list of records. */
import { Status } from "../messages";
import { ANY_VIP, Service, ServiceClass } from "../records";
import { NO_SERVICE, SERVICES, classOf, setServices } from "../services";
import { SERVICES_MAX, VIPS_MAX } from "../sizes";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ipv4";
import { refuse } from "./envelope";
import { STAGE, staged } from "./stage";

export function commitServices(): void {
  const size = <u32>offsetof<Service>();
  const count = staged() / size;
  if (staged() % size) return refuse(Status.BAD_TABLE, (count + 1) * size);
  if (count > SERVICES_MAX) return refuse(Status.TOO_MANY_RECORDS, SERVICES_MAX);
  for (let i: u32 = 0; i < SERVICES_MAX; i++) {
    if (i >= count) break;
    if (!isService(changetype<Service>(STAGE + i * size))) return refuse(Status.BAD_RECORD, i);
  }
  memory.copy(SERVICES, STAGE, count * size);
  setServices(count);
}

/** A virtual IP may come after its services do: an entry for none matches nothing. TCP has connections of its own, ICMP never a flow: no class would fit. */
function isService(service: Service): bool {
  if (service.reserved0 | service.reserved1) return false;
  if (service.protocol == PROTOCOL_TCP || classOf(NO_SERVICE, service.protocol) == ServiceClass.NONE) return false;
  if (service.vip != ANY_VIP && service.vip >= VIPS_MAX) return false;
  if (service.serviceClass == ServiceClass.NONE) return true;
  if (service.serviceClass == ServiceClass.CID) {
    if (service.protocol != PROTOCOL_UDP) return false;
  } else if (service.serviceClass != ServiceClass.FLOW) return false;
  return service.idleMs > 0 && service.provisionalMs > 0;
}
