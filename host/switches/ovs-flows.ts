/**
 * A switch as the flows of an Open vSwitch bridge, and back.
 *
 * ```
 *   table 0 which ports are open -> 1 filters -> 2 sources: tags, learning -> 3 destinations
 *   3 -+-> 4 steer: by the bucket, in reg0
 *      +-> station: out
 *      +-> group: out by every port
 *      +-> 5 heard: learned flows; else out by every port
 * ```
 *
 * All is replaced in one bundle, but the learned flows of table 5, which stay for as long as the *layout* (all but buckets,
 * stations and generation) does. Table 63 is never reached: the cookie of its first flow says what is in force, and one flow a port
 * shows whether the bridge still has it. `NORMAL` is used nowhere, and `output` never sends a frame back to where it came from.
 */
import type { FilterEntry } from "../management/tables.ts";
import type { InForce } from "./foreign-switch.ts";
import { GROUP_MAC, layoutDigest, type OpenPort, STATION_SECONDS_MAX, STATIONS_MAX, type Steering, TAG_MAC, TAG_MASK, vipsByFamily } from "./steering.ts";

const FILTERS = 1;
const SOURCES = 2;
const DESTINATIONS = 3;
const STEER = 4;
const HEARD = 5;
const STATE = 63;
/** Tables that each generation replaces. */
const REPLACED = [0, FILTERS, SOURCES, DESTINATIONS, STEER, STATE];
/** Of the first filter rule; the ones after it have lower ones. */
const FILTER_PRIORITY_MAX = 60_000;
const GROUP = `${GROUP_MAC}/${GROUP_MAC}`;
/** ICMPv6 type of a neighbour solicitation. */
const SOLICITATION = 135;

/** OpenFlow 1.4 is the first with bundles. `--names`: ports by name, both ways. */
const OFCTL = ["ovs-ofctl", "-O", "OpenFlow14", "--names"] as const;
export const readCommand = (bridge: string) => [...OFCTL, "--no-stats", "dump-flows", bridge, `table=${STATE}`] as const;
export const writeCommand = (bridge: string) => [...OFCTL, "--bundle", "add-flows", bridge, "-"] as const;

/** The flow commands of one bundle. */
export function bundle(steering: Steering, inForce: InForce | null): string {
  const layout = [...entrances(steering), ...(steering.role === "active" ? layoutFlows(steering) : [])];
  // Of a cookie's 64 bits, 31 are left to it.
  const digest = shortDigest(layoutDigest(layout.join("\n")));
  const keep = inForce !== null && inForce.isIntact && inForce.layout === digest;
  const clear = keep ? REPLACED.map((table) => `delete table=${table}`) : ["delete"];
  const flows = [...layout, ...(steering.role === "active" ? dataFlows(steering) : []), ...stateFlows(steering, digest)];
  return [...clear, ...flows.map((flow) => `add ${flow}`), ""].join("\n");
}

/** Only what comes in by an open port of an active switch goes further. */
function entrances({ role, ports }: Steering): string[] {
  const open = role === "active" ? ports : [];
  return [
    "table=0,priority=0,actions=drop",
    ...open.map((port) => `table=0,priority=1,in_port="${port.interface}",actions=resubmit(,${FILTERS})`),
  ];
}

