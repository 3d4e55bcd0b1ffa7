/** Runs a scenario: one process, virtual time, one seed. The same arguments give the same run, byte for byte. */
import type { EngineName } from "../engine/engine.ts";
import { DEFAULT_ENGINE } from "../engine/open.ts";
import type { DobbsError } from "../errors.ts";
import type { Assignment } from "../model/assignment.ts";
import type { Shared } from "../supervisor/node-setup.ts";
import { bucketCounts } from "../supervisor/succession.ts";
import { DEFAULT_TIMING } from "../supervisor/timing.ts";
import { FAMILIES } from "./address-plan.ts";
import type { BladeNode } from "./blade-node.ts";
import { findBuckets } from "./bucket-finder.ts";
import { type CaptureRequest, startCapture } from "./capture-tap.ts";
import { US_PER_MS, VirtualClock } from "./clock.ts";
import { clientPlaces, Cluster, vipsOf } from "./cluster.ts";
import { formatSeconds } from "../model/duration.ts";
import { FrameDigest } from "./frame-digest.ts";
import { type ConnectionRecord, Ledger } from "./ledger.ts";
import { type Parts, partsFor } from "./parts.ts";
import { Random } from "./random.ts";
import { countMoved, countOutcomes, openingTimes, type OfflineBlade, type RedirectCount, type RunReport } from "./run-report.ts";
import type { Scenario, ScenarioEvent } from "./scenario.ts";
import { Timeline } from "./timeline.ts";
import { planTraffic } from "./traffic.ts";

export interface EmulationOptions {
  readonly scenario: Scenario;
  /** Instead of the scenario's own. */
  readonly seed?: number;
  readonly engine?: EngineName;
  /** False: blades send nothing on to each other, to show what is lost without it. */
  readonly redirect?: boolean;
  readonly captures?: readonly CaptureRequest[];
  /** Instead of the engine's images for the board `emulated`. */
  readonly parts?: Parts;
}

const HASH_SEED_BYTES = 16;

type OnOutcome = (error: DobbsError | null) => void;

/** Throws E_WIRE_UNKNOWN, E_CAPTURE_WRITE, and what the loading of images throws. */
export function emulate(options: EmulationOptions): RunReport {
  const run = new Run(options);
  const close = (options.captures ?? []).map((request) => startCapture(run.cluster.fabric, request));
  try {
    return run.finish();
  } finally {
    for (const closeFile of close) closeFile();
  }
}

class Run {
  readonly cluster: Cluster;
  readonly #scenario: Scenario;
  readonly #engine: EngineName;
  readonly #shared: Shared;
  readonly #seed: number;
  readonly #clock = new VirtualClock();
  readonly #digest = new FrameDigest();
  readonly #timeline = new Timeline(this.#clock);
  readonly #ledger: Ledger;
  readonly #clients: number;
  /** By address of a client. */
  readonly #buckets: ReadonlyMap<string, number>;
  readonly #assignments: Assignment[] = [];
  readonly #offline: OfflineBlade[] = [];
  readonly #refusals: string[] = [];
  /** From when on a reset of a connection of this blade is one that a deadline announces, µs. */
  readonly #cutFromUs = new Map<string, number>();

