/**
 * The appliance of a plan: real images as NICs and switches, scripted clients and hosts, the production supervisor, and
 * everything in between behind its faults. Whatever can go down can be started anew.
 */
import type { Firmware } from "../engine/firmware.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import { findBuckets } from "../emulator/bucket-finder.ts";
import { ownerCids } from "../emulator/quic/cid.ts";
import { PeerNetwork } from "../emulator/peer-network.ts";
import { Random } from "../emulator/random.ts";
import { type Appliance, type Blade, ownersOfBlade } from "../model/appliance.ts";
import { ApplianceManager } from "../supervisor/appliance-manager.ts";
import type { Journal, ManagementChannel, Peers } from "../supervisor/environment.ts";
import { ImageSwitch } from "../supervisor/image-switch.ts";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../supervisor/messages.ts";
import { bladeSetup, type Shared, switchSetup } from "../supervisor/node-setup.ts";
import type { ApplianceState } from "../supervisor/state.ts";
import { TrafficManager } from "../supervisor/traffic-manager.ts";
import { applianceOf, hashSeedOf, VIP4, VIP6 } from "./appliance-plan.ts";
import { channelTo, type NodeChannel } from "./channel.ts";
import { Dice, mix, saltOf } from "./dice.ts";
import { Host } from "./host.ts";
import { ImageNode } from "./image-node.ts";
import { faulty } from "./link-faults.ts";
import { faultyChannel, faultyPeers } from "./message-faults.ts";
import type { Parcel, Take } from "./parcel.ts";
import { path } from "./path.ts";
import type { Plan } from "./plan.ts";
import { Process, skewed, TRUE_TIME } from "./process.ts";
import type { Safety } from "./safety.ts";
import { clientEnd, endOf, type End, type Family } from "./packet.ts";
import { Site } from "./site.ts";
import type { Strikes } from "./strikes.ts";
import type { Trace } from "./trace.ts";

/** Clients of a site that have a kernel; those from there on are made up. */
export const CLIENTS = 128;
const CLIENTS_MAX = 250;
const MAIL_US = 500;
const SOCKETS_READ_US = 300;

export type ImageName = "blade" | "switch";

export interface WorldOptions {
  readonly plan: Plan;
  readonly clock: VirtualClock;
  readonly load: (image: ImageName) => Firmware;
  readonly safety: Safety;
  readonly trace: Trace;
  readonly strikes: Strikes;
  /** A manager has sent a message of this kind. */
  readonly onSent: (manager: string, kind: string) => void;
  /** The appliance manager has saved, and sent nothing yet. */
  readonly onSaved: (state: ApplianceState) => void;
}

interface BladeWorld {
  readonly blade: Blade;
  readonly node: ImageNode;
  /** What leaves by its wire. */
  readonly toWire: Take;
  hosts: Host[];
  process: Process | null;
  manager: TrafficManager | null;
  channels: NodeChannel[];
  /** Whether it has power. */
  isOn: boolean;
  lives: number;
}

export class World {
  readonly appliance: Appliance;
  /** At the VMAC, by family. */
  readonly vips: Readonly<Record<Family, End>>;
  readonly sites: readonly Site[];
  readonly switches: ReadonlyMap<string, ImageNode>;
  readonly blades: ReadonlyMap<string, BladeWorld>;
  /** The appliance manager that runs now; null: none does. */
  manager: ApplianceManager | null = null;
  readonly #options: WorldOptions;
  readonly #shared: Shared;
  readonly #mail: PeerNetwork<ManagerMessage>;
  readonly #ends = new Map<number, End>();
  /** By client; null: nobody has asked yet. */
  #buckets: Map<string, number> | null = null;
  #managerProcess: Process | null = null;
  #managerLives = 0;
  #saved: ApplianceState | null = null;