function layoutFlows({ identity: { vmac, vips }, ports, buckets, filters }: Steering): string[] {
  const bits = Math.log2(buckets.length);
  const steer = (field: string): string => {
    const move = bits === 0 ? "" : `move:${field}[0..${bits - 1}]->NXM_NX_REG0[0..${bits - 1}],`;
    return `actions=${move}resubmit(,${STEER})`;
  };
  const go = (table: number): string => `actions=resubmit(,${table})`;
  const learn =
    `learn(table=${HEARD},hard_timeout=${STATION_SECONDS_MAX},limit=${STATIONS_MAX},priority=1,` +
    "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])";
  const asked = vipsByFamily(vips);
  return [
    ...filters.flatMap((filter, index) => filterFlow(filter, FILTER_PRIORITY_MAX - index, ports)),
    `table=${FILTERS},priority=0,${go(SOURCES)}`,
    ...ports.filter(({ isUplink }) => isUplink).map(
      (port) => `table=${SOURCES},priority=2,in_port="${port.interface}",dl_src=${TAG_MAC}/${TAG_MASK},actions=drop`,
    ),
    ...[`${TAG_MAC}/${TAG_MASK}`, GROUP, vmac].map((source) => `table=${SOURCES},priority=1,dl_src=${source},${go(DESTINATIONS)}`),
    `table=${SOURCES},priority=0,actions=${learn},resubmit(,${DESTINATIONS})`,
    `table=${DESTINATIONS},priority=4,dl_dst=${vmac},ip,${steer("NXM_OF_IP_SRC")}`,
    `table=${DESTINATIONS},priority=4,dl_dst=${vmac},ipv6,${steer("NXM_NX_IPV6_SRC")}`,
    `table=${DESTINATIONS},priority=4,dl_dst=${vmac},arp,${steer("NXM_OF_ARP_SPA")}`,
    // Anything else for the VMAC counts as bucket 0.
    `table=${DESTINATIONS},priority=3,dl_dst=${vmac},${go(STEER)}`,
    ...asked.ipv4.map((vip) => `table=${DESTINATIONS},priority=4,dl_dst=${GROUP},arp,arp_op=1,arp_tpa=${vip},${steer("NXM_OF_ARP_SPA")}`),
    ...asked.ipv6.map((vip) => `table=${DESTINATIONS},priority=4,dl_dst=${GROUP},icmp6,icmp_type=${SOLICITATION},nd_target=${vip},${steer("NXM_NX_IPV6_SRC")}`),
    `table=${DESTINATIONS},priority=3,dl_dst=${GROUP},${flood(ports)}`,
    `table=${DESTINATIONS},priority=0,${go(HEARD)}`,
    `table=${HEARD},priority=0,${flood(ports)}`,
  ];
}

function filterFlow({ action, destination, source, ethertype, port }: FilterEntry, priority: number, ports: readonly OpenPort[]): string[] {
  const ingress = ports.find(({ number }) => number === port);
  if (port !== undefined && !ingress) return [];
  const match = [
    `table=${FILTERS},priority=${priority}`,
    ...(ingress ? [`in_port="${ingress.interface}"`] : []),
    ...(destination ? [`dl_dst=${destination.mac}/${destination.mask}`] : []),
    ...(source ? [`dl_src=${source.mac}/${source.mask}`] : []),
    ...(ethertype === undefined ? [] : [`dl_type=0x${ethertype.toString(16).padStart(4, "0")}`]),
  ];
  return [`${match.join(",")},actions=${action === "drop" ? "drop" : `resubmit(,${SOURCES})`}`];
}

function flood(ports: readonly OpenPort[]): string {
  return `actions=${ports.map((port) => `output:"${port.interface}"`).join(",") || "drop"}`;
}

function dataFlows({ ports, buckets, stations }: Steering): string[] {
  const names = new Map(ports.map((port) => [port.number, port.interface]));
  const exit = (port: number | null): string => (port === null ? "actions=drop" : `actions=output:"${names.get(port)!}"`);
  return [
    ...buckets.map((port, bucket) => `table=${STEER},priority=1,reg0=${bucket},${exit(port)}`),
    ...[...stations].map(([mac, port]) => `table=${DESTINATIONS},priority=2,dl_dst=${mac},${exit(port)}`),
  ];
}

/** Cookie: generation (32 bits), layout (31), whether it is active (1). */
function stateFlows({ generation, role, ports }: Steering, digest: string): string[] {
  const cookie = (BigInt(generation) << 32n) | (BigInt(`0x${digest}`) << 1n) | BigInt(role === "active" ? 1 : 0);
  const watched = role === "active" ? ports : [];
  return [
    `table=${STATE},priority=0,cookie=0x${cookie.toString(16)},actions=drop`,
    ...watched.map((port) => `table=${STATE},priority=1,in_port="${port.interface}",actions=drop`),
  ];
}

function shortDigest(digest: string): string {
  return (parseInt(digest.slice(0, 8), 16) >>> 1).toString(16).padStart(8, "0");
}

/** What `readCommand` printed; null: it is not of our making. */
export function parseState(text: string): InForce | null {
  const flows = text.split("\n").filter((line) => line.includes("priority="));
  const said = flows.map((line) => /cookie=0x([0-9a-f]+),.*priority=0 actions=drop/.exec(line)).find((match) => match);
  if (!said) return null;
  const cookie = BigInt(`0x${said[1]}`);
  const ports = flows.filter((line) => line.includes("in_port="));
  return {
    generation: Number(cookie >> 32n),
    role: (cookie & 1n) === 1n ? "active" : "standby",
    layout: ((cookie >> 1n) & 0x7fffffffn).toString(16).padStart(8, "0"),
    isIntact: ports.every((line) => !/in_port=\d/.test(line)),
    handle: 0,
  };
}
