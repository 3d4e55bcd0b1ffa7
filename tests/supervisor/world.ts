/**
 * An appliance without its data plane: real managers and real images, hosts that are no more than a socket table, and
 * time, messages and faults in the test's hands. Managers can be killed and started anew; what they have sent is on its
 * way all the same.
 */
import type { Layout } from "../../host/engine/layout.ts";
import { Records } from "../../host/management/records.ts";
import type { Blade, LoadBalance } from "../../host/model/appliance.ts";
import { Process } from "../../host/simulate/process.ts";
import { ApplianceManager, type ApplianceManagerOptions } from "../../host/supervisor/appliance-manager.ts";
import type { HostSocket, HostSockets, ManagementChannel, Store } from "../../host/supervisor/environment.ts";
import { ImageSwitch } from "../../host/supervisor/image-switch.ts";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../../host/supervisor/messages.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import type { SwitchRoleName } from "../../host/supervisor/switch-driver.ts";
import type { Timing } from "../../host/supervisor/timing.ts";
import { TrafficManager, type TrafficManagerOptions } from "../../host/supervisor/traffic-manager.ts";
import { VirtualClock } from "./clock.ts";
import { loadNode, type ImageNode } from "./images.ts";

export const VIP = "192.0.2.1";
export const VMAC = "02:d0:bb:00:00:01";
export const QUEUE_MS = 3;
const MESSAGE_MS = 1;
/** Of both switches: port 0 leads to the clients, the others to blades. */
const SWITCH_PORTS = ["uplink", "fabric", "fabric", "fabric", "fabric", "fabric"] as const;

export interface Note {
  readonly at: number;
  readonly event: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

const BOTH: Readonly<Record<string, SwitchRoleName>> = { active: "active", standby: "standby" };

/** A host that is no more than its socket table. */
export class Host implements HostSockets {
  queueMs = QUEUE_MS;
  readonly #clock: VirtualClock;
  sockets: HostSocket[] = [];
  /** SYN cookies that it has sent; null: it cannot tell. */
  cookies: number | null = 0;
  reads = 0;
  /** Called at every reading, before the table is read. */
  onRead: () => void = () => undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  read(onRows: (rows: readonly HostSocket[]) => void): void {
    this.reads++;
    this.onRead();
    const rows = [...this.sockets];
    this.#clock.after(MESSAGE_MS, () => onRows(rows));
  }

  cookiesSent(): number | null {
    return this.cookies;
  }

  /** Connections of `count` clients, one each. */
  open(count: number, state: HostSocket["state"] = "established", net = "10.1"): void {
    for (let i = 0; i < count; i++) {
      this.sockets.push({
        client: `${net}.${i >> 8}.${i & 255}`,
        clientPort: 40_000 + i,
        vip: VIP,
        vipPort: 80,
        state,
      });
    }
  }
}

/** What belongs to a blade as long as it is plugged in. */
export interface BladeWorld {
  readonly blade: Blade;
  readonly node: ImageNode;
  readonly hosts: readonly Host[];
  /** Of the traffic manager that runs now. */
  manager: TrafficManager;
  life: Process;
}

/** Runnable processes a CPU of a host for which a test has said nothing else. */
const LOAD = 0.25;

export interface WorldOptions {
  readonly buckets?: number;
  readonly timing?: Partial<Timing>;
  readonly failMs?: number;
  readonly balance?: LoadBalance;
  /** Default two, `active` and `standby`. */
  readonly switches?: Readonly<Record<string, SwitchRoleName>>;
  readonly store?: Store;
  /** What the blades serve beside TCP. Default: nothing that is not so by default. */
  readonly serves?: Pick<TrafficManagerOptions, "services" | "connectionIds">;
  /** Whether a message between managers is lost. */
  readonly loses?: (from: string, to: string, message: ManagerMessage) => boolean;
  /** Whether a management message to a node, or its answer, is lost. */
  readonly drops?: (node: string) => boolean;
  /** ms that a message from a traffic manager to a switch, and its answer, take more than usual. */
  readonly lag?: (blade: string) => number;
}

export class World {
  readonly clock = new VirtualClock();
  readonly notes: Note[] = [];
  readonly offline: { blade: string; cut: number }[] = [];
  readonly failed: { blade: string; cut: number }[] = [];
  readonly blades = new Map<string, BladeWorld>();
  /** Runnable processes a CPU, by blade. */
  readonly loads = new Map<string, () => number>();
  readonly switches: readonly { name: string; role: SwitchRoleName; node: ImageNode }[];
  /** The one that runs now. */
  manager: ApplianceManager;
  /** Of the appliance manager that runs now. */
  life: Process;
  /** Messages between managers, as they were sent. */
  readonly sent: { from: string; to: string; message: ManagerMessage }[] = [];
  /** Management messages that nodes have had, by name of their type. */
  readonly had: { node: string; type: string; at: number }[] = [];
  options: WorldOptions;
  /** What channels say, by node, once its shim was started anew. */
  readonly #layouts = new Map<string, Layout>();

