/**
 * The traffic manager of one blade: watches its IPD and its hosts' TCP sessions, shares them with its peers, computes
 * the assignment, programs its IPD and, when it leads, the switches.
 */
import { DobbsError } from "../errors.ts";
import { ManagementSession } from "../management/session.ts";
import { NO_ANSWER } from "../management/status.ts";
import type { NodeConnectionIds } from "../management/connection-id-table.ts";
import type { FilterEntry, ForwardStation, NodeIdentity } from "../management/tables.ts";
import type { Service } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Cancel, Clock, Journal, ManagementChannel, Peers } from "./environment.ts";
import { CidWatch } from "./cid-watch.ts";
import { CookieWatch } from "./cookie-watch.ts";
import { HandoverGiver } from "./handover-giver.ts";
import { HandoverTaker } from "./handover-taker.ts";
import { Ipd } from "./ipd.ts";
import { MirrorScan } from "./mirror-scan.ts";
import {
  APPLIANCE_MANAGER,
  type Drained,
  type ManagerMessage,
  type Order,
  type Report,
  type SessionCount,
  type Sessions,
} from "./messages.ts";
import { OwnerWatch, type LocalOwner } from "./owner-watch.ts";
import { Preparation } from "./preparation.ts";
import { bucketsEntered, bucketsLost, digest, succeed } from "./succession.ts";
import type { SwitchDriver } from "./switch-driver.ts";
import { SwitchLeader } from "./switch-leader.ts";
import { DEFAULT_TIMING, type Timing } from "./timing.ts";

export type { LocalOwner } from "./owner-watch.ts";

export interface TrafficManagerOptions {
  /** The blade's name, and its address among its peers. */
  readonly blade: string;
  readonly clock: Clock;
  /** To the blade's own shim. */
  readonly channel: ManagementChannel;
  /** At least one. */
  readonly owners: readonly LocalOwner[];
  /** Who this node is, but for its owners' numbers, which the assignment gives. */
  readonly identity: Omit<NodeIdentity, "localOwners">;
  readonly services?: readonly Service[];
  readonly connectionIds?: readonly NodeConnectionIds[];
  readonly filters?: readonly FilterEntry[];
  readonly forward?: readonly ForwardStation[];
  /** Used while this traffic manager leads. All traffic managers may share the same drivers. Default none. */
  readonly switches?: readonly SwitchDriver[];
  readonly peers: Peers<ManagerMessage>;
  readonly journal: Journal;
  /** The host's run queue, divided by its CPUs. */
  readonly load?: () => number;
  readonly timing?: Partial<Timing>;
}

export interface TrafficManagerStatus {
  readonly blade: string;
  /** In force on its IPD; 0: none. */
  readonly generation: number;
  /** Whether its IPD answered last time. */
  readonly healthy: boolean;
  readonly counts: readonly SessionCount[];
  readonly drained: readonly Drained[];
  /** What the other traffic managers said last, by blade. */
  readonly peers: Readonly<Record<string, Sessions>>;
}

export class TrafficManager {
  readonly #options: TrafficManagerOptions;
  readonly #timing: Timing;
  /** When it was started. */
  readonly #since: number;
  readonly #session: ManagementSession;
  readonly #ipd: Ipd;
  readonly #owners: readonly OwnerWatch[];
  readonly #cids: CidWatch;
  readonly #mirrors: MirrorScan;
  readonly #leader: SwitchLeader;
  readonly #cookies: CookieWatch;
  readonly #giver: HandoverGiver;
  readonly #taker: HandoverTaker;
  readonly #peers = new Map<string, Sessions>();
  #preparation: Preparation | null = null;
  #healthy = true;
  #looking = false;
  #cancelPoll: Cancel | null = null;

