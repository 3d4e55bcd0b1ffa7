/**
 * The lab's network, as the commands that make it. Pure: the executor is `namespaces.ts`.
 *
 * ```
 *  clients        fabric (hubs)      switches             fabric (hubs)      nic                host
 *  eth0 ------- [ hub-up ] ---- up0 [ west, east ] p1 --- [ hub-1 ] ---- wire [ shim ] host --- eth0, VIPs on lo
 *                /   \_________ up0                p2 --- [ hub-2 ] ---- ...
 *  remote      near
 *  eth0 -- far router                                      where one is asked for: `far` has the smaller MTU
 * ```
 *
 * A hub is a bridge that learns nothing, so that either switch can serve every wire: the standby one drops all it hears.
 */
import {
  alone, bladeMac, bladePort, CLIENTS, FABRIC, hostAddress, hostNamespace, type LabSwitchName, nicNamespace,
  NOBODYS, REMOTE, ROUTER, ROUTER_FAR, ROUTER_MAC, ROUTER_NEAR, switchInterface, switchNamespace, UPLINK_PORT, VIPS, withPrefix,
} from "./addresses.ts";
import { type Family, familyOf } from "../model/address.ts";
import { hostArpStep, settingsStep, type StackKind } from "./kernel-settings.ts";

export interface Topology {
  /** Of the VIPs, the hosts and the router. */
  readonly families: readonly Family[];
  /** Names, in the order of their switch ports. */
  readonly blades: readonly string[];
  readonly switches: readonly LabSwitchName[];
  /** Addresses of these families. */
  readonly clients: readonly string[];
  /** Switches whose namespace's own stack is kept from seeing frames: those that a shim serves. */
  readonly deafSwitches: readonly LabSwitchName[];
  /** Between the switches' uplinks and other clients; the hosts' way to everything that is not in their own network. */
  readonly router: RouterPlan | null;
}

export interface RouterPlan {
  /** Of the link between it and its clients, bytes. */
  readonly mtu: number;
  readonly clients: readonly string[];
}

/** One program run, in a namespace unless that is null. */
export interface Step {
  readonly namespace: string | null;
  readonly command: readonly [program: string, ...args: string[]];
  readonly input?: string;
}

interface Veth {
  readonly a: readonly [namespace: string, name: string, mac?: string];
  readonly b: readonly [namespace: string, name: string, mac?: string];
  readonly mtu?: number;
}

/** What the kernel must not do for a frame that another program may look at on the way. */
const OFFLOADS = ["tx", "rx", "sg", "tso", "gso", "gro"];
/** What the clients behind the router tell servers that they take: as if nothing on the way were smaller than Ethernet. */
const ETHERNET_MSS: Readonly<Record<Family, number>> = { 4: 1_460, 6: 1_440 };
const ANYWHERE: Readonly<Record<Family, string>> = { 4: "0.0.0.0/0", 6: "::/0" };

/** All namespaces, in the order in which they are made. */
export function namespacesOf(topology: Pick<Topology, "blades" | "switches" | "router">): string[] {
  return [...stacksOf(topology).keys()];
}

function stacksOf({ blades, switches, router }: Pick<Topology, "blades" | "switches" | "router">): Map<string, StackKind> {
  return new Map<string, StackKind>([
    [FABRIC, "wire"],
    [CLIENTS, "client"],
    ...switches.map((name): [string, StackKind] => [switchNamespace(name), "wire"]),
    ...blades.flatMap((blade): [string, StackKind][] => [[nicNamespace(blade), "wire"], [hostNamespace(blade), "host"]]),
    ...(router === null ? [] : [[ROUTER, "router"], [REMOTE, "client"]] as const),
  ]);
}

/** Makes everything; each step needs those before it. */
export function buildSteps(topology: Topology): Step[] {
  const { families, blades } = topology;
  const stacks = stacksOf(topology);
  const veths = vethsOf(topology);
  const hasIpv6 = families.includes(6);
  return [
    { namespace: null, command: ["ip", "-batch", "-"], input: lines([...stacks.keys()].map((name) => `netns add ${name}`)) },
    ...[...stacks].map(([namespace, kind]) => settingsStep(namespace, kind, hasIpv6)),
    { namespace: null, command: ["ip", "-batch", "-"], input: lines(veths.map(vethLine)) },
    ...[...offloadsOf(veths)].map(([namespace, names]) => offloadStep(namespace, names)),
    ...blades.map((blade) => hostArpStep(hostNamespace(blade))),
    ...deafSteps(topology),
    ...[...batchesOf(topology, veths)].map(([namespace, batch]): Step => ({ namespace, command: ["ip", "-batch", "-"], input: lines(batch) })),
  ];
}