  constructor(options: WorldOptions = {}) {
    this.options = options;
    const roles = Object.entries(options.switches ?? BOTH);
    this.switches = roles.map(([name, role]) => ({ name, role, node: loadNode("switch") }));
    this.life = new Process(this.clock);
    this.manager = this.#startManager(null);
  }

  /** The appliance manager is killed, and a new one goes on from `restored`. */
  restartManager(restored: ApplianceState | null): void {
    this.life.end();
    this.life = new Process(this.clock);
    this.manager = this.#startManager(restored);
  }

  /** Plugs a blade in: its image, its hosts, its traffic manager. It is no member yet. */
  plug(name: string, vms: readonly string[] = []): Blade {
    const number = this.blades.size + 1;
    const blade: Blade = {
      name,
      mac: `02:00:00:00:00:0${number}`,
      port: number,
      weight: 1,
      vms: vms.map((vm, at) => ({ name: vm, mac: `02:00:00:00:0${at + 1}:0${number}`, port: at + 1 })),
    };
    const hosts = placesOf(blade).map(() => new Host(this.clock));
    this.#startTrafficManager(blade, loadNode("blade"), hosts);
    return blade;
  }

  /** A blade's traffic manager is killed, and started anew; its IPD goes on. */
  restartTrafficManager(name: string): void {
    const { blade, node, hosts, life } = this.blades.get(name)!;
    life.end();
    this.#startTrafficManager(blade, node, hosts);
  }

  /** A blade's shim is killed, and started anew with nothing; its traffic manager connects anew. */
  restartShim(name: string): void {
    const { node, manager } = this.blades.get(name)!;
    node.restart(this.clock.now(), "empty");
    this.#layouts.set(name, node.layout);
    manager.reconnected();
  }

  /** Pulls the plug: nothing is heard of the blade any more. */
  unplug(name: string): void {
    this.blades.get(name)!.life.end();
  }

  /** Plugs blades in and makes them members; returns when they serve. */
  grow(...names: string[]): void {
    const outcome = this.outcomeOf((onOutcome) =>
      this.manager.addBlades(
        names.map((name) => this.plug(name)),
        onOutcome,
      ),
    );
    if (outcome !== null) throw outcome;
  }

  /** Carries a request out; null, or why it was refused. */
  outcomeOf(request: (onOutcome: (error: Error | null) => void) => void, ms = 20_000): Error | null {
    const outcomes: (Error | null)[] = [];
    request((error) => outcomes.push(error));
    if (!this.clock.until(() => outcomes.length > 0, ms)) throw new Error("the request has had no outcome");
    return outcomes[0]!;
  }

  host(owner: string): Host {
    const [blade, vm] = owner.split("/");
    const world = this.blades.get(blade!)!;
    return world.hosts[vm === undefined ? 0 : world.blade.vms.findIndex(({ name }) => name === vm)]!;
  }

  node(name: string): ImageNode {
    return (this.blades.get(name) ?? this.switches.find((place) => place.name === name))!.node;
  }

  /** Lets time pass until a node has had a message of this type, at most `ms`. */
  untilHad(node: string, type: string, ms: number): boolean {
    const from = this.had.length;
    return this.clock.until(
      () => this.had.slice(from).some((message) => message.node === node && message.type === type),
      ms,
    );
  }

  events(...names: string[]): Note[] {
    return this.notes.filter(({ event }) => names.includes(event));
  }

