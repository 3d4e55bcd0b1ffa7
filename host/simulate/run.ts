/** Runs one plan: the same plan on the same images gives the same run, frame by frame. */
import type { Firmware } from "../engine/firmware.ts";
import { US_PER_MS, VirtualClock } from "../emulator/clock.ts";
import type { Assignment } from "../model/assignment.ts";
import { APPLIANCE_MANAGER } from "../supervisor/messages.ts";
import type { ApplianceState } from "../supervisor/state.ts";
import { Crashes } from "./crashes.ts";
import { unsettled } from "./liveness.ts";
import { Operator } from "./operator.ts";
import { startForgedFlow } from "./forged-flow.ts";
import { NeighbourFlow } from "./neighbour-flow.ts";
import { QuicFlow } from "./quic-flow.ts";
import { TunnelFlow } from "./tunnel-flow.ts";
import type { Site } from "./site.ts";
import type { AskFlowPlan, ForgedFlowPlan, NeighbourFlowPlan, Plan, QuicFlowPlan, TcpFlowPlan, TunnelFlowPlan } from "./plan.ts";
import type { Parcel, Take } from "./parcel.ts";
import { startRawFlow } from "./raw-flow.ts";
import { ISN_STEP, Safety, type Violation } from "./safety.ts";
import { Strikes } from "./strikes.ts";
import { mix } from "./dice.ts";
import { tupleKey, type End } from "./packet.ts";
import { AskFlow } from "./ask-flow.ts";
import { TcpFlow } from "./tcp-flow.ts";
import { NO_TRACE, TextTrace, type Trace } from "./trace.ts";
import { type ImageName, World } from "./world.ts";

export interface RunOutcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly counts: RunCounts;
  /** What the images have counted: `Verdict.DROP`, `Drop.STALE_HOP`, `Event.REDIRECT_HOP`, `Rule...`. */
  readonly tally: Readonly<Record<string, number>>;
  readonly virtualMs: number;
}

export interface RunCounts {
  readonly connections: number;
  /** That were answered, of services of the class `none`. */
  readonly questions: number;
  /** Sessions over UDP. */
  readonly tunnels: number;
  /** QUIC connections. */
  readonly quic: number;
  /** Answers to questions for the VIP's MAC. */
  readonly neighbours: number;
  /** By outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Assignments in which a bucket has another current owner than before. */
  readonly moves: number;
  /** Moves that began while a history was still longer than one, and at least `LIVE_MIN` connections were live. */
  readonly overlaps: number;
  /** Moves that began while a history was still longer than one and the faults went on, with however many live connections. */
  readonly overlapsAmidFaults: number;
  readonly generations: number;
  /** Times that another switch became the active one; and of these, one that had been it before. */
  readonly failovers: number;
  readonly failbacks: number;
  /** Orders that were carried out, by kind, and refused, by code. */
  readonly orders: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  /** Faults of the plan, by kind: those that have come to pass, and all. */
  readonly faults: Readonly<Record<string, number>>;
  readonly faultsPlanned: Readonly<Record<string, number>>;
  readonly falseDeclarations: number;
  readonly frames: number;
}

export interface RunOptions {
  readonly load: (image: ImageName) => Firmware;
  /** Flows whose frames are to be in the trace; null: there is no trace. */
  readonly trace?: ReadonlySet<number> | null;
  /** µs since the run began: then it is given up, at rest or not. Default: when all is at rest, or should be. */
  readonly untilUs?: number;
}

/** Live connections that moves have to overlap with. */
export const LIVE_MIN = 50;
/** From the end of the faults to the two moves that are made in any case, and from these to the release of what holds. */
const MOVES_US = 1_500_000;
const RELEASE_US = 700_000;
/** So long after the end of the faults the moves wait for enough live connections. */
const LIVE_WAIT_US = 140_000_000;
/** Times that the two moves are made until they have overlapped. The first finds nothing to move, for one, where its blade has all buckets. */
const OVERLAP_TRIES = 4;
/** First client port of connections that are opened anew. No generated plan has one as high. */
const REOPENED_PORT = 60_000;
/** After the end of all faults everything has to be at rest in this time. A table that a restart has emptied while SYN cookies were out
 *  is not complete before these have run out, after 128 s; then a blade that is added may have to wait so long once more. */
const REST_US = 400_000_000;
const LOOK_US = 250_000;