  constructor(options: TrafficManagerOptions) {
    const { clock, channel, owners, identity, services = [], switches = [] } = options;
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#since = clock.now();
    this.#session = new ManagementSession(clock, channel);
    const cookies = new CookieWatch(clock, this.#session, owners.map(({ sockets }) => sockets));
    this.#cookies = cookies;
    this.#ipd = new Ipd(this.#session, options, cookies);
    this.#leader = new SwitchLeader(clock, switches, (report) => this.#report(report));
    const names = owners.map(({ name }) => name);
    this.#cids = new CidWatch(this.#session, names, services);
    const note = (event: string, details: Readonly<Record<string, string | number>>): void => this.#note(event, details);
    this.#giver = new HandoverGiver({
      session: this.#session,
      send: (to, lists) => options.peers.send(to, lists),
      note,
    });
    this.#taker = new HandoverTaker(this.#session, note);
    const { flowDrainMs } = this.#timing;
    const common = { clock, session: this.#session, vips: identity.vips, services, flowDrainMs, cookies };
    this.#owners = owners.map(
      (owner, index) =>
        new OwnerWatch({ ...common, owner, index, note: (event, details) => this.#note(event, details) }),
    );
    this.#mirrors = new MirrorScan({
      clock,
      session: this.#session,
      services,
      owners: this.#owners,
    });
  }

  /** Starts the regular look at the IPD and the sockets. */
  start(): void {
    if (this.#cancelPoll === null) this.#poll();
  }

  /** Ends it: the blade is off. */
  stop(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = null;
  }

  /** The link to the shim was down: the IPD may have been started anew meanwhile. */
  reconnected(): void {
    this.#ipd.doubt();
  }

  /** Drivers that are used from now on while this traffic manager leads. */
  setSwitches(switches: readonly SwitchDriver[]): void {
    this.#leader.switches = switches;
  }

  /** Hands in a message of the appliance manager or of another traffic manager. */
  receive(from: string, message: ManagerMessage): void {
    if (this.#cancelPoll === null) return;
    switch (message.kind) {
      case "prepare":
        return this.#prepare(message);
      case "abort":
        return this.#abort(message.generation);
      case "install":
        return this.#install(message.assignment);
      case "switch":
        return this.#leader.program(message, this.#ipd.assignment);
      case "lead":
        return this.#leader.lead(message.switches);
      case "tables":
        return this.#setTables(message);
      case "count":
        return this.#count(message.owners);
      case "sessions":
        return void this.#peers.set(from, message);
      case "handover":
        if (this.#ipd.assignment) this.#taker.take(this.#options.blade, from, this.#ipd.assignment, message);
    }
  }

  status(): TrafficManagerStatus {
    return {
      blade: this.#options.blade,
      generation: this.#ipd.generation,
      healthy: this.#healthy,
      counts: this.#owners.flatMap(({ counts }) => counts),
      drained: this.#owners.flatMap(({ drained }) => drained),
      peers: Object.fromEntries(this.#peers),
    };
  }

  #prepare(order: Extract<Order, { kind: "prepare" }>): void {
    const { generation, view, last } = order;
    if (generation <= this.#ipd.generation) return;
    if (this.#preparation?.generation === generation) return this.#preparation.repeat();
    let next: Assignment;
    try {
      next = succeed(view, last, generation);
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      return this.#report({ kind: "refused", generation, code: error.code, why: error.message });
    }
    // Behind its peers, or its IPD is being given everything anew: the missing generation is on its way, and this order will be repeated.
    if (this.#ipd.generation !== last.generation && this.#owners.some(({ name }) => takesPart(name, last, next))) return;
    this.#preparation?.undo();
    this.#preparation = new Preparation({
      session: this.#session,
      last,
      next,
      generation: this.#ipd.generation,
      report: (report) => this.#report(report),
    });
    this.#preparation.run(this.#owners);
  }

  #abort(generation: number): void {
    if (this.#preparation?.generation !== generation) return;
    this.#preparation.undo();
    this.#preparation = null;
  }

  #install(assignment: Assignment): void {
    const { generation } = assignment;
    if (generation <= this.#ipd.generation)
      return this.#report({ kind: "installed", generation: this.#ipd.generation });
    if (this.#preparation?.generation === generation && this.#preparation.digest !== digest(assignment)) {
      return this.#report({ kind: "not-installed", generation, why: "it is not what was computed here" });
    }
    this.#ipd.install(assignment, (problem) => {
      if (problem !== null) return this.#report({ kind: "not-installed", generation, why: problem });
      if (this.#preparation !== null && this.#preparation.generation <= generation) this.#preparation = null;
      for (const owner of this.#owners) owner.installed(assignment);
      this.#taker.forget();
      this.#report({ kind: "installed", generation });
      this.#look();
    });
  }

  #setTables({ revision, filters, forward }: Extract<Order, { kind: "tables" }>): void {
    if (revision <= this.#ipd.revision) {
      if (revision === this.#ipd.revision) this.#report({ kind: "tabled", revision, problem: null });
      return;
    }
    this.#ipd.setTables({ revision, filters, forward }, (refusal) => {
      // The order will be repeated.
      if (refusal?.status === NO_ANSWER) return;
      const problem = refusal && { code: `E_${refusal.status}`, why: refusal.text, mend: refusal.mend };
      this.#report({ kind: "tabled", revision, problem });
    });
  }

  #count(names: readonly string[]): void {
    const owners = this.#owners.filter(({ name }) => names.includes(name));
    const live: { owner: string; live: number }[] = [];
    for (const { name, index, sessions } of owners) {
      sessions.read({ generation: this.#ipd.generation, owner: index }, (result) => {
        if (!result.ok) return;
        live.push({ owner: name, live: result.value.live.length });
        if (live.length === owners.length) this.#report({ kind: "counted", live });
      });
    }
  }

  #poll(): void {
    this.#cancelPoll = this.#options.clock.after(this.#timing.pollMs, () => this.#poll());
    this.#look();
  }

  /** Looks at the IPD, then at each owner in turn, and tells everyone. One look at a time. */
  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    const generation = this.#ipd.generation;
    this.#cookies.look();
    this.#ipd.check((healthy) => {
      if (healthy !== this.#healthy) this.#note(healthy ? "ipd-answers" : "ipd-silent", {});
      this.#healthy = healthy;
      const done = (): void => {
        this.#looking = false;
        this.#share();
        // What was looked at is not what is in force now.
        if (this.#ipd.generation !== generation && this.#cancelPoll !== null) this.#look();
      };
      if (!healthy || this.#ipd.assignment === null) return done();
      const { assignment } = this.#ipd;
      // Before anything else: an image that was started anew must know what it may have lost.
      this.#ipd.tellCookies((told) => {
        if (!told && this.#cookies.areOut) return done();
        this.#mirrors.look(assignment, () => this.#lookAt(0, assignment, () => this.#cids.look(done)));
      });
    });
  }

  #lookAt(index: number, assignment: Assignment, done: () => void): void {
    const owner = this.#owners[index];
    const isStale = (): boolean => assignment.generation !== this.#ipd.generation;
    if (!owner || this.#cancelPoll === null || isStale()) return done();
    owner.look(assignment, isStale, () => {
      if (isStale()) return done();
      this.#giver.give({ owner, assignment, isStale }, this.#peers, () => this.#lookAt(index + 1, assignment, done));
    });
  }

  #share(): void {
    const sessions: Sessions = {
      kind: "sessions",
      generation: this.#ipd.generation,
      healthy: this.#healthy,
      counts: this.#owners.flatMap(({ counts }) => counts),
      drained: this.#owners.flatMap(({ drained }) => drained),
      lingering: this.#cids.lingering,
      flowsCut: { since: this.#since, flows: this.#owners.reduce((sum, { flowsCut }) => sum + flowsCut, 0) },
      lacking: this.#taker.asked(this.#owners.flatMap(({ lacking }) => lacking)),
      tables: this.#ipd.revision,
      load: this.#options.load?.() ?? null,
      switches: this.#leader.found,
    };
    this.#report(sessions);
    const blades = new Set(this.#ipd.assignment?.owners.flatMap((owner) => owner?.blade ?? []));
    for (const blade of [...blades].sort()) {
      if (blade !== this.#options.blade) this.#options.peers.send(blade, sessions);
    }
  }

  #report(report: Report): void {
    if (this.#cancelPoll !== null) this.#options.peers.send(APPLIANCE_MANAGER, report);
  }

  #note(event: string, details: Readonly<Record<string, string | number | boolean>>): void {
    this.#options.journal.note(event, { blade: this.#options.blade, ...details });
  }
}

/** Whether an owner that a history of `last` names loses or gets buckets: what its host has in them can be told under `last` only. One that no
 *  history names, as it comes in, or comes back, may have nothing in force. */
function takesPart(owner: string, last: Assignment, next: Assignment): boolean {
  const number = last.owners.findIndex((entry) => entry?.name === owner);
  const isIn = last.buckets.some((history) => history.includes(number));
  return isIn && (bucketsLost(last, next, owner).length > 0 || bucketsEntered(last, next, owner).length > 0);
}
