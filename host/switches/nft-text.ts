/**
 * A switch as an nftables table, and back.
 *
 * ```
 * port_<n>   a base chain at each interface: what came in by port n; drops what falls out of it
 *   -> filters -> learn_<n> -> forward -+-> steer: buckets --+
 *                                       +-> stations --------+-> to_<n>: out, but not back
 *                                       +-> heard_<n> -------+
 *                                       +-> flood: a copy by every other port
 * ```
 *
 * The maps `buckets`, `buckets6` and `stations` and the chain `state` change with every generation; all else is the *layout*. A transaction
 * that finds its own layout in force changes the maps alone, so the stations that were heard of stay known. `state` is never
 * jumped to: its first rule's comment says what is in force, and one rule a port shows whether the interface is still the one
 * that the table was made for.
 *
 * nftables shows this hook a frame without its outermost VLAN tag, so a tagged frame is steered as any other.
 */
import type { FilterEntry } from "../management/tables.ts";
import { ipToBytes } from "../model/address.ts";
import type { InForce } from "./foreign-switch.ts";
import {
  GROUP_MAC, layoutDigest, type OpenPort, STATION_SECONDS_MAX, STATIONS_MAX, type Steering, TAG_MAC, TAG_MASK, vipsByFamily,
} from "./steering.ts";

const TABLE = "netdev dobbs";
const EXACT_MASK = "ff:ff:ff:ff:ff:ff";
const ANY_MASK = "00:00:00:00:00:00";
/** The address that a neighbour solicitation asks for, behind 8 bytes of its ICMPv6 header (RFC 4861, 4.3). */
const SOLICITED = "@th,64,128";

export const READ = ["nft", "-j", "-a", "list", "chain", "netdev", "dobbs", "state"] as const;
export const WRITE = ["nft", "-f", "-"] as const;

/** The text of one transaction. */
export function transaction(steering: Steering, inForce: InForce | null): string {
  const layout = layoutText(steering);
  const digest = layoutDigest(layout);
  const keep = inForce !== null && inForce.isIntact && inForce.layout === digest;
  // A rule that is gone, or a layout that is another, says that someone else was faster: nothing is done then.
  const guard = inForce ? [`delete rule ${TABLE} state handle ${inForce.handle}`, `flush chain ${TABLE} layout_${inForce.layout}`] : [];
  const frame = keep
    ? [`flush chain ${TABLE} state`, ...(steering.role === "active" ? [`flush map ${TABLE} buckets`, `flush map ${TABLE} buckets6`, `flush map ${TABLE} stations`] : [])]
    : [`add table ${TABLE}`, `delete table ${TABLE}`, `table ${TABLE} {`, layout, `  chain layout_${digest} {}`, "  chain state {}", "}"];
  return [...guard, ...frame, ...data(steering), ...state(steering, digest), ""].join("\n");
}

function layoutText(steering: Steering): string {
  const entrances = steering.interfaces.map((name) => entrance(name, steering));
  return [...(steering.role === "active" ? forwarding(steering) : []), ...entrances].join("\n");
}

/** A standby, and a port that is shut, have the policy alone. */
function entrance(name: string, { role, ports, identity }: Steering): string {
  const port = ports.find((candidate) => candidate.interface === name);
  const hook = `type filter hook ingress device "${name}" priority 0; policy drop;`;
  const label = `port_${name.replace(/[^A-Za-z0-9_]/g, "_")}`;
  if (role !== "active" || !port) return chain(label, [hook]);
  const tag = `ether saddr & ${TAG_MASK} == ${TAG_MAC}`;
  return chain(label, [
    hook,
    "jump filters",
    port.isUplink ? `${tag} counter drop` : `${tag} goto forward`,
    `ether saddr & ${GROUP_MAC} == ${GROUP_MAC} goto forward`,
    `ether saddr ${identity.vmac} goto forward`,
    `ether saddr != @heard_${port.number} jump moved_${port.number}`,
    `update @heard_${port.number} { ether saddr timeout ${STATION_SECONDS_MAX}s }`,
    "goto forward",
  ]);
}

