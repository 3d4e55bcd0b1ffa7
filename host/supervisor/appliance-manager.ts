/**
 * The appliance manager: the single control point. Membership, drains and their deadlines, moves; one reconfiguration
 * at a time (`reconfiguration.ts`), the others wait in order.
 */
import { DobbsError } from "../errors.ts";
import type { Blade } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { DEFAULT_ASSIGNER } from "./assigner.ts";
import { Drains } from "./drains.ts";
import type { Cancel, Clock, Journal, Peers } from "./environment.ts";
import type { Drained, ManagerMessage, Report, Sessions } from "./messages.ts";
import { beginForget, beginMove, onReport, onTick, type Reconfiguration, type Transition } from "./reconfiguration.ts";
import { changeView, describe, drainedBlades, requireStatus, withStatus, type Request } from "./requests.ts";
import { applianceStatus, type ApplianceStatus } from "./status.ts";
import { bucketCounts, emptyAssignment, forget, previousBuckets } from "./succession.ts";
import { DEFAULT_TIMING, GENERATION_MS_MIN, type Timing } from "./timing.ts";
import { bladesOf, type View } from "./view.ts";
import { Watch } from "./watch.ts";

export interface ApplianceManagerOptions {
  readonly clock: Clock;
  /** By blade name. */
  readonly peers: Peers<ManagerMessage>;
  readonly journal: Journal;
  /** A power of two from 1 to 65,536. */
  readonly buckets: number;
  /** Name of the assigner; default `balanced`. */
  readonly assigner?: string;
  readonly timing?: Partial<Timing>;
  /** A draining blade is in no history any more, on any IPD that can be heard: it may be switched off. `cut`: live
   *  connections that it had at its deadline, 0 when it was done before. */
  readonly onOffline?: (blade: string, cut: number) => void;
}

/** What became of a request: null, or why not (nothing has changed then). */
export type OnOutcome = (error: DobbsError | null) => void;

/** A request that waits, or the end of a drain that connections are cut for. */
type Task =
  | { readonly kind: "request"; readonly request: Request; readonly at: number; readonly onOutcome: OnOutcome }
  | { readonly kind: "cut"; readonly blade: string; readonly live: number };

export class ApplianceManager {
  readonly #options: ApplianceManagerOptions;
  readonly #timing: Timing;
  readonly #watch: Watch;
  readonly #drains: Drains;
  readonly #tasks: Task[] = [];
  /** Live connections that were cut at a deadline, by blade. */
  readonly #cuts = new Map<string, number>();
  readonly #removals = new Map<string, OnOutcome>();
  #view: View;
  /** The newest that is in force somewhere, or on its way there. */
  #assignment: Assignment;
  /** The last generation that was given out, to a reconfiguration that was called off too. */
  #generation = 0;
  /** When the last one was begun or first installed. */
  #generationAt = Number.NEGATIVE_INFINITY;
  #running: { state: Reconfiguration; readonly task: Task | null } | null = null;
  /** The switches have an older assignment than the blades. */
  #switchesBehind: Reconfiguration | null = null;
  #cancelTick: Cancel | null = null;
  #cancelForget: Cancel | null = null;
  #cancelPause: Cancel | null = null;
  #cancelWatch: Cancel | null = null;