/** Runs `plan`. Throws what only a fault in the simulation itself throws. */
export function runPlan(plan: Plan, options: RunOptions): RunOutcome & { readonly trace: readonly string[] } {
  const clock = new VirtualClock();
  const trace = options.trace ? new TextTrace(clock, options.trace) : null;
  const run = new Run(plan, clock, options, trace ?? NO_TRACE);
  return { ...run.finish(), trace: trace?.lines ?? [] };
}

class Run {
  readonly #plan: Plan;
  readonly #clock: VirtualClock;
  readonly #trace: Trace;
  readonly #safety: Safety;
  readonly #world: World;
  readonly #operator: Operator;
  readonly #crashes: Crashes;
  readonly #strikes = new Strikes();
  readonly #untilUs: number;
  readonly #flows = new Map<number, TcpFlow>();
  readonly #asking: AskFlow[] = [];
  readonly #tunnels: TunnelFlow[] = [];
  readonly #quic: QuicFlow[] = [];
  readonly #neighbours: NeighbourFlow[] = [];
  #released = false;
  #hasReopened = false;
  #assignment: Assignment | null = null;
  #generations = 0;
  #moves = 0;
  #overlaps = 0;
  #overlapsAmidFaults = 0;
  /** Switches that have been active, in that order, each as often as it became so. */
  readonly #activated: string[] = [];

