/**
 * The traffic manager of one blade: watches its IPD and its hosts' TCP sessions, shares them with its peers, computes
 * the assignment, programs its IPD and, when it leads, the switches.
 */
import { DobbsError } from "../errors.ts";
import { ManagementSession, type Scope } from "../management/session.ts";
import type { FilterEntry, ForwardStation, NodeIdentity } from "../management/tables.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Cancel, Clock, HostSockets, Journal, ManagementChannel, Peers } from "./environment.ts";
import { Ipd } from "./ipd.ts";
import {
  APPLIANCE_MANAGER,
  type Drained,
  type ManagerMessage,
  type Order,
  type Report,
  type SessionCount,
  type Sessions,
} from "./messages.ts";
import { Preparation } from "./preparation.ts";
import { PreviousOwner, type Look } from "./previous-owner.ts";
import { OwnerSessions } from "./sessions.ts";
import { bucketsLost, digest, succeed } from "./succession.ts";
import { programSwitches, type SwitchDriver } from "./switch-driver.ts";
import { DEFAULT_TIMING, type Timing } from "./timing.ts";

/** An owner on this blade. */
export interface LocalOwner {
  /** As in the view: `ardsley`, or `ardsley/vm1`. */
  readonly name: string;
  readonly mac: string;
  /** The blade's host port that it is behind. */
  readonly hostPort: number;
  readonly sockets: HostSockets;
}

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
  readonly filters?: readonly FilterEntry[];
  readonly forward?: readonly ForwardStation[];
  /** Used while this traffic manager leads. All traffic managers may share the same drivers. */
  readonly switches: readonly SwitchDriver[];
  readonly peers: Peers<ManagerMessage>;
  readonly journal: Journal;
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

/** An owner with what works for it. */
interface Station {
  readonly owner: LocalOwner;
  readonly index: number;
  readonly sessions: OwnerSessions;
  /** From the last look. */
  counts: readonly SessionCount[];
  /** Why the last look failed; null: it did not. */
  problem: string | null;
}

export class TrafficManager {
  readonly #options: TrafficManagerOptions;
  readonly #timing: Timing;
  readonly #session: ManagementSession;
  readonly #ipd: Ipd;
  readonly #stations: Station[];
  readonly #peers = new Map<string, Sessions>();
  #preparation: Preparation | null = null;
  /** Proved under the generation in force, by owner. */
  #drained = new Map<string, readonly number[]>();
  #healthy = true;
  #looking = false;
  #programming = false;
  #cancelPoll: Cancel | null = null;