  constructor(options: WorldOptions) {
    const { plan, clock } = options;
    this.#options = options;
    this.appliance = applianceOf(plan.topology);
    this.#shared = { appliance: this.appliance, seed: hashSeedOf(plan), redirect: true };
    this.vips = vipsAt(this.appliance.vmac);
    this.#mail = new PeerNetwork(clock, { latencyUs: MAIL_US, jitterUs: 0, loss: 0 }, new Random("mail"));
    this.switches = new Map(plan.topology.switches.map((name) => [name, this.#makeNode(name, "switch", TRUE_TIME.aheadMs)]));
    this.sites = this.appliance.uplinks.map((_, site) => this.#makeSite(site));
    this.blades = new Map(this.appliance.blades.map((blade) => [blade.name, this.#makeBlade(blade)]));
  }

  /** The appliance manager's state as it was saved last. */
  get saved(): ApplianceState | null {
    return this.#saved;
  }

  node(name: string): ImageNode | undefined {
    return this.blades.get(name)?.node ?? this.switches.get(name);
  }

  /** Closes what hosts have from before their blade was declared failed. */
  closeLeftOver(): void {
    this.#options.safety.closeLeftOver([...this.blades.values()].flatMap(({ hosts }) => hosts));
  }

  get nodes(): ImageNode[] {
    return [...this.switches.values(), ...[...this.blades.values()].map(({ node }) => node)];
  }

  endOf(family: Family, site: number, client: number): End {
    const end = clientEnd(VIP4, VIP6, family, site, client);
    this.#ends.set(end.key, end);
    return end;
  }

  /** Of a client, as the image says. */
  bucketOf({ text, family }: End): number {
    this.#buckets ??= new Map();
    const known = this.#buckets.get(text);
    if (known !== undefined) return known;
    const vip = this.vips[family];
    const clients = [...this.#ends.values()].filter((end) => end.family === family).map((end) => end.text);
    const parts = { firmware: this.#options.load, stack: () => { throw new Error("there is no stack"); } };
    for (const [client, bucket] of findBuckets(parts, this.#shared, vip.text, clients)) this.#buckets.set(client, bucket);
    return this.#buckets.get(text)!;
  }

  /** The VIP at the MAC of the blade's first owner. */
  ownerEnd(blade: string, family: Family): End {
    return vipsAt(ownersOfBlade(this.blades.get(blade)!.blade)[0]!.owner.mac)[family];
  }

  /** Sends a frame by a blade's wire, as if its NIC had made it. */
  sendByWire(blade: string, parcel: Parcel): void {
    const { isOn, toWire } = this.blades.get(blade)!;
    if (isOn) toWire(parcel);
  }

  /** The generation that all blades with power have in force, and that nothing newer follows; null: there is none. */
  get agreedGeneration(): number | null {
    const generation = this.#saved?.assignment.generation ?? 0;
    const isEverywhere = [...this.blades.values()].every(({ isOn, manager }) => !isOn || manager?.status().generation === generation);
    return generation > 0 && isEverywhere ? generation : null;
  }

  /** Gives a blade power, if it has none: an empty NIC, hosts without connections, a traffic manager that knows nothing. */
  plug(name: string): void {
    const world = this.blades.get(name)!;
    if (world.isOn) return;
    world.isOn = true;
    world.lives++;
    world.hosts = this.#makeHosts(world);
    world.node.powerOn();
    this.startManager(name);
    this.#options.trace.note(name, "has power");
  }

  /** Takes a blade's power away. */
  unplug(name: string): void {
    const world = this.blades.get(name)!;
    if (!world.isOn) return;
    this.#options.trace.note(name, "loses its power");
    this.killManager(name);
    world.isOn = false;
    world.node.powerOff();
    for (const host of world.hosts) host.powerOff();
  }

  /** A blade's traffic manager or the appliance manager, if it does not run; it knows what it has saved, if anything. */
  startManager(name: string): void {
    if (name === APPLIANCE_MANAGER) return this.#startApplianceManager();
    const world = this.blades.get(name)!;
    if (world.process !== null || !world.isOn) return;
    this.#startTrafficManager(world);
    this.#options.trace.note(name, "its traffic manager starts");
  }

  /** `kill -9`. */
  killManager(name: string): void {
    this.#mail.leave(name);
    if (name === APPLIANCE_MANAGER) {
      if (this.#managerProcess !== null) this.#options.trace.note(name, "is killed");
      this.#managerProcess?.end();
      this.#managerProcess = null;
      this.manager = null;
      return;
    }
    const world = this.blades.get(name)!;
    if (world.process !== null) this.#options.trace.note(name, "its traffic manager is killed");
    world.process?.end();
    for (const channel of world.channels) channel.close();
    world.process = world.manager = null;
    world.channels = [];
  }

  processOf(manager: string): Process | null {
    return manager === APPLIANCE_MANAGER ? this.#managerProcess : (this.blades.get(manager)?.process ?? null);
  }

  #makeNode(name: string, image: ImageName, aheadMs: number): ImageNode {
    const { clock, load, plan, safety, trace } = this.#options;
    return new ImageNode({
      name,
      clock,
      load: () => load(image),
      batchUs: plan.topology.batchUs,
      aheadMs,
      onFrame: (node, port, parcel, verdict) => trace.frame(node.name, port, parcel, verdict),
      onRestart: (node) => safety.onRestart(node.name),
      onRedirect: (node, parcel) => safety.onRedirect(node, parcel),
      onMiscount: (node, what) => safety.violate("miscount", null, `${node.name}: ${what}`),
    });
  }

  /** A wire's way from one end to the other. */
  #way(name: string, way: "down" | "up", maxUs: number, to: Take): Take {
    const { plan, clock, strikes } = this.#options;
    return faulty(plan.faults, name, way, { clock, seed: plan.seed, strikes }, path(clock, maxUs, new Dice(plan.seed, `${name} ${way}`), to));
  }

  #makeSite(number: number): Site {
    const { wireUs } = this.#options.plan.topology;
    const port = this.appliance.uplinks[number]!;
    const downs: Take[] = [];
    const site = new Site({
      vipOf: (family) => this.vips[family],
      clients: CLIENTS,
      endOf: (family, client) => this.endOf(family, number, client),
      send: (parcel) => downs.forEach((down) => down(parcel)),
      onCorrupt: (flow) => this.#options.safety.violate("corrupt", flow, "a frame that came to the client was changed"),
    });
    for (let client = CLIENTS; client < CLIENTS_MAX; client++) {
      for (const family of [4, 6] as const) this.endOf(family, number, client);
    }
    for (const [name, node] of this.switches) {
      const wire = `up/${number}/${name}`;
      downs.push(this.#way(wire, "down", wireUs, node.input(port)));
      node.connect(port, this.#way(wire, "up", wireUs, (parcel) => {
        this.#options.trace.arrival(`site ${number}`, parcel);
        site.receive(parcel);
      }));
    }
    return site;
  }

  #makeBlade(blade: Blade): BladeWorld {
    const { topology } = this.#options.plan;
    const { skew } = topology.blades.find(({ name }) => name === blade.name)!;
    const node = this.#makeNode(blade.name, "blade", skew.aheadMs);
    node.powerOff();
    const ups: Take[] = [];
    for (const [name, other] of this.switches) {
      const wire = `wire/${blade.name}/${name}`;
      other.connect(blade.port, this.#way(wire, "down", topology.wireUs, node.input(0)));
      ups.push(this.#way(wire, "up", topology.wireUs, other.input(blade.port)));
    }
    const toWire: Take = (parcel) => ups.forEach((up) => up(parcel));
    node.connect(0, toWire);
    const world: BladeWorld = { blade, node, toWire, hosts: [], process: null, manager: null, channels: [], isOn: false, lives: 0 };
    for (const [at, { owner, hostPort }] of ownersOfBlade(blade).entries()) {
      // Whoever is behind the port when the frame arrives.
      const toHost = this.#way(`host/${owner.name}`, "down", topology.hostQueueUs, (parcel) => world.hosts[at]?.receive(parcel));
      node.connect(hostPort, (parcel) => toHost({ ...parcel, deliveredUs: this.#options.clock.now }));
    }
    return world;
  }

  #makeHosts({ blade, node, lives }: BladeWorld): Host[] {
    const { plan, clock, safety, trace } = this.#options;
    return ownersOfBlade(blade).map(({ owner, hostPort }) => {
      const send = this.#way(`host/${owner.name}`, "up", plan.topology.hostQueueUs, node.input(hostPort));
      const secret = mix(plan.seed, saltOf(`${owner.name} ${lives}`));
      const world = {
        clock,
        clientOf: (key: number) => this.#ends.get(key)!,
        watch: (host: Host, segment: Parameters<Safety["watch"]>[1], parcel: Parameters<Take>[0]) => {
          trace.arrival(host.owner, parcel);
          return safety.watch(host, segment);
        },
        watchError: safety.watchError.bind(safety),
        watchDatagram: safety.watchDatagram.bind(safety),
        onTunnel: safety.onTunnel.bind(safety),
        watchQuic: safety.watchQuic.bind(safety),
        onQuic: safety.onQuic.bind(safety),
        onAccepted: safety.onAccepted.bind(safety),
        onCorrupt: (host: Host, { flow }: Parameters<Take>[0]) => safety.violate("corrupt", flow, `a frame that came to ${host.owner} was changed`),
      };
      const [ids] = this.appliance.connectionIds;
      const makeCid = ids === undefined ? null : ownerCids(ids, owner.name, new Random(`simulation ${plan.seed} ${owner.name} ${lives}`));
      return new Host(owner.name, blade.name, vipsAt(owner.mac), secret, makeCid, world, (parcel) => {
        trace.departure(owner.name, parcel);
        send(parcel);
      });
    });
  }

  #startTrafficManager(world: BladeWorld): void {
    const { plan, clock } = this.#options;
    const { blade, node } = world;
    const { name } = blade;
    const { skew } = plan.topology.blades.find((candidate) => candidate.name === name)!;
    const process = new Process(skewed(clock, skew));
    const channel = (other: ImageNode, onConnected: () => void): ManagementChannel => {
      const made = channelTo(other, clock, process, onConnected);
      world.channels.push(made);
      return this.#watchChannel(name, process, faultyChannel(plan.faults, other.name, this.#place(name, world.lives), made));
    };
    const { identity } = switchSetup(this.#shared);
    const queueUs = plan.topology.hostQueueUs + plan.topology.batchUs;
    const manager: TrafficManager = new TrafficManager({
      blade: name,
      clock: process.clock(),
      channel: channel(node, () => manager.reconnected()),
      owners: ownersOfBlade(blade).map(({ owner, hostPort }, at) => ({
        name: owner.name,
        mac: owner.mac,
        hostPort,
        sockets: process.sockets(world.hosts[at]!.sockets(queueUs, SOCKETS_READ_US)),
      })),
      ...bladeSetup(this.#shared, blade),
      switches: [...this.switches.values()].map(
        (other) => new ImageSwitch({ name: other.name, clock: process.clock(), channel: channel(other, () => undefined), identity }),
      ),
      peers: this.#peers(name, process, world.lives),
      journal: this.#journal(name, process),
      timing: plan.topology.timing,
    });
    this.#mail.join(name, (from, message) => process.hear(() => manager.receive(from, message)));
    world.process = process;
    world.manager = manager;
    manager.start();
  }

  #startApplianceManager(): void {
    if (this.#managerProcess !== null) return;
    const { plan, clock, safety, trace, onSaved } = this.#options;
    const process = new Process(skewed(clock, TRUE_TIME));
    const lives = this.#managerLives++;
    const restored = this.#saved && (JSON.parse(JSON.stringify(this.#saved)) as ApplianceState);
    if (lives > 0) trace.note(APPLIANCE_MANAGER, "starts anew");
    this.#managerProcess = process;
    this.manager = new ApplianceManager({
      clock: process.clock(),
      peers: this.#peers(APPLIANCE_MANAGER, process, lives),
      journal: this.#journal(APPLIANCE_MANAGER, process),
      buckets: this.appliance.buckets,
      timing: plan.topology.timing,
      switches: plan.topology.switches.map((name, at) => ({ name, role: at === 0 ? "active" : "standby" })),
      ports: switchSetup(this.#shared).identity.ports,
      failMs: plan.topology.failMs,
      store: {
        save: (state) => {
          if (!process.isOn) return;
          this.#saved = state;
          safety.onSaved(state);
          onSaved(state);
        },
      },
      restored,
      onOffline: (blade, cut) => {
        if (!process.isOn) return;
        safety.onOffline(blade, cut);
        this.unplug(blade);
      },
    });
    const { manager } = this;
    this.#mail.join(APPLIANCE_MANAGER, (from, message) => process.hear(() => manager.receive(from, message)));
  }

  #place(name: string, life: number) {
    const { clock, plan, strikes } = this.#options;
    return { clock, seed: plan.seed, strikes, name: `${name} ${life}` };
  }

  #peers(name: string, process: Process, life: number): Peers<ManagerMessage> {
    const { plan, onSent } = this.#options;
    const peers = faultyPeers(plan.faults, name, this.#place(name, life), this.#mail.peersOf(name));
    return {
      send: (to, message) => {
        if (!process.isOn) return;
        peers.send(to, message);
        onSent(name, message.kind);
      },
    };
  }

  #watchChannel(name: string, process: Process, channel: ManagementChannel): ManagementChannel {
    const { onSent } = this.#options;
    return {
      get layout() {
        return channel.layout;
      },
      request: (message, onAnswer) => {
        if (!process.isOn) return;
        channel.request(message, onAnswer);
        onSent(name, messageName(channel, message));
      },
    };
  }

  #journal(name: string, process: Process): Journal {
    const { trace } = this.#options;
    return {
      note: (event, details) => {
        if (process.isOn) trace.note(name, `${event} ${Object.entries(details).map(([key, value]) => `${key}=${value}`).join(" ")}`.trimEnd());
      },
    };
  }
}

function vipsAt(mac: string): Record<Family, End> {
  return { 4: endOf(mac, VIP4), 6: endOf(mac, VIP6) };
}

/** `SEED`, `PUT`, ... */
function messageName({ layout }: ManagementChannel, message: Uint8Array): string {
  const { offset } = layout.struct("Envelope").field("type");
  return layout.nameOf("Message", message[offset]!) ?? "";
}

