/** Puts an emulated appliance together: wires, switch, blades, hosts, clients, and the production supervisor. */
import { type Appliance, type Blade, type OwnerPlace, ownersOfBlade } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { bladeSetup, type Shared, switchSetup } from "../supervisor/node-setup.ts";
import { ApplianceManager } from "../supervisor/appliance-manager.ts";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../supervisor/messages.ts";
import { clientAddress, clientMac, hostAddress, PREFIX_BITS } from "./address-plan.ts";
import { BladeNode } from "./blade-node.ts";
import { ClientNode, ClientSite } from "./client-node.ts";
import type { VirtualClock } from "./clock.ts";
import { Fabric, type Side } from "./fabric.ts";
import { BATCH_US, type FirmwareNode } from "./firmware-node.ts";
import { HostNode } from "./host-node.ts";
import type { Ledger } from "./ledger.ts";
import type { Parts } from "./parts.ts";
import { PeerNetwork } from "./peer-network.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { wireName } from "./scenario-check.ts";
import { SwitchNode } from "./switch-node.ts";
import type { Timeline } from "./timeline.ts";

export const SERVICE_PORT = 80;
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
  /** By address. */
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
        const address = clientAddress(vipOf(this.#appliance), number, i);
        const mac = clientMac(address);
        const stack = this.#stack(mac, [`${address}/${PREFIX_BITS}`]);
        const client = new ClientNode({ clock, stack, address, mac, ledger, transmit: (frame) => site.transmit(frame) });
        site.add(client);
        clients.set(address, client);
      }
    }
    return clients;
  }

  #makeBlade(blade: Blade): BladeNode {
    const { shared, timeline, scenario } = this.#options;
    const options = {
      ...this.#nodeOptions(blade.name, "blade"),
      setup: bladeSetup(shared, blade),
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
    const { scenario, clock, ledger } = this.#options;
    const vip = vipOf(this.#appliance);
    const wire = this.fabric.wire(owner.name === blade.name ? `${blade.name}/host` : owner.name, scenario.network.host);
    nic.connect(hostPort, wire, TOWARDS_CLIENTS);
    return new HostNode({
      clock,
      stack: this.#stack(owner.mac, [`${hostAddress(vip, this.#hosts++)}/${PREFIX_BITS}`, `${vip}/32`]),
      owner: owner.name,
      vips: this.#appliance.vips,
      port: SERVICE_PORT,
      ledger,
      wire,
      side: TOWARDS_SERVERS,
      nicQueueUs: BATCH_US,
      readUs: scenario.network.management.latencyUs,
    });
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

/** The one that clients use. */
export function vipOf({ vips }: Appliance): string {
  return vips.find((vip) => vip.includes("."))!;
}

/** Addresses of all clients, site by site. */
export function clientAddresses({ appliance, sites }: Scenario): string[] {
  const vip = vipOf(appliance);
  return sites.flatMap(({ clients }, site) => Array.from({ length: clients }, (_, i) => clientAddress(vip, site, i)));
}
