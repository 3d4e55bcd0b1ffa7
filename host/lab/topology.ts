/**
 * The lab's network, as the commands that make it. Pure: the executor is `namespaces.ts`.
 *
 * ```
 *  clients        fabric (hubs)      switches             fabric (hubs)      nic                host
 *  eth0 ------- [ hub-up ] ---- up0 [ west, east ] p1 --- [ hub-1 ] ---- wire [ shim ] host --- eth0, VIP on lo
 *                    \_________ up0                p2 --- [ hub-2 ] ---- ...
 * ```
 *
 * A hub is a bridge that learns nothing, so that either switch can serve every wire: the standby one drops all it hears.
 */
import {
  bladeMac, bladePort, CLIENTS, FABRIC, hostAddress, hostNamespace, type LabSwitchName, nicNamespace, PREFIX_BITS,
  switchInterface, switchNamespace, UPLINK_PORT, VIP,
} from "./addresses.ts";

export interface Topology {
  /** Names, in the order of their switch ports. */
  readonly blades: readonly string[];
  readonly switches: readonly LabSwitchName[];
  /** IPv4 addresses. */
  readonly clients: readonly string[];
  /** Switches whose namespace's own stack is kept from seeing frames: those that a shim serves. */
  readonly deafSwitches: readonly LabSwitchName[];
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
}

/** What the kernel must not do for a frame that another program may look at on the way. */
const OFFLOADS = ["tx", "rx", "sg", "tso", "gso", "gro"];
/** Its own MAC is not what the VIP is reached at, and its answers go out by whatever interface they came in. */
const HOST_SYSCTLS = ["arp_ignore=1", "arp_announce=2", "rp_filter=0"];

/** All namespaces, in the order in which they are made. */
export function namespacesOf({ blades, switches }: Topology): string[] {
  const ofBlades = blades.flatMap((blade) => [nicNamespace(blade), hostNamespace(blade)]);
  return [FABRIC, CLIENTS, ...switches.map(switchNamespace), ...ofBlades];
}

/** Makes everything; each step needs those before it. */
export function buildSteps(topology: Topology): Step[] {
  const namespaces = namespacesOf(topology);
  const veths = vethsOf(topology);
  const batches = new Map<string, string[]>(namespaces.map((name) => [name, ["link set lo up"]]));
  const add = (namespace: string, ...lines: string[]): void => void batches.get(namespace)!.push(...lines);

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
  for (const address of topology.clients) add(CLIENTS, `addr add ${address}/${PREFIX_BITS} dev eth0`);
  for (const [number, blade] of topology.blades.entries()) {
    add(hostNamespace(blade), `addr add ${hostAddress(number)}/${PREFIX_BITS} dev eth0`, `addr add ${VIP}/32 dev lo`);
  }
  return [
    { namespace: null, command: ["ip", "-batch", "-"], input: lines(namespaces.map((name) => `netns add ${name}`)) },
    // Before there is an interface that could send anything by itself.
    ...namespaces.map((namespace) => sysctlStep(namespace, ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"])),
    { namespace: null, command: ["ip", "-batch", "-"], input: lines(veths.map(vethLine)) },
    ...[...offloadsOf(veths)].map(([namespace, names]) => offloadStep(namespace, names)),
    ...topology.blades.map((blade) => sysctlStep(hostNamespace(blade), hostSysctls())),
    ...deafSteps(topology),
    ...[...batches].map(([namespace, batch]): Step => ({ namespace, command: ["ip", "-batch", "-"], input: lines(batch) })),
  ];
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

function vethsOf({ blades, switches }: Topology): Veth[] {
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

function vethLine({ a, b }: Veth): string {
  const end = ([namespace, name, mac]: Veth["a"]): string => `${name}${mac ? ` address ${mac}` : ""} netns ${namespace}`;
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

function hostSysctls(): string[] {
  const interfaces = ["all", "default", "eth0"];
  return interfaces.flatMap((name) => HOST_SYSCTLS.map((setting) => `net.ipv4.conf.${name}.${setting}`));
}

function sysctlStep(namespace: string, settings: readonly string[]): Step {
  return { namespace, command: ["sysctl", "-q", "-w", ...settings] };
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
