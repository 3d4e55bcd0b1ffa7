/** Puts an emulated appliance together: wires, switch, blades, hosts, clients, and the production supervisor. */
import { addressBytes, type Family, familyOf } from "../model/address.ts";
import { type Appliance, type Blade, type OwnerPlace, ownersOfBlade } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { bladeSetup, type Shared, switchSetup, timingOf } from "../supervisor/node-setup.ts";
import { ApplianceManager } from "../supervisor/appliance-manager.ts";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../supervisor/messages.ts";
import { type Addresses, type ClientPlace, clientPlace, FAMILIES, hostAddresses, PREFIX_BITS } from "./address-plan.ts";
import { BladeNode } from "./blade-node.ts";
import { ClientNode, ClientSite } from "./client-node.ts";
import type { VirtualClock } from "./clock.ts";
import { Fabric, type Side } from "./fabric.ts";
import { BATCH_US, type FirmwareNode } from "./firmware-node.ts";
import { HostNode } from "./host-node.ts";
import type { Ledger } from "./ledger.ts";
import type { Parts } from "./parts.ts";
import { PeerNetwork } from "./peer-network.ts";
import { type MakeCid, ownerCids, unroutableCids } from "./quic/cid.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { wireName } from "./scenario-check.ts";
import { SwitchNode } from "./switch-node.ts";
import type { Timeline } from "./timeline.ts";
import type { Vips } from "./traffic.ts";

/** Enough for paced transfers, and small beside the number of sockets. */
const SOCKET_BUFFER_BYTES = 16_384;
const TOWARDS_CLIENTS: Side = 0;
const TOWARDS_SERVERS: Side = 1;

export interface ClusterOptions {
  readonly scenario: Scenario;
  readonly shared: Shared;
  readonly parts: Parts;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  /** The switch steers by another assignment from now on. */
  readonly onAssignment: (assignment: Assignment) => void;
  /** The appliance manager says that a draining blade may be switched off, which happens after. */
  readonly onOffline: (blade: BladeNode, cut: number) => void;
}