function forwarding({ identity, ports, buckets, filters }: Steering): string[] {
  const group = `ether daddr & ${GROUP_MAC} == ${GROUP_MAC}`;
  const [masks, asked] = [masksOf(buckets.length), vipsByFamily(identity.vips)];
  const others = ({ number }: OpenPort): OpenPort[] => ports.filter((port) => port.number !== number);
  return [
    "  map buckets { type ipv4_addr : verdict; }",
    "  map buckets6 { type ipv6_addr : verdict; }",
    "  map stations { type ether_addr : verdict; }",
    ...ports.map(({ number }) => `  set heard_${number} { type ether_addr; size ${STATIONS_MAX}; flags dynamic,timeout; }`),
    ...ports.map((port) => chain(`moved_${port.number}`, others(port).map(({ number }) => `delete @heard_${number} { ether saddr }`))),
    ...ports.map(({ number, interface: name }) => chain(`to_${number}`, [`iif "${name}" counter drop`, `counter fwd to "${name}"`])),
    chain("flood", [...ports.map(({ interface: name }) => `iif != "${name}" dup to "${name}"`), "counter drop"]),
    chain("filters", filters.flatMap((filter) => filterRule(filter, ports))),
    chain("steer", [
      `ip saddr & ${masks.ipv4} vmap @buckets`,
      `ip6 saddr & ${masks.ipv6} vmap @buckets6`,
      `arp saddr ip & ${masks.ipv4} vmap @buckets`,
      "counter drop",
    ]),
    chain("forward", [
      `ether daddr ${identity.vmac} meta protocol { ip, ip6, arp } goto steer`,
      ...(asked.ipv4.length > 0 ? [`${group} arp operation request arp daddr ip { ${asked.ipv4.join(", ")} } goto steer`] : []),
      ...asked.ipv6.map((vip) => `${group} icmpv6 type nd-neighbor-solicit ${SOLICITED} ${hex(vip)} goto steer`),
      `${group} goto flood`,
      "ether daddr vmap @stations",
      ...ports.map(({ number }) => `ether daddr @heard_${number} goto to_${number}`),
      "goto flood",
    ]),
  ];
}

/** A rule of a port that is not open matches nothing. */
function filterRule({ action, destination, source, ethertype, port }: FilterEntry, ports: readonly OpenPort[]): string[] {
  const ingress = ports.find(({ number }) => number === port);
  if (port !== undefined && !ingress) return [];
  return [
    [
      ...(ingress ? [`iif "${ingress.interface}"`] : []),
      ...macMatch("daddr", destination),
      ...macMatch("saddr", source),
      ...(ethertype === undefined ? [] : [`meta protocol 0x${ethertype.toString(16).padStart(4, "0")}`]),
      action === "drop" ? "counter drop" : "return",
    ].join(" "),
  ];
}

function macMatch(side: "daddr" | "saddr", match: FilterEntry["source"]): string[] {
  if (!match || match.mask === ANY_MASK) return [];
  return [match.mask === EXACT_MASK ? `ether ${side} ${match.mac}` : `ether ${side} & ${match.mask} == ${match.mac}`];
}

/** The VMAC is a station too: what is for it and neither IP nor ARP counts as bucket 0. */
function data({ role, identity, buckets, stations }: Steering): string[] {
  if (role !== "active") return [];
  const byMac = [...stations, [identity.vmac, buckets[0] ?? null] as const];
  return [
    ...elements("buckets", buckets.map((port, bucket) => `${dotted(bucket)} : ${verdict(port)}`)),
    ...elements("buckets6", buckets.map((port, bucket) => `${grouped(bucket)} : ${verdict(port)}`)),
    ...elements("stations", byMac.map(([mac, port]) => `${mac} : ${verdict(port)}`)),
  ];
}

function verdict(port: number | null): string {
  return port === null ? "drop" : `goto to_${port}`;
}

/** One a line, since nftables complains about whole lines. */
function elements(map: string, rows: readonly string[]): string[] {
  return [`add element ${TABLE} ${map} {`, rows.map((row) => `  ${row}`).join(",\n"), "}"];
}

function state({ generation, role, ports }: Steering, digest: string): string[] {
  const watched = role === "active" ? ports : [];
  return [
    `add rule ${TABLE} state counter comment "generation=${generation} role=${role} layout=${digest}"`,
    ...watched.map((port) => `add rule ${TABLE} state iif "${port.interface}" comment "${port.interface}"`),
  ];
}

/** The last bits of an address, which are the bucket. */
function masksOf(buckets: number): { ipv4: string; ipv6: string } {
  return { ipv4: dotted(buckets - 1), ipv6: grouped(buckets - 1) };
}

/** As the last 16 bits of an IPv6 address: there are no more buckets than these tell apart. */
function grouped(number: number): string {
  return `::${number.toString(16)}`;
}

function hex(address: string): string {
  return `0x${Buffer.from(ipToBytes(address)).toString("hex")}`;
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

function chain(name: string, rules: readonly string[]): string {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), "  }"].join("\n");
}

interface ListedRule {
  readonly handle: number;
  readonly comment?: string;
  readonly expr?: readonly { readonly match?: { readonly right?: unknown } }[];
}

/** What `READ` printed; null: it is not of our making. */
export function parseState(json: string): InForce | null {
  let listed: { readonly nftables?: readonly { readonly rule?: ListedRule }[] };
  try {
    listed = JSON.parse(json) as typeof listed;
  } catch {
    return null;
  }
  const [first, ...ports] = (listed.nftables ?? []).flatMap(({ rule }) => (rule ? [rule] : []));
  const said = /^generation=(\d+) role=(active|standby) layout=([0-9a-f]{16})$/.exec(first?.comment ?? "");
  if (!first || !said) return null;
  return {
    generation: Number(said[1]),
    role: said[2] as InForce["role"],
    layout: said[3]!,
    isIntact: ports.every(({ comment, expr }) => expr?.[0]?.match?.right === comment),
    handle: first.handle,
  };
}