  /** Buckets by current owner, as the appliance manager has it. */
  current(): Record<string, number> {
    return Object.fromEntries(this.manager.status().owners.map(({ name, current }) => [name, current]));
  }

  #startManager(restored: ApplianceState | null): ApplianceManager {
    const { buckets = 16, timing, store, failMs, balance } = this.options;
    const options: ApplianceManagerOptions = {
      clock: this.life.clock(),
      peers: this.#peers(APPLIANCE_MANAGER, this.life),
      journal: this.#journal(this.life),
      buckets,
      switches: this.switches.map(({ name, role }) => ({ name, role })),
      ports: SWITCH_PORTS,
      ...(timing && { timing }),
      ...(store && { store }),
      ...(failMs && { failMs }),
      ...(balance && { balance }),
      restored,
      onOffline: (blade, cut) => this.offline.push({ blade, cut }),
      onFailed: (blade, cut) => this.failed.push({ blade, cut }),
    };
    return new ApplianceManager(options);
  }

  #startTrafficManager(blade: Blade, node: ImageNode, hosts: readonly Host[]): void {
    const { name } = blade;
    const life = new Process(this.clock);
    const places = placesOf(blade);
    const clock = life.clock();
    const manager = new TrafficManager({
      blade: name,
      clock,
      channel: this.#channel(name, node, life),
      owners: places.map((place, at) => ({ ...place, sockets: life.sockets(hosts[at]!) })),
      identity: { ...IDENTITY, ports: ["fabric", ...places.map(() => "host" as const)] },
      switches: this.switches.map((place) => {
        const channel = this.#channel(place.name, place.node, life, () => this.options.lag?.(name) ?? 0);
        return new ImageSwitch({ name: place.name, clock, channel, identity: IDENTITY });
      }),
      peers: this.#peers(name, life),
      journal: this.#journal(life),
      load: () => this.loads.get(name)?.() ?? LOAD,
      ...this.options.serves,
      ...(this.options.timing && { timing: this.options.timing }),
    });
    manager.start();
    this.blades.set(name, { blade, node, hosts, manager, life });
  }

  #journal(life: Process) {
    return {
      note: (event: string, details: Note["details"]) => {
        if (life.isOn) this.notes.push({ at: this.clock.now(), event, details });
      },
    };
  }

  #peers(from: string, life: Process) {
    return {
      send: (to: string, message: ManagerMessage) => {
        if (!life.isOn) return;
        const copy = structuredClone(message);
        this.sent.push({ from, to, message: copy });
        if (this.options.loses?.(from, to, copy)) return;
        this.clock.after(MESSAGE_MS, () => {
          const blade = this.blades.get(to);
          if (to === APPLIANCE_MANAGER) this.life.hear(() => this.manager.receive(from, copy));
          else blade?.life.hear(() => blade.manager.receive(from, copy));
        });
      },
    };
  }

  #channel(name: string, node: ImageNode, life: Process, lag = () => 0): ManagementChannel {
    const loses = () => this.options.drops?.(name) ?? false;
    const { layout } = node;
    const records = new Records(layout);
    const layouts = this.#layouts;
    return {
      get layout() {
        return layouts.get(name) ?? layout;
      },
      request: (message, onAnswer) => {
        if (!life.isOn || loses()) return;
        this.clock.after(MESSAGE_MS + lag(), () => {
          const answer = node.manage(message, this.clock.now());
          const type = records.number(message, "Envelope", 0, "type");
          this.had.push({ node: name, type: node.layout.nameOf("Message", type)!, at: this.clock.now() });
          if (!loses()) this.clock.after(MESSAGE_MS + lag(), () => life.isOn && onAnswer(answer));
        });
      },
    };
  }
}

/** The owners on a blade. */
function placesOf({ name, mac, vms }: Blade): { name: string; mac: string; hostPort: number }[] {
  if (vms.length === 0) return [{ name, mac, hostPort: 1 }];
  return vms.map((vm) => ({ name: `${name}/${vm.name}`, mac: vm.mac, hostPort: vm.port }));
}

const IDENTITY = {
  vmac: VMAC,
  vips: [VIP],
  hash: "mix",
  seed: Uint8Array.from({ length: 16 }, (_, at) => at + 1),
  redirect: true,
} as const;