export class Cluster {
  readonly fabric: Fabric;
  readonly manager: ApplianceManager;
  readonly switch: SwitchNode;
  readonly blades: ReadonlyMap<string, BladeNode>;
  /** By each address that they have, but for those where they roam. */
  readonly clients: ReadonlyMap<string, ClientNode>;
  readonly #options: ClusterOptions;
  readonly #peers: PeerNetwork<ManagerMessage>;
  #hosts = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { scenario, clock, random } = options;
    this.fabric = new Fabric(clock, random);
    this.#peers = new PeerNetwork(clock, scenario.network.management, random.fork("managers"));
    this.switch = this.#makeSwitch();
    this.clients = this.#makeClients();
    this.blades = new Map(scenario.appliance.blades.map((blade) => [blade.name, this.#makeBlade(blade)]));
    this.manager = this.#makeManager();
  }

  get #appliance(): Appliance {
    return this.#options.scenario.appliance;
  }

  #makeSwitch(): SwitchNode {
    const { shared, onAssignment } = this.#options;
    return new SwitchNode({ ...this.#nodeOptions("switch", "switch"), setup: switchSetup(shared), onAssignment });
  }

  #nodeOptions(name: string, image: "blade" | "switch") {
    const { clock, parts, scenario, random } = this.#options;
    const firmware = parts.firmware(image);
    return { name, clock, firmware, managementTiming: scenario.network.management, random: random.fork(`node ${name}`) };
  }

  #makeClients(): Map<string, ClientNode> {
    const { scenario, clock, ledger } = this.#options;
    const clients = new Map<string, ClientNode>();
    for (const [number, { name, clients: count }] of scenario.sites.entries()) {
      const wire = this.fabric.wire(wireName(name), scenario.network.uplink);
      this.switch.node.connect(this.#appliance.uplinks[number]!, wire, TOWARDS_SERVERS);
      const site = new ClientSite(wire, TOWARDS_CLIENTS);
      for (let i = 0; i < count; i++) {
        const place = clientPlace(firstVips(this.#appliance), number, i);
        const client = this.#makeClient(place, (frame) => site.transmit(frame));
        site.add(client);
        for (const address of Object.values(place.addresses)) clients.set(address, client);
      }
    }
    return clients;
  }

  #makeClient({ mac, addresses, roaming }: ClientPlace, transmit: (frame: Uint8Array) => void): ClientNode {
    const { clock, ledger, random } = this.#options;
    const stack = this.#stack(mac, [...cidrs(addresses), ...cidrs(roaming)]);
    return new ClientNode({ clock, stack, mac, ledger, random: random.fork(`client ${mac}`), transmit });
  }

  #makeBlade(blade: Blade): BladeNode {
    const { shared, timeline, scenario } = this.#options;
    const options = {
      ...this.#nodeOptions(blade.name, "blade"),
      setup: bladeSetup(shared, blade),
      timing: timingOf(this.#appliance),
      peers: this.#peers,
      switches: [this.switch.driver],
      journal: timeline.journal(),
    };
    const places = ownersOfBlade(blade);
    const node = new BladeNode(options, places, (nic, place) => this.#makeHost(blade, nic, place));
    const wire = this.fabric.wire(blade.name, scenario.network.fabric);
    this.switch.node.connect(blade.port, wire, TOWARDS_CLIENTS);
    node.node.connect(0, wire, TOWARDS_SERVERS);
    return node;
  }

  #makeHost(blade: Blade, nic: FirmwareNode, { owner, hostPort }: OwnerPlace): HostNode {
    const { scenario, clock, ledger, random } = this.#options;
    const { vips } = this.#appliance;
    const own = hostAddresses(firstVips(this.#appliance), this.#hosts++);
    const wire = this.fabric.wire(owner.name === blade.name ? `${blade.name}/host` : owner.name, scenario.network.host);
    nic.connect(hostPort, wire, TOWARDS_CLIENTS);
    return new HostNode({
      clock,
      stack: this.#stack(owner.mac, [...cidrs(own), ...vips.map(aloneCidr)]),
      owner: owner.name,
      vips,
      ledger,
      random: random.fork(`host ${owner.name}`),
      makeCid: this.#makeCid(owner.name),
      wire,
      side: TOWARDS_SERVERS,
      nicQueueUs: BATCH_US,
      readUs: scenario.network.management.latencyUs,
    });
  }

  /** As the newest of the appliance's configurations has it. */
  #makeCid(owner: string): MakeCid {
    const random = this.#options.random.fork(`connection IDs ${owner}`);
    const ids = this.#appliance.connectionIds.at(-1);
    return ids ? ownerCids(ids, owner, random) : unroutableCids(random);
  }

  #makeManager(): ApplianceManager {
    const { clock, shared, timeline, onOffline } = this.#options;
    const manager = new ApplianceManager({
      clock: clock.inMs(),
      peers: this.#peers.peersOf(APPLIANCE_MANAGER),
      journal: timeline.journal(),
      buckets: this.#appliance.buckets,
      switches: [{ name: this.switch.driver.name, role: "active" }],
      ports: switchSetup(shared).identity.ports,
      filters: this.#appliance.filters,
      forward: this.#appliance.forward,
      onOffline: (name, cut) => {
        const blade = this.blades.get(name)!;
        onOffline(blade, cut);
        blade.powerOff();
      },
    });
    this.#peers.join(APPLIANCE_MANAGER, (from, message) => manager.receive(from, message));
    return manager;
  }

  #stack(mac: string, addresses: string[]) {
    const { parts, random } = this.#options;
    const seed = random.fork(`stack ${mac}`).u32();
    return parts.stack({ mac, addresses, seed, receiveBuffer: SOCKET_BUFFER_BYTES, sendBuffer: SOCKET_BUFFER_BYTES });
  }
}

export function vipsOf({ vips }: Appliance): Vips {
  const of = (family: Family): string[] => vips.filter((vip) => familyOf(vip) === family);
  return { 4: of(4), 6: of(6) };
}

/** One of each family: all of a family are in one network. */
function firstVips(appliance: Appliance): Addresses {
  const vips = vipsOf(appliance);
  return Object.fromEntries(FAMILIES.filter((family) => vips[family].length > 0).map((family) => [family, vips[family][0]!]));
}

/** All clients, site by site. */
export function clientPlaces({ appliance, sites }: Scenario): ClientPlace[] {
  const vips = firstVips(appliance);
  return sites.flatMap(({ clients }, site) => Array.from({ length: clients }, (_, i) => clientPlace(vips, site, i)));
}

/** With the prefix length of the plan. */
function cidrs(addresses: Addresses): string[] {
  return Object.values(addresses).map((address) => `${address}/${PREFIX_BITS[familyOf(address)]}`);
}

/** Of an address in no network of its host: nobody is told that the host has it. */
function aloneCidr(address: string): string {
  return `${address}/${8 * addressBytes(familyOf(address))}`;
}