  constructor(options: ApplianceManagerOptions) {
    const { clock, peers, buckets, assigner = DEFAULT_ASSIGNER } = options;
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#watch = new Watch(this.#timing.silentMs);
    this.#view = { buckets, members: [], assigner, moves: [] };
    this.#assignment = emptyAssignment(buckets);
    this.#drains = new Drains({
      clock,
      retryMs: this.#timing.retryMs,
      send: (to, order) => peers.send(to, order),
      onCounted: (blade, live) => this.#enqueue({ kind: "cut", blade, live: live ?? this.#watch.live(blade) }),
    });
  }

  /** Takes blades in, in one reconfiguration. Their traffic managers must be there. */
  addBlades(blades: readonly Blade[], onOutcome?: OnOutcome): void {
    this.#request({ kind: "add", blades }, onOutcome);
  }

  /** Announces maintenance: the blade gets no new connections, and goes offline when its last one has closed, or at
   *  the deadline (milliseconds from now). The outcome is that of the announcement. */
  drainBlade(blade: string, deadlineMs: number | null = null, onOutcome?: OnOutcome): void {
    this.#request({ kind: "drain", blade, deadlineMs }, onOutcome);
  }

  /** Takes a draining blade off at once, cutting and counting what it still has; of an offline one, forgets the name. */
  removeBlade(blade: string, onOutcome: OnOutcome = () => undefined): void {
    try {
      requireStatus(this.#view, blade, "draining", "offline");
    } catch (error) {
      return onOutcome(asDobbsError(error));
    }
    this.#removals.set(blade, onOutcome);
    if (bladesOf(this.#view, "draining").includes(blade)) this.#drains.end(blade);
    else this.#remove(blade);
  }

  /** Changes the weights of owners (blades or VMs, by owner name) and rebalances. */
  setWeights(weights: Readonly<Record<string, number>>, onOutcome?: OnOutcome): void {
    this.#request({ kind: "weights", weights }, onOutcome);
  }

  /** Gives buckets to one owner, whatever balance says; the next rebalancing may take them back. */
  moveBuckets(buckets: readonly number[], to: string, onOutcome?: OnOutcome): void {
    this.#request({ kind: "move", buckets, to }, onOutcome);
  }

  /** Moves what balance needs, and no more. */
  rebalance(onOutcome?: OnOutcome): void {
    this.#request({ kind: "rebalance" }, onOutcome);
  }

  /** Hands in a message of a traffic manager. */
  receive(from: string, message: ManagerMessage): void {
    this.#watch.hear(from, this.#options.clock.now(), message.kind === "sessions" ? message : undefined);
    switch (message.kind) {
      case "sessions":
        return this.#onSessions(from, message);
      case "counted":
        return this.#drains.counted(
          from,
          message.live.reduce((sum, { live }) => sum + live, 0),
        );
      case "prepared":
      case "refused":
      case "installed":
      case "not-installed":
      case "switched":
        return this.#onReport(from, message);
    }
  }

  /** Everything there is to know, as plain data. */
  status(): ApplianceStatus {
    return applianceStatus({
      now: this.#options.clock.now(),
      view: this.#view,
      assignment: this.#assignment,
      reconfiguration: this.#running?.state ?? null,
      waiting: this.#tasks.map((task) => (task.kind === "request" ? describe(task.request) : `cut ${task.blade}`)),
      watch: this.#watch,
      drains: this.#drains,
    });
  }

  /** Ends all timers. */
  stop(): void {
    for (const cancel of [this.#cancelTick, this.#cancelForget, this.#cancelPause, this.#cancelWatch]) cancel?.();
    for (const blade of bladesOf(this.#view, "draining")) this.#drains.forget(blade);
  }

  #request(request: Request, onOutcome: OnOutcome = () => undefined): void {
    this.#note("requested", { request: describe(request) });
    this.#enqueue({ kind: "request", request, at: this.#options.clock.now(), onOutcome });
  }

  #enqueue(task: Task): void {
    this.#tasks.push(task);
    if (this.#cancelWatch === null) this.#look();
    this.#next();
  }

  /** Begins what is next, if nothing is under way. Generations grow at most once in GENERATION_MS_MIN. */
  #next(): void {
    if (this.#running !== null || this.#cancelPause !== null || this.#tasks.length === 0) return;
    const { clock } = this.#options;
    const pause = this.#generationAt + GENERATION_MS_MIN - clock.now();
    if (pause > 0) {
      this.#cancelPause = clock.after(pause, () => {
        this.#cancelPause = null;
        this.#next();
      });
      return;
    }
    const task = this.#tasks.shift()!;
    if (task.kind === "cut") return this.#cut(task);
    let transition: Transition;
    try {
      const view = changeView(this.#view, task.request);
      const blades = this.#participants(view);
      if (blades.length === 0) throw noOneHeard();
      transition = beginMove(view, this.#assignment, this.#generation + 1, blades, clock.now());
    } catch (error) {
      return this.#refuse(task.onOutcome, asDobbsError(error));
    }
    this.#begin(task, transition);
  }

  /** Takes a blade out of all histories, whatever it still has. */
  #cut(task: Extract<Task, { kind: "cut" }>): void {
    if (!bladesOf(this.#view, "draining").includes(task.blade)) return this.#next();
    this.#cuts.set(task.blade, task.live);
    this.#note("deadline", { blade: task.blade, cut: task.live });
    const owners = this.#ownersOf(task.blade);
    this.#shrink(
      owners.map((owner) => ({ owner, buckets: previousBuckets(this.#assignment, owner) })),
      task,
    );
  }

  /** Has histories forget what has drained. */
  #forget(): void {
    this.#cancelForget = null;
    if (this.#running !== null || this.#tasks.length > 0) return;
    const drained = this.#watch.drained(this.#assignment.generation);
    if (drained.length > 0) this.#shrink(drained, null);
  }

  #shrink(drained: readonly Drained[], task: Task | null): void {
    const next = forget(this.#assignment, drained, this.#generation + 1);
    const blades = this.#participants(this.#view);
    this.#begin(task, beginForget(this.#view, this.#assignment, next, blades, this.#options.clock.now()));
  }

  #begin(task: Task | null, transition: Transition): void {
    this.#generation = transition.state.next.generation;
    this.#generationAt = this.#options.clock.now();
    this.#running = { state: transition.state, task };
    this.#follow(transition);
    this.#tick();
  }

  #tick(): void {
    this.#cancelTick?.();
    if (this.#running === null) return;
    this.#cancelTick = this.#options.clock.after(this.#timing.retryMs, () => {
      if (this.#running !== null) this.#follow(onTick(this.#running.state, this.#options.clock.now(), this.#timing));
      this.#tick();
    });
  }

  #onReport(from: string, report: Report): void {
    const now = this.#options.clock.now();
    if (this.#running !== null) return this.#follow(onReport(this.#running.state, from, report, now, this.#timing));
    if (report.kind !== "switched" || report.generation !== this.#switchesBehind?.next.generation) return;
    if (report.problems.length > 0) return;
    this.#note("switched", { generation: report.generation });
    this.#switchesBehind = null;
  }

  #follow({ state, actions }: Transition): void {
    if (this.#running === null) return;
    this.#running.state = state;
    if (state.phase === "install" || state.phase === "switch") {
      // From the first install on there is no way back.
      if (this.#assignment !== state.next) this.#generationAt = this.#options.clock.now();
      this.#assignment = state.next;
      this.#view = { ...state.view, moves: [] };
    }
    for (const action of actions) {
      if (action.kind === "send") this.#options.peers.send(action.to, action.order);
      else this.#note(action.event, action.details);
    }
    if (state.phase === "finished" || state.phase === "called-off") this.#finish(state);
  }

  #finish(state: Reconfiguration): void {
    if (this.#running?.state !== state) return;
    const { task } = this.#running;
    this.#running = null;
    this.#cancelTick?.();
    if (state.phase === "called-off") {
      const { code, why } = state.problem!;
      if (task?.kind === "request")
        this.#refuse(task.onOutcome, new DobbsError(code, why, "Mend the cause and ask again.", 1));
      return this.#next();
    }
    if (state.steers) {
      this.#switchesBehind = state.problem === null ? null : state;
      this.#note("reconfigured", {
        generation: state.next.generation,
        before: countsText(state.last),
        after: countsText(state.next),
        moved: state.next.buckets.filter(([current], bucket) => current !== state.last.buckets[bucket]![0]).length,
      });
    } else {
      this.#note("forgot", { generation: state.next.generation, places: places(state.last) - places(state.next) });
    }
    if (task?.kind === "request") this.#succeeded(task);
    this.#settle();
    this.#next();
  }

  #succeeded({ request, at, onOutcome }: Extract<Task, { kind: "request" }>): void {
    if (request.kind === "add") for (const { name } of request.blades) this.#note("joined", { blade: name });
    if (request.kind === "drain") {
      this.#note("draining", { blade: request.blade, live: this.#watch.live(request.blade) });
      const deadline = request.deadlineMs === null ? null : at + request.deadlineMs;
      this.#drains.begin(request.blade, this.#ownersOf(request.blade), deadline);
      if (this.#removals.has(request.blade)) this.#drains.end(request.blade);
    }
    onOutcome(null);
  }

  #onSessions(from: string, sessions: Sessions): void {
    if (!bladesOf(this.#view, "active", "draining").includes(from)) return;
    const behind = sessions.generation < this.#assignment.generation;
    const told = this.#running?.state.phase === "install" && this.#running.state.waiting.includes(from);
    // One that an install has left behind, or whose traffic manager was started anew.
    if (behind && !told) this.#options.peers.send(from, { kind: "install", assignment: this.#assignment });
    if (this.#running === null) this.#settle();
  }

  /** Nothing is under way: blades that are done go offline, and histories may shrink. */
  #settle(): void {
    const { generation } = this.#assignment;
    if (this.#participants(this.#view).every((blade) => (this.#watch.lastOf(blade)?.generation ?? 0) >= generation)) {
      for (const blade of drainedBlades(this.#view, this.#assignment)) this.#offline(blade);
    }
    if (this.#cancelForget === null && this.#watch.drained(generation).length > 0) {
      this.#cancelForget = this.#options.clock.after(this.#timing.forgetMs, () => this.#forget());
    }
  }

  #offline(blade: string): void {
    const cut = this.#cuts.get(blade) ?? 0;
    this.#view = withStatus(this.#view, blade, "offline");
    this.#drains.forget(blade);
    this.#cuts.delete(blade);
    this.#watch.forget(blade);
    this.#note("offline", { blade, cut });
    this.#options.onOffline?.(blade, cut);
    if (this.#removals.has(blade)) this.#remove(blade);
  }

  #remove(blade: string): void {
    this.#view = { ...this.#view, members: this.#view.members.filter((member) => member.blade !== blade) };
    this.#note("removed", { blade });
    const onOutcome = this.#removals.get(blade);
    this.#removals.delete(blade);
    onOutcome?.(null);
  }

  /** Regularly: who has fallen silent, and whether the switches are to be told again. */
  #look(): void {
    const { clock, peers } = this.#options;
    this.#cancelWatch = clock.after(this.#timing.silentMs, () => this.#look());
    for (const { blade, silent } of this.#watch.changes(bladesOf(this.#view, "active", "draining"), clock.now())) {
      this.#note(silent ? "silent" : "heard-again", { blade });
    }
    const behind = this.#switchesBehind;
    const leader = bladesOf(this.#view, "active").find((blade) => !this.#watch.isSilent(blade, clock.now()));
    if (behind === null || leader === undefined || this.#running !== null) return;
    peers.send(leader, { kind: "switch", assignment: behind.next, digest: behind.digest });
  }

  /** Who has to agree. A blade that has fallen silent keeps no one waiting: it is told when it is heard again. */
  #participants(view: View): string[] {
    const now = this.#options.clock.now();
    const members = new Set(bladesOf(this.#view, "active", "draining"));
    const blades = bladesOf(view, "active", "draining");
    return blades.filter((blade) => !members.has(blade) || !this.#watch.isSilent(blade, now));
  }

  #ownersOf(blade: string): string[] {
    return this.#view.members.filter((member) => member.blade === blade).map(({ name }) => name);
  }

  #refuse(onOutcome: OnOutcome, error: DobbsError): void {
    this.#note("refused", { code: error.code, why: error.message });
    onOutcome(error);
    this.#next();
  }

  #note(event: string, details: Readonly<Record<string, string | number | boolean>>): void {
    this.#options.journal.note(event, details);
  }
}

function noOneHeard(): DobbsError {
  return new DobbsError(
    "E_NO_BLADE_HEARD",
    "no blade can be heard",
    "Check the traffic managers and their network.",
    1,
  );
}

function asDobbsError(error: unknown): DobbsError {
  if (error instanceof DobbsError) return error;
  throw error;
}

function places({ buckets }: Assignment): number {
  return buckets.reduce((sum, history) => sum + history.length, 0);
}

function countsText(assignment: Assignment): string {
  const counts = Object.entries(bucketCounts(assignment));
  return counts.map(([owner, count]) => `${owner} ${count}`).join(", ") || "none";
}