  constructor(plan: Plan, clock: VirtualClock, { load, untilUs = Infinity }: RunOptions, trace: Trace) {
    this.#plan = plan;
    this.#untilUs = untilUs;
    this.#clock = clock;
    this.#trace = trace;
    this.#safety = new Safety(
      clock,
      (blade) => this.#world.blades.get(blade)!.isOn,
      (client) => this.#world.bucketOf(client),
      (blade) => this.#world.blades.get(blade)!.node.forgotten,
    );
    this.#world = new World({
      plan,
      clock,
      load,
      safety: this.#safety,
      trace,
      strikes: this.#strikes,
      onSent: (manager, kind) => this.#crashes.onSent(manager, kind),
      onSaved: (state) => {
        this.#onSaved(state);
        this.#crashes.onSaved();
      },
    });
    this.#operator = new Operator(this.#world, clock, trace);
    this.#crashes = new Crashes(plan, this.#world, clock, this.#strikes, (blade) => this.#safety.onCrash(blade));
    this.#makeFlows();
  }

  finish(): RunOutcome {
    const { plan, world } = { plan: this.#plan, world: this.#world };
    try {
      world.startManager(APPLIANCE_MANAGER);
      const first = plan.topology.blades.filter(({ starts }) => starts).map(({ name }) => world.blades.get(name)!.blade);
      this.#operator.begin(first);
      for (const order of plan.orders) this.#operator.carryOut(order);
      this.#clock.at(plan.calmUs, () => this.#calm());
      this.#clock.at(plan.calmUs + MOVES_US, () => this.#overlap(OVERLAP_TRIES));
      this.#pass();
    } catch (error) {
      this.#safety.violate("exception", null, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    for (const node of world.nodes) node.settle();
    return this.#outcome();
  }

  /** Lets time pass until all is at rest, or should be. */
  #pass(): void {
    const end = this.#plan.calmUs + REST_US;
    for (let at = LOOK_US; at <= end; at += LOOK_US) {
      if (at > this.#untilUs) return;
      this.#clock.runUntil(at);
      if (this.#safety.violations.length > 0) return;
      if (this.#released && this.#problems().length === 0) return;
    }
    for (const { kind, flow, what } of this.#problems()) this.#safety.violate(kind, flow, what);
  }

  #problems() {
    return unsettled(this.#world, [...this.#flows.values()], [...this.#asking, ...this.#tunnels, ...this.#quic, ...this.#neighbours], this.#safety);
  }

  #calm(): void {
    this.#trace.note("simulation", "nothing fails any more");
    this.#crashes.calm();
    this.#operator.failTheDead();
  }

  /** Where a lost SYN cookie is waited for, connections begin later. */
  #overlap(triesLeft: number): void {
    this.#reopenCut();
    const isLate = this.#flows.size < LIVE_MIN || this.#clock.now >= this.#plan.calmUs + LIVE_WAIT_US;
    if (this.#live < LIVE_MIN && !isLate) return void this.#clock.after(LOOK_US, () => this.#overlap(triesLeft));
    this.#operator.overlap(() => {
      if (this.#overlaps === 0 && triesLeft > 1) return void this.#overlap(triesLeft - 1);
      this.#clock.after(RELEASE_US, () => this.#release());
    });
  }

  /** Where a failure in the last moment has left too few connections to overlap with, those that it has cut begin anew, once, with other ports. */
  #reopenCut(): void {
    const flows = [...this.#flows.values()];
    const left = flows.filter((flow) => !flow.isOver && !this.#safety.isLost(flow)).length;
    if (this.#hasReopened || this.#overlaps > 0 || left >= LIVE_MIN || flows.length < LIVE_MIN) return;
    this.#hasReopened = true;
    // Plans that were made smaller leave ids out.
    const firstId = 1 + Math.max(...this.#plan.flows.map(({ id }) => id));
    const cut = flows.filter((flow) => this.#safety.isLost(flow) && flow.plan.steps.some((step) => step.do === "hold"));
    for (const [at, { plan, client }] of cut.entries()) {
      const id = firstId + at;
      const clientPort = REOPENED_PORT + at;
      this.#makeFlow({ ...plan, id, clientPort, after: null }, mix(this.#plan.seed, mix(client.key, clientPort)) >>> 0);
      this.#open(this.#flows.get(id)!);
    }
  }

  /** Connections that are established and protected. */
  get #live(): number {
    return [...this.#flows.values()].filter((flow) => flow.isEstablished && !this.#safety.isLost(flow)).length;
  }

  #release(): void {
    this.#released = true;
    this.#trace.note("simulation", "connections that held still go on");
    for (const flow of this.#flows.values()) flow.release();
  }

  #makeFlows(): void {
    const before = new Map<number, number>();
    for (const flow of this.#plan.flows) {
      const client = this.#world.endOf(flow.family, flow.site, flow.client);
      const site = this.#world.sites[flow.site]!;
      const vip = this.#world.vips[flow.family];
      const send = (parcel: Parcel): void => {
        this.#trace.departure(client.text, parcel);
        site.send(parcel);
      };
      switch (flow.kind) {
        case "raw":
          startRawFlow(flow, client, vip, this.#clock, send);
          break;
        case "forged":
          this.#startForged(flow, client, send);
          break;
        case "ask":
          this.#makeAsking(flow, client, vip, site, send);
          break;
        case "tunnel":
          this.#makeTunnel(flow, client, vip, site, send);
          break;
        case "quic":
          this.#makeQuic(flow, client, vip, site, send);
          break;
        case "neighbour":
          this.#makeNeighbour(flow, client, vip, site, send);
          break;
        case "tcp": {
          const key = tupleKey(client.key, flow.clientPort);
          const number = before.get(key) ?? 0;
          before.set(key, number + 1);
          this.#makeFlow(flow, (mix(this.#plan.seed, mix(client.key, flow.clientPort)) + number * ISN_STEP) >>> 0);
        }
      }
    }
    for (const flow of this.#flows.values()) {
      if (flow.plan.after === null || !this.#flows.has(flow.plan.after)) this.#clock.at(flow.plan.startUs, () => this.#open(flow));
    }
  }

  #startForged(plan: ForgedFlowPlan, client: End, send: Take): void {
    const { from, to, family } = plan;
    const sendFrom: Take = from === null ? send : (parcel) => this.#world.sendByWire(from, parcel);
    startForgedFlow(plan, client, this.#world.ownerEnd(to, family), this.#clock, sendFrom);
  }

  #makeAsking(plan: AskFlowPlan, client: End, vip: End, site: Site, send: Take): void {
    const flow = new AskFlow(plan, client, vip, this.#clock, send);
    this.#asking.push(flow);
    site.addDatagrams(flow);
    flow.start();
  }

  #makeNeighbour(plan: NeighbourFlowPlan, client: End, vip: End, site: Site, send: Take): void {
    const flow = new NeighbourFlow(plan, client, vip, {
      clock: this.#clock,
      send,
      agreed: () => this.#world.agreedGeneration,
      onAnswer: (asking, answer, agreed) => this.#safety.onNeighbour(asking, answer, agreed),
    });
    this.#neighbours.push(flow);
    site.addNeighbour(flow);
    flow.start();
  }

  #makeTunnel(plan: TunnelFlowPlan, client: End, vip: End, site: Site, send: Take): void {
    const flow = new TunnelFlow(plan, client, vip, {
      clock: this.#clock,
      send,
      isReleased: () => this.#released,
      onRefused: (refused, what) => this.#safety.onTunnelRefused(refused, what),
    });
    this.#tunnels.push(flow);
    this.#safety.registerTunnel(flow);
    site.addDatagrams(flow);
    flow.start();
  }

  #makeQuic(plan: QuicFlowPlan, client: End, vip: End, site: Site, send: Take): void {
    const { change } = plan;
    const later = change === null ? client : this.#world.endOf(plan.family, plan.site, change.client);
    const flow = new QuicFlow(plan, client, later, vip, {
      clock: this.#clock,
      send,
      isReleased: () => this.#released,
      onRefused: (refused, what) => this.#safety.onQuicRefused(refused, what),
    });
    this.#quic.push(flow);
    this.#safety.registerQuic(flow);
    site.addQuic(client, plan.clientPort, flow);
    if (change !== null) site.addQuic(later, change.clientPort, flow);
    flow.start();
  }

  #makeFlow(plan: TcpFlowPlan, iss: number): void {
    const client = this.#world.endOf(plan.family, plan.site, plan.client);
    const site = this.#world.sites[plan.site]!;
    const flow: TcpFlow = new TcpFlow(plan, client, this.#world.vips[plan.family], iss, {
      clock: this.#clock,
      send: (parcel) => {
        this.#trace.departure(client.text, parcel);
        site.send(parcel);
      },
      isReleased: () => this.#released,
      onCorrupt: () => this.#safety.violate("corrupt", plan.id, "a byte that came to the client was changed"),
      onOver: () => this.#openNext(plan.id),
      onEnded: (_, how) => this.#safety.onEnded(flow, how),
    });
    this.#flows.set(plan.id, flow);
    this.#safety.register(flow);
  }

  #open(flow: TcpFlow): void {
    this.#world.sites[flow.plan.site]!.add(flow);
    flow.open();
  }

  /** A tuple that was waited for is free. */
  #openNext(id: number): void {
    for (const flow of this.#flows.values()) {
      if (flow.plan.after !== id || flow.outcome !== "waiting") continue;
      this.#clock.at(Math.max(flow.plan.startUs, this.#clock.now + US_PER_MS), () => this.#open(flow));
    }
  }

  #onSaved({ assignment, switches, activation }: ApplianceState): void {
    const active = Object.keys(switches.roles).find((name) => switches.roles[name] === "active");
    if (activation === null && active !== undefined && active !== this.#activated.at(-1)) this.#activated.push(active);
    const before = this.#assignment;
    if (before?.generation === assignment.generation) return;
    this.#assignment = assignment;
    if (before === null || before.generation === 0) return;
    this.#generations++;
    const moved = assignment.buckets.some(([current], bucket) => current !== before.buckets[bucket]![0]);
    if (!moved) return;
    this.#moves++;
    const overlaps = assignment.buckets.some(([current], bucket) => current !== before.buckets[bucket]![0] && before.buckets[bucket]!.length > 1);
    if (overlaps && this.#clock.now < this.#plan.calmUs) this.#overlapsAmidFaults++;
    if (overlaps && this.#live >= LIVE_MIN) this.#overlaps++;
  }

  #outcome(): RunOutcome {
    const { plan } = { plan: this.#plan };
    const tally: Record<string, number> = {};
    for (const node of this.#world.nodes)
      for (const [name, count] of node.tally) tally[name] = (tally[name] ?? 0) + count;
    return {
      seed: plan.seed,
      violations: this.#safety.violations,
      counts: {
        connections: this.#flows.size,
        questions: this.#asking.reduce((total, { answered }) => total + answered, 0),
        tunnels: this.#tunnels.length,
        quic: this.#quic.length,
        neighbours: this.#neighbours.reduce((total, { answered }) => total + answered, 0),
        outcomes: countBy([...this.#flows.values()], (flow) => (this.#safety.isLost(flow) && flow.outcome !== "done" ? "cut" : flow.outcome)),
        moves: this.#moves,
        overlaps: this.#overlaps,
        overlapsAmidFaults: this.#overlapsAmidFaults,
        generations: this.#generations,
        orders: this.#operator.outcomes.done,
        refusals: this.#operator.outcomes.refused,
        failovers: Math.max(0, this.#activated.length - 1),
        failbacks: this.#activated.filter((name, at) => this.#activated.indexOf(name) < at).length,
        faults: countBy(this.#strikes.faults, ({ kind }) => kind),
        faultsPlanned: countBy(plan.faults, ({ kind }) => kind),
        falseDeclarations: this.#safety.falseDeclarations,
        frames: tally["Event.FRAME_IN"] ?? 0,
      },
      tally,
      virtualMs: this.#clock.now / US_PER_MS,
    };
  }
}

function countBy<T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1;
  return counts;
}