  constructor(options: EmulationOptions) {
    const { scenario, seed = scenario.seed, engine = DEFAULT_ENGINE, redirect = true, parts = partsFor(engine) } = options;
    const { appliance } = scenario;
    const random = new Random(`seed ${seed}`);
    const hashSeed = appliance.seed === undefined
      ? random.fork("hash seed").fill(new Uint8Array(HASH_SEED_BYTES))
      : Uint8Array.from(Buffer.from(appliance.seed, "hex"));
    this.#scenario = scenario;
    this.#engine = engine;
    this.#seed = seed;
    this.#shared = { appliance, seed: hashSeed, redirect };
    const clients = clientPlaces(scenario);
    const vips = vipsOf(appliance);
    this.#clients = clients.length;
    this.#buckets = new Map(FAMILIES.flatMap((family) => {
      const addresses = clients.flatMap(({ addresses }) => addresses[family] ?? []);
      return addresses.length === 0 ? [] : [...findBuckets(parts, this.#shared, vips[family][0]!, addresses)];
    }));
    this.#ledger = new Ledger(planTraffic(scenario.traffic, clients, vips, random.fork("traffic")));
    this.cluster = new Cluster({
      scenario,
      shared: this.#shared,
      parts,
      clock: this.#clock,
      random,
      ledger: this.#ledger,
      timeline: this.#timeline,
      onAssignment: (assignment) => this.#assigned(assignment),
      onOffline: (blade, cut) => this.#wentOffline(blade, cut),
    });
    this.cluster.fabric.tap((timeUs, wire, from, frame) => this.#digest.add(timeUs, wire, from, frame));
  }

  /** Lets all of it happen. */
  finish(): RunReport {
    const { start, events, endUs } = this.#scenario;
    this.#join(start);
    for (const record of this.#ledger.records) {
      const client = this.cluster.clients.get(record.plan.client)!;
      this.#clock.at(record.plan.startUs, () => client.open(record));
    }
    for (const event of events) this.#clock.at(event.atUs, () => this.#happen(event));
    this.#clock.runUntil(endUs);
    this.#cutOverdue(this.#ledger.records.filter(({ outcome }) => outcome === "reset"));
    this.#ledger.close(endUs);
    this.#noteLastMoved();
    return this.#report();
  }

