/** Services of an appliance file: from the file's form to ours, and what can be wrong beyond the schema. */
import { ipToBytes, bytesToIp } from "./address.ts";
import type { Service, ServiceClassName } from "./appliance.ts";
import { parseDuration } from "./duration.ts";
import { fieldName, type Path, type Problem } from "../files/problem.ts";

/** An entry of `services:` that has passed the schema. */
export interface ServiceEntry {
  readonly vip?: string;
  readonly protocol: number | keyof typeof PROTOCOLS;
  readonly port?: number;
  readonly class: ServiceClassName;
  readonly idle?: string;
  readonly provisional?: string;
}

/** IANA's numbers. */
export const PROTOCOLS = { udp: 17, gre: 47, esp: 50, ah: 51, sctp: 132 } as const;
const UDP = PROTOCOLS.udp;
/** Protocols of which no service can be: TCP has connections of its own, ICMP answers for others. */
const OTHERS: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 58: "ICMPv6" };

const IDLE_DEFAULT = "60s";
const PROVISIONAL_DEFAULT = "5s";
/** The firmware's own, where no service is named. */
const IDLE_MS_DEFAULT = 60_000;
const PROVISIONAL_MS_DEFAULT = 5_000;
const US_PER_MS = 1_000;

export function serviceInForm(entry: ServiceEntry): Service {
  const { vip, port, idle = IDLE_DEFAULT, provisional = PROVISIONAL_DEFAULT } = entry;
  return {
    ...(vip !== undefined && { vip: bytesToIp(ipToBytes(vip)) }),
    protocol: protocolOf(entry),
    ...(port !== undefined && { port }),
    class: entry.class,
    idleMs: milliseconds(idle),
    provisionalMs: milliseconds(provisional),
  };
}

/** For how long a flow of another protocol than TCP lives untouched, in ms; `provisional`: while the host has sent nothing of it. */
export function idleMsOf(
  services: readonly Service[],
  flow: { readonly vip: string; readonly vipPort: number; readonly protocol: number },
  provisional: boolean,
): number {
  const service = services.find(
    ({ vip, port, protocol }) =>
      protocol === flow.protocol && (vip ?? flow.vip) === flow.vip && (port ?? flow.vipPort) === flow.vipPort,
  );
  if (provisional) return service?.provisionalMs ?? PROVISIONAL_MS_DEFAULT;
  return service?.idleMs ?? IDLE_MS_DEFAULT;
}

export function* checkServices(services: readonly ServiceEntry[], vips: readonly string[]): Generator<Problem, void> {
  for (const [index, entry] of services.entries()) {
    const path: Path = ["services", index];
    const protocol = protocolOf(entry);
    const other = OTHERS[protocol];
    if (other !== undefined) {
      const message = `${other} is no service: its packets are told apart without one`;
      yield { code: "E_APPLIANCE_SERVICE", path: [...path, "protocol"], message, mend: "Remove the entry." };
    }
    if (entry.port !== undefined && protocol !== UDP) {
      const message = `ports of protocol ${protocol} are not looked at`;
      yield { code: "E_APPLIANCE_SERVICE", path: [...path, "port"], message, mend: "Leave the port away." };
    }
    if (entry.vip !== undefined && !vips.some((vip) => sameAddress(vip, entry.vip!))) {
      const message = `there is no VIP ${entry.vip}`;
      yield { code: "E_APPLIANCE_REFERENCE", path: [...path, "vip"], message, mend: `Name one of ${vips.join(", ")}, or none for all.` };
    }
    for (const name of ["idle", "provisional"] as const) {
      if (entry[name] !== undefined && milliseconds(entry[name]) < 1) {
        const message = `${entry[name]} is less than a millisecond`;
        yield { code: "E_APPLIANCE_SERVICE", path: [...path, name], message, mend: "Write a longer time, such as 60s." };
      }
    }
    const first = services.slice(0, index).findIndex((earlier) => covers(earlier, entry));
    if (first >= 0) {
      const message = `nothing comes to this entry: ${fieldName(["services", first])} matches all of it`;
      yield { code: "E_APPLIANCE_SERVICE", path, message, mend: "Put the more special entry first." };
    }
  }
}

const DRAIN_MS_MAX = 86_400_000;

/** `udpDrain:` in ms. */
export function drainMs(text: string): number {
  return milliseconds(text);
}

export function* checkDrain({ udpDrain }: { readonly udpDrain?: string }): Generator<Problem, void> {
  if (udpDrain === undefined || (drainMs(udpDrain) >= 1 && drainMs(udpDrain) <= DRAIN_MS_MAX)) return;
  const message = `${udpDrain} is not between 1ms and a day`;
  yield { code: "E_APPLIANCE_SERVICE", path: ["udpDrain"], message, mend: "Write a time such as 600s." };
}

export function protocolOf({ protocol }: ServiceEntry): number {
  return typeof protocol === "number" ? protocol : PROTOCOLS[protocol];
}

function milliseconds(duration: string): number {
  return Math.round(parseDuration(duration) / US_PER_MS);
}

function sameAddress(a: string, b: string): boolean {
  try {
    return bytesToIp(ipToBytes(a)) === bytesToIp(ipToBytes(b));
  } catch {
    return false;
  }
}

function covers(earlier: ServiceEntry, later: ServiceEntry): boolean {
  return (
    protocolOf(earlier) === protocolOf(later) &&
    (earlier.vip === undefined || (later.vip !== undefined && sameAddress(earlier.vip, later.vip))) &&
    (earlier.port === undefined || earlier.port === later.port)
  );
}
