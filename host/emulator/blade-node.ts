/** One blade: its NIC with the real image, its hosts behind it, and its traffic manager. */
import type { NodeSetup } from "../supervisor/node-setup.ts";
import type { OwnerPlace } from "../model/appliance.ts";
import type { Journal } from "../supervisor/environment.ts";
import type { ManagerMessage } from "../supervisor/messages.ts";
import type { SwitchDriver } from "../supervisor/switch-driver.ts";
import type { Timing } from "../supervisor/timing.ts";
import { TrafficManager } from "../supervisor/traffic-manager.ts";
import { FirmwareNode, type FirmwareNodeOptions } from "./firmware-node.ts";
import type { HostNode } from "./host-node.ts";
import type { LiveConnection } from "./ledger.ts";
import type { PeerNetwork } from "./peer-network.ts";

export interface BladeNodeOptions extends FirmwareNodeOptions {
  readonly setup: Pick<NodeSetup, "identity" | "services" | "filters" | "forward">;
  readonly peers: PeerNetwork<ManagerMessage>;
  readonly timing: Partial<Timing>;
  readonly switches: readonly SwitchDriver[];
  readonly journal: Journal;
}

export class BladeNode {
  readonly name: string;
  readonly node: FirmwareNode;
  readonly hosts: readonly HostNode[];
  readonly #options: BladeNodeOptions;
  readonly #places: readonly OwnerPlace[];
  #manager: TrafficManager | null = null;

  /** `makeHost` plugs a host into the NIC's port of an owner of this blade. */
  constructor(
    options: BladeNodeOptions,
    places: readonly OwnerPlace[],
    makeHost: (nic: FirmwareNode, place: OwnerPlace) => HostNode,
  ) {
    this.#options = options;
    this.#places = places;
    this.name = options.name;
    this.node = new FirmwareNode(options);
    this.hosts = places.map((place) => makeHost(this.node, place));
  }

  /** What clients of the appliance would lose if it were gone now. */
  live(): LiveConnection[] {
    return this.hosts.flatMap((host) => host.live());
  }

  /** The blade's traffic manager takes up its work. */
  start(): void {
    const { name, clock, setup, timing, peers, switches, journal } = this.#options;
    const manager = new TrafficManager({
      blade: name,
      clock: clock.inMs(),
      channel: this.node.channel(),
      owners: this.#places.map(({ owner, hostPort }, i) => ({
        name: owner.name,
        mac: owner.mac,
        hostPort,
        sockets: this.hosts[i]!.sockets(),
      })),
      ...setup,
      timing,
      switches,
      peers: peers.peersOf(name),
      journal,
    });
    peers.join(name, (from, message) => manager.receive(from, message));
    manager.start();
    this.#manager = manager;
  }

  /** Pulls the plug on all of it. */
  powerOff(): void {
    this.#manager?.stop();
    this.#options.peers.leave(this.name);
    this.node.powerOff();
    for (const host of this.hosts) host.station.powerOff();
  }
}
