/** What the kernels of a lab's namespaces are told before they have an interface that could send anything by itself. */
import type { Step } from "./topology.ts";

/** What a namespace's own stack is there for. `wire`: for nothing, frames are another program's business. */
export type StackKind = "wire" | "client" | "host" | "router";

const IPV6_OFF = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
/** An address is there at once, and nobody looks for routers. */
const IPV6_QUIET = ["all", "default"].flatMap((scope) =>
  ["disable_ipv6=0", "accept_dad=0", "accept_ra=0", "router_solicitations=0"].map((setting) => `net.ipv6.conf.${scope}.${setting}`));
/** The host's own MAC is not what the VIP is reached at, and its answers go out by whatever interface they came in. (Of an IPv6
 *  address at `lo` the kernel tells no neighbour anything.) */
const HOST_ARP = ["arp_ignore=1", "arp_announce=2", "rp_filter=0"];
/** It forwards, and holds back no error: a VIP gets all those of its clients. */
const ROUTING_IPV4 = ["net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0"];
const ROUTING_IPV6 = ["net.ipv6.conf.all.forwarding=1", "net.ipv6.icmp.ratelimit=0"];

export function settingsStep(namespace: string, kind: StackKind, hasIpv6: boolean): Step {
  const routing = kind === "router" ? [...ROUTING_IPV4, ...(hasIpv6 ? ROUTING_IPV6 : [])] : [];
  return sysctlStep(namespace, [...(hasIpv6 && kind !== "wire" ? IPV6_QUIET : IPV6_OFF), ...routing]);
}

/** When `eth0` is there. */
export function hostArpStep(namespace: string): Step {
  const scopes = ["all", "default", "eth0"];
  return sysctlStep(namespace, scopes.flatMap((scope) => HOST_ARP.map((setting) => `net.ipv4.conf.${scope}.${setting}`)));
}

function sysctlStep(namespace: string, settings: readonly string[]): Step {
  return { namespace, command: ["sysctl", "-q", "-w", ...settings] };
}