  /** When everything that had to be redirected was over, if it was. */
  #noteLastMoved(): void {
    const moved = this.#ledger.records.filter((record) => record.moved !== null);
    if (moved.length === 0 || moved.some(({ outcome }) => outcome !== "done")) return;
    const lastUs = Math.max(...moved.map(({ closedUs }) => closedUs!));
    this.#timeline.noteAt(lastUs, "emulator", "last-moved", { count: moved.length });
  }

  #join(names: readonly string[], force = false): void {
    const blades = this.#scenario.appliance.blades.filter(({ name }) => names.includes(name));
    for (const { name } of blades) this.cluster.blades.get(name)!.start();
    this.cluster.manager.addBlades(blades, this.#outcomeOf(`add ${names.join(", ")}`), force);
  }

  #happen(event: ScenarioEvent): void {
    const { manager } = this.cluster;
    const { force } = event;
    switch (event.kind) {
      case "add":
        return this.#join([event.blade], force);
      case "drain": {
        const { blade, deadlineUs } = event;
        if (deadlineUs !== null) this.#cutFromUs.set(blade, event.atUs + deadlineUs);
        return manager.drainBlade(blade, deadlineUs === null ? null : deadlineUs / US_PER_MS, this.#outcomeOf(`drain ${blade}`), force);
      }
      case "undrain":
        this.#cutFromUs.delete(event.blade);
        return manager.cancelDrain(event.blade, this.#outcomeOf(`undrain ${event.blade}`), force);
      case "stall":
        this.#timeline.note("emulator", "stalled", { blade: event.blade, forMs: event.forUs / US_PER_MS });
        return this.cluster.blades.get(event.blade)!.node.stall(event.forUs);
      case "weights":
        return manager.setWeights(event.weights, this.#outcomeOf("weights"), force);
      case "move":
        return manager.moveBuckets(event.buckets, event.to, this.#outcomeOf(`move to ${event.to}`), force);
    }
  }

  #outcomeOf(order: string): OnOutcome {
    return (error) => {
      if (error !== null) this.#refusals.push(`${order}: ${error.code}: ${error.message}`);
    };
  }

  #assigned(assignment: Assignment): void {
    this.#assignments.push(assignment);
    const moved = this.#ledger.moved(this.#clock.now, (client) => {
      const current = assignment.buckets[this.#buckets.get(client)!]![0];
      return current === undefined ? undefined : assignment.owners[current]!.name;
    });
    const silent = moved.filter((record) => record.moved!.silent).length;
    this.#timeline.note("emulator", "steered", { generation: assignment.generation, moved: moved.length, silent });
  }

  #wentOffline(node: BladeNode, cutAnnounced: number): void {
    const blade = node.name;
    const owners = node.hosts.map(({ owner }) => owner);
    const live = node.live();
    const records = live.flatMap(({ client, clientPort }) => this.#ledger.find(client, clientPort) ?? []);
    // Their clients have not noticed yet.
    const overdue = this.#cutOverdue(records);
    this.#ledger.cut(records, this.#cutFromUs.get(blade) ?? this.#clock.now);
    const closed = this.#ledger.records.filter(({ servedBy, closedUs }) => closedUs !== null && owners.includes(servedBy!));
    const lastClosedUs = closed.length === 0 ? null : Math.max(...closed.map(({ closedUs }) => closedUs!));
    this.#offline.push({
      blade,
      atMs: this.#clock.now / US_PER_MS,
      cutAnnounced,
      live: live.length - overdue,
      lastClosedMs: lastClosedUs === null ? null : lastClosedUs / US_PER_MS,
    });
    const lastClosed = lastClosedUs === null ? "no time" : formatSeconds(lastClosedUs);
    this.#timeline.note("emulator", "offline", { blade, cut: cutAnnounced, live: live.length - overdue, lastClosed });
  }

  #report(): RunReport {
    const { name, title, endUs } = this.#scenario;
    const { records } = this.#ledger;
    const outcomes = countOutcomes(records);
    const redirects = this.#redirects();
    const [first, last] = [this.#assignments[0], this.#assignments.at(-1)];
    return {
      name,
      title,
      engine: this.#engine,
      seed: this.#seed,
      redirect: this.#shared.redirect,
      clients: this.#clients,
      connections: records.length,
      opening: openingTimes(records),
      moved: countMoved(records),
      outcomes,
      broken: outcomes.reset + outcomes.corrupt + outcomes.stalled,
      framesRedirected: redirects.hop + redirects.resteer + redirects.final + redirects.local,
      redirects,
      bytes: records.reduce((sum, { bytes }) => sum + bytes, 0),
      datagramsLost: records.reduce((sum, { datagramsLost }) => sum + datagramsLost, 0),
      flowsCut: this.#flowsCut,
      migrated: records.filter(({ migratedUs }) => migratedUs !== null).length,
      frames: this.#digest.frames,
      virtualMs: endUs / US_PER_MS,
      bucketsBefore: first ? bucketCounts(first) : {},
      bucketsAfter: last ? bucketCounts(last) : {},
      offline: this.#offline,
      refusals: this.#refusals,
      digest: this.#digest.finish(),
      timeline: this.#timeline.entries,
    };
  }

  /** Which of these were cut after `udpDrain`; returns how many. */
  #cutOverdue(records: readonly ConnectionRecord[]): number {
    const { udpDrainMs = DEFAULT_TIMING.flowDrainMs } = this.#scenario.appliance;
    return this.#ledger.cutOverdue(records, { drainUs: udpDrainMs * US_PER_MS, nowUs: this.#clock.now, flows: this.#flowsCut });
  }

  /** As the appliance manager has counted them. */
  get #flowsCut(): number {
    return this.cluster.manager.status().tally.cut.flows;
  }

  /** What all blades counted when they sent frames on. */
  #redirects(): RedirectCount {
    const events = [...this.cluster.blades.values()].map(({ node }) => node.firmware.counters().events);
    const sum = (name: string): number => events.reduce((total, event) => total + event[name]!, 0);
    return {
      hop: sum("REDIRECT_HOP"),
      resteer: sum("REDIRECT_RESTEER"),
      final: sum("REDIRECT_FINAL"),
      local: sum("REDIRECT_LOCAL"),
    };
  }
}