/** What `ip` is to do in each namespace: links up, then addresses, then routes. */
function batchesOf(topology: Topology, veths: readonly Veth[]): Map<string, string[]> {
  const { families, blades, clients, router } = topology;
  const batches = new Map<string, string[]>(namespacesOf(topology).map((name) => [name, ["link set lo up"]]));
  const add = (namespace: string, ...lines: string[]): void => void batches.get(namespace)!.push(...lines);
  const address = (text: string, device = "eth0"): string => `addr add ${text} dev ${device}`;
  const way = (family: Family, gateway: string): string => `route add ${ANYWHERE[family]} via ${gateway}`;

  for (const hub of hubsOf(topology)) {
    add(FABRIC, `link add ${hub} type bridge ageing_time 0 stp_state 0 mcast_snooping 0 nf_call_iptables 0 nf_call_arptables 0`);
    add(FABRIC, `link set ${hub} up`);
  }
  for (const { a, b } of veths) {
    for (const [namespace, name] of [a, b]) {
      if (namespace === FABRIC) {
        add(FABRIC, `link set ${name} master ${hubOf(name)}`, `link set ${name} type bridge_slave learning off flood on`);
      }
      add(namespace, `link set ${name} up`);
    }
  }
  add(CLIENTS, ...clients.map((client) => address(withPrefix(client))));
  for (const [number, blade] of blades.entries()) {
    add(hostNamespace(blade), ...families.map((family) => address(withPrefix(hostAddress(number, family)))));
    add(hostNamespace(blade), ...families.map((family) => address(alone(VIPS[family]), "lo")));
    if (router !== null) add(hostNamespace(blade), ...families.map((family) => way(family, ROUTER_NEAR[family])));
  }
  if (router !== null) {
    for (const family of families) {
      add(ROUTER, address(withPrefix(ROUTER_NEAR[family]), "near"), address(withPrefix(ROUTER_FAR[family]), "far"));
    }
    add(ROUTER, `route add blackhole ${NOBODYS.network}`);
    add(REMOTE, ...router.clients.map((client) => address(withPrefix(client))));
    for (const family of new Set(router.clients.map(familyOf))) add(REMOTE, `${way(family, ROUTER_FAR[family])} advmss ${ETHERNET_MSS[family]}`);
  }
  return batches;
}

/** Takes a blade's wire out of the socket, or puts it in again. */
export function wireStep(bladeNumber: number, state: "up" | "down"): Step {
  return { namespace: FABRIC, command: ["ip", "link", "set", wireName(bladeNumber), state] };
}

/** Pulls all cables of a switch: it hears and says nothing any more. */
export function unplugStep({ blades }: Pick<Topology, "blades">, name: LabSwitchName): Step {
  const ports = [UPLINK_PORT, ...blades.map((_, number) => bladePort(number))];
  return { namespace: FABRIC, command: ["ip", "-batch", "-"], input: lines(ports.map((port) => `link set ${tapName(port, name)} down`)) };
}

function vethsOf({ blades, switches, router }: Topology): Veth[] {
  const taps = (port: number): Veth[] =>
    switches.map((name) => ({ a: [switchNamespace(name), switchInterface(port)], b: [FABRIC, tapName(port, name)] }));
  return [
    { a: [CLIENTS, "eth0"], b: [FABRIC, `${hubKey(UPLINK_PORT)}-clients`] },
    ...taps(UPLINK_PORT),
    ...blades.flatMap((blade, number): Veth[] => [
      { a: [nicNamespace(blade), "wire"], b: [FABRIC, wireName(number)] },
      { a: [nicNamespace(blade), "host"], b: [hostNamespace(blade), "eth0", bladeMac(number)] },
      ...taps(bladePort(number)),
    ]),
    ...(router === null ? [] : routerVeths(router)),
  ];
}

function routerVeths({ mtu }: RouterPlan): Veth[] {
  return [
    { a: [ROUTER, "near", ROUTER_MAC], b: [FABRIC, `${hubKey(UPLINK_PORT)}-router`] },
    { a: [ROUTER, "far"], b: [REMOTE, "eth0"], mtu },
  ];
}

function wireName(bladeNumber: number): string {
  return `${hubKey(bladePort(bladeNumber))}-wire`;
}

function tapName(port: number, name: LabSwitchName): string {
  return `${hubKey(port)}-${name}`;
}

function hubKey(port: number): string {
  return port === UPLINK_PORT ? "up" : String(port);
}

/** The hub that an interface of the fabric's namespace is plugged into. */
function hubOf(name: string): string {
  return `hub-${name.slice(0, name.indexOf("-"))}`;
}

function hubsOf({ blades }: Topology): string[] {
  return [UPLINK_PORT, ...blades.map((_, number) => bladePort(number))].map((port) => `hub-${hubKey(port)}`);
}

function vethLine({ a, b, mtu }: Veth): string {
  const size = mtu === undefined ? "" : ` mtu ${mtu}`;
  const end = ([namespace, name, mac]: Veth["a"]): string => `${name}${mac ? ` address ${mac}` : ""}${size} netns ${namespace}`;
  return `link add ${end(a)} type veth peer name ${end(b)}`;
}

/** By namespace, the interfaces that are made in it. */
function offloadsOf(veths: readonly Veth[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const [namespace, name] of veths.flatMap(({ a, b }) => [a, b])) names.set(namespace, [...(names.get(namespace) ?? []), name]);
  return names;
}

function offloadStep(namespace: string, names: readonly string[]): Step {
  const off = OFFLOADS.map((offload) => `${offload} off`).join(" ");
  return { namespace, command: ["sh", "-ec", names.map((name) => `ethtool -K ${name} ${off}`).join("\n")] };
}

/** A packet socket sees a frame before netfilter drops it: the shim gets it, and the namespace's own stack does not. */
function deafSteps({ blades, deafSwitches }: Topology): Step[] {
  const switchPorts = [UPLINK_PORT, ...blades.map((_, number) => bladePort(number))].map(switchInterface);
  const deaf: [namespace: string, interfaces: string[]][] = [
    ...blades.map((blade): [string, string[]] => [nicNamespace(blade), ["wire", "host"]]),
    ...deafSwitches.map((name): [string, string[]] => [switchNamespace(name), switchPorts]),
  ];
  return deaf.map(([namespace, interfaces]) => {
    const devices = interfaces.map((name) => `"${name}"`).join(", ");
    const chain = `chain deaf { type filter hook ingress devices = { ${devices} } priority 0; policy drop; }`;
    return { namespace, command: ["nft", "-f", "-"], input: `table netdev dobbs-lab {\n${chain}\n}\n` };
  });
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}