  constructor(options: TrafficManagerOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#session = new ManagementSession(options.clock, options.channel);
    this.#ipd = new Ipd(this.#session, options);
    this.#stations = options.owners.map((owner, index) => ({
      owner,
      index,
      sessions: new OwnerSessions(options.clock, this.#session, owner.sockets, options.identity.vips),
      counts: [],
      problem: null,
    }));
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
        return this.#programSwitches(message);
      case "count":
        return this.#count(message.owners);
      case "sessions":
        this.#peers.set(from, message);
    }
  }

  status(): TrafficManagerStatus {
    return {
      blade: this.#options.blade,
      generation: this.#ipd.generation,
      healthy: this.#healthy,
      counts: this.#stations.flatMap(({ counts }) => counts),
      drained: this.#drainedList(),
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
    const losing = this.#stations.some(({ owner }) => bucketsLost(last, next, owner.name).length > 0);
    // Behind its peers: the missing generation is on its way, and this order will be repeated.
    if (losing && this.#ipd.generation !== last.generation) return;
    this.#preparation?.undo();
    this.#preparation = new Preparation({
      session: this.#session,
      last,
      next,
      report: (report) => this.#report(report),
    });
    this.#preparation.run(this.#stations.map(({ owner, index, sessions }) => ({ name: owner.name, index, sessions })));
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
      this.#drained.clear();
      this.#report({ kind: "installed", generation });
      this.#look();
    });
  }

  /** Only what is in force here, and what everyone computed, reaches a switch. */
  #programSwitches({ assignment, digest: expected }: Extract<Order, { kind: "switch" }>): void {
    const { generation } = assignment;
    const installed = this.#ipd.assignment;
    if (this.#programming || installed === null || installed.generation < generation) return;
    if (digest(assignment) !== expected || (installed.generation === generation && digest(installed) !== expected)) {
      return this.#report({
        kind: "switched",
        generation,
        problems: ["the assignment differs from the one in force here"],
      });
    }
    this.#programming = true;
    programSwitches(this.#options.switches, assignment, (problems) => {
      this.#programming = false;
      this.#report({ kind: "switched", generation, problems });
    });
  }

  #count(owners: readonly string[]): void {
    const stations = this.#stations.filter(({ owner }) => owners.includes(owner.name));
    const live: { owner: string; live: number }[] = [];
    for (const station of stations) {
      station.sessions.read(this.#scope(station), (result) => {
        if (!result.ok) return;
        live.push({ owner: station.owner.name, live: result.value.live.length });
        if (live.length === stations.length) this.#report({ kind: "counted", live });
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
      this.#lookAt(0, this.#ipd.assignment, done);
    });
  }

  #lookAt(index: number, assignment: Assignment, done: () => void): void {
    const station = this.#stations[index];
    if (!station || this.#cancelPoll === null) return done();
    const { clock } = this.#options;
    const previous = new PreviousOwner(clock, this.#session, station.sessions, assignment.buckets.length);
    const proved = new Set(this.#drained.get(station.owner.name));
    previous.look({ generation: assignment.generation, owner: station.index }, proved, (result) => {
      const stale = assignment.generation !== this.#ipd.generation;
      if (stale) return done();
      const problem = result.ok ? null : result.refusal.text;
      if (problem !== null && problem !== station.problem)
        this.#note("look-failed", { owner: station.owner.name, why: problem });
      station.problem = problem;
      if (result.ok) this.#found(station, result.value);
      this.#lookAt(index + 1, assignment, done);
    });
  }

  #found(station: Station, look: Look): void {
    const { name } = station.owner;
    station.counts = [...look.table.liveByBucket]
      .sort(([a], [b]) => a - b)
      .map(([bucket, live]) => ({ owner: name, bucket, live }));
    if (look.completed.length > 0)
      this.#note("completed", { owner: name, buckets: look.completed.length, seeded: look.seeded });
    if (look.removed > 0) this.#note("tidied", { owner: name, rows: look.removed });
    if (look.drained.length === 0) return;
    this.#drained.set(
      name,
      [...(this.#drained.get(name) ?? []), ...look.drained].sort((a, b) => a - b),
    );
    this.#note("drained", { owner: name, buckets: look.drained.length });
  }

  #share(): void {
    const sessions: Sessions = {
      kind: "sessions",
      generation: this.#ipd.generation,
      healthy: this.#healthy,
      counts: this.#stations.flatMap(({ counts }) => counts),
      drained: this.#drainedList(),
    };
    this.#report(sessions);
    const blades = new Set(this.#ipd.assignment?.owners.flatMap((owner) => owner?.blade ?? []));
    for (const blade of [...blades].sort()) {
      if (blade !== this.#options.blade) this.#options.peers.send(blade, sessions);
    }
  }

  #drainedList(): Drained[] {
    return [...this.#drained].map(([owner, buckets]) => ({ owner, buckets }));
  }

  #scope({ index }: Station): Scope {
    return { generation: this.#ipd.generation, owner: index };
  }

  #report(report: Report): void {
    if (this.#cancelPoll !== null) this.#options.peers.send(APPLIANCE_MANAGER, report);
  }

  #note(event: string, details: Readonly<Record<string, string | number | boolean>>): void {
    this.#options.journal.note(event, { blade: this.#options.blade, ...details });
  }
}
