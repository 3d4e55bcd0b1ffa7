/**
 * The appliance manager: the single control point. Membership, drains and their deadlines, moves, failures, the switches,
 * filter rules and stations. What it must not forget is `ApplianceState`, saved before anything that follows from it is
 * done; here the parts that work on it are put together.
 */
import { DobbsError } from "../errors.ts";
import type { PortRoleName } from "../management/tables.ts";
import type { Blade, Filter, Forward, LoadBalance } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { SwitchActivation } from "./activation.ts";
import { DEFAULT_ASSIGNER } from "./assigner.ts";
import { Core } from "./core.ts";
import { Drains } from "./drains.ts";
import type { Clock, Journal, Peers, Store } from "./environment.ts";
import { LoadBalancer } from "./load-balancer.ts";
import { Lookout } from "./lookout.ts";
import { Members } from "./members.ts";
import type { ManagerMessage, Sessions } from "./messages.ts";
import { Reconfigurer } from "./reconfigurer.ts";
import { describe, requireStatus, type Request } from "./requests.ts";
import { initialState, restoredState, type SwitchPlace } from "./initial-state.ts";
import type { ApplianceState, Tables, Task } from "./state.ts";
import { applianceStatus, type ApplianceStatus } from "./status.ts";
import { SwitchControl } from "./switch-control.ts";
import { TablesControl } from "./tables-control.ts";
import { DEFAULT_TIMING, type Timing } from "./timing.ts";
import { bladesOf } from "./view.ts";

export interface ApplianceManagerOptions {
  /** With a store: wall time that never goes back, for deadlines outlive the process. */
  readonly clock: Clock;
  /** By blade name. */
  readonly peers: Peers<ManagerMessage>;
  readonly journal: Journal;
  /** A power of two from 1 to 65,536. */
  readonly buckets: number;
  /** Name of the assigner; default `balanced`. */
  readonly assigner?: string;
  readonly timing?: Partial<Timing>;
  /** The switches that traffic managers can program, and their roles on the first day. Default: none. */
  readonly switches?: readonly SwitchPlace[];
  /** Roles of the switches' ports as the appliance file has them. Default: all shut but those of members. */
  readonly ports?: readonly PortRoleName[];
  /** On the first day; every node was started with its part of them. Default: none. */
  readonly filters?: readonly Filter[];
  readonly forward?: readonly Forward[];
  /** A blade that is silent, or whose IPD does not answer it, for so long is failed. Null, the default: only an operator
   *  fails blades. */
  readonly failMs?: number | null;
  /** Null, the default: buckets move by weights only. */
  readonly balance?: LoadBalance | null;
  /** Default: the state is lost with the process. */
  readonly store?: Store | null;
  /** What the store had saved last: goes on from there. Null: begins anew. */
  readonly restored?: ApplianceState | null;
  /** A draining blade is in no history any more, on any IPD that can be heard: it may be switched off. `cut`: live
   *  connections that it had at its deadline, 0 when it was done before. */
  readonly onOffline?: (blade: string, cut: number) => void;
  /** A failed blade is in no history any more. `cut`: live connections that it had, as it said last. */
  readonly onFailed?: (blade: string, cut: number) => void;
}

/** What became of a request: null, or why not (nothing has changed then). `cut`: live connections that it has cut, of one
 *  that may cut some. Not called after a restart of the process, which carries the request out all the same. */
export type OnOutcome = (error: DobbsError | null, cut?: number) => void;

export class ApplianceManager {
  readonly #core: Core;
  readonly #switches: SwitchControl;
  readonly #tables: TablesControl;
  readonly #reconfigurer: Reconfigurer;
  readonly #activation: SwitchActivation;
  readonly #drains: Drains;
  readonly #members: Members;
  readonly #lookout: Lookout;
  readonly #loads: LoadBalancer;
  readonly #outcomes = new Map<number, OnOutcome>();

  /** Throws E_STATE_BUCKETS when `restored` is that of another appliance. */
  constructor(options: ApplianceManagerOptions) {
    const { clock, peers, journal, store = null, restored = null, failMs = null, balance = null } = options;
    const { buckets, assigner = DEFAULT_ASSIGNER, switches = [], filters = [], forward = [] } = options;
    const timing = { ...DEFAULT_TIMING, ...options.timing };
    const first = { buckets, assigner, switches, filters, forward, byLoad: balance !== null };
    const state = restored === null ? initialState(first) : restoredState(restored, first);
    const core = new Core({ clock, peers, journal, store, timing }, state, state === restored);
    this.#core = core;
    this.#switches = new SwitchControl(core, options.ports ?? [], (problems, activeDone) => {
      this.#activation.onProgrammed(problems);
      this.#reconfigurer.onProgrammed(problems, activeDone);
      this.#tables.onProgrammed(problems, activeDone);
    });
    this.#tables = new TablesControl(core, this.#switches, (task, error) => {
      this.#concluded(task, error, 0);
      this.#reconfigurer.next();
    });
    this.#activation = new SwitchActivation(core, this.#switches, (id, error) => this.#answer(id, error));
    this.#drains = new Drains(core, (blade, live) =>
      this.#enqueue({ kind: "cut", blade, live: live ?? core.watch.live(blade) }),
    );
    this.#reconfigurer = new Reconfigurer(core, this.#switches, this.#tables, {
      onOutcome: (task, error, cut) => this.#concluded(task, error, cut),
      onCommitted: (reconfiguration, task) => {
        this.#members.committed(reconfiguration, task);
        if (reconfiguration.kind !== "forget") this.#loads.moved();
      },
      onFailing: (blade) => this.#members.failing(blade),
      onCutting: (blade) => this.#members.fence(blade),
      onIdle: () => this.#members.settle(),
    });
    const parts = { core, switches: this.#switches, drains: this.#drains, reconfigurer: this.#reconfigurer };
    this.#members = new Members(parts, {
      onOffline: options.onOffline ?? (() => undefined),
      onFailed: options.onFailed ?? (() => undefined),
      onRemoved: (id, error, cut) => this.#answer(id, error, cut),
    });
    this.#lookout = new Lookout(core, failMs, {
      onLook: () => this.#switches.look(),
      onFailed: (blade) => this.failBlade(blade),
    });
    this.#loads = new LoadBalancer(core, balance, (request) => this.#request(request));
    if (restored === null) return;
    this.#lookout.hearAll();
    // Not before whoever made this manager can hear it.
    core.timer(0, () => this.#resume());
  }

  /** From now on it can be heard, and traffic managers can come back: until now none was late. */
  listens(): void {
    this.#lookout.hearAll();
  }

  /** Takes blades in, in one reconfiguration. Their traffic managers must be there. `force`, here and below: also where
   *  histories become too long; what their oldest owners hold is cut, and counted. */
  addBlades(blades: readonly Blade[], onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "add", blades, force }, onOutcome);
  }

  /** Announces maintenance: the blade gets no new connections, and goes offline when its last one has closed, or at
   *  the deadline (milliseconds from now). The outcome is that of the announcement. */
  drainBlade(blade: string, deadlineMs: number | null = null, onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "drain", blade, deadlineMs, force }, onOutcome);
  }

  /** Takes the announcement back: the blade gets its share of the buckets again, and keeps what it has. */
  cancelDrain(blade: string, onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "undrain", blade, force }, onOutcome);
  }

  /** Takes a draining blade off at once, cutting and counting what it still has; of an offline or failed one, forgets the
   *  name. */
  removeBlade(blade: string, onOutcome?: OnOutcome): void {
    this.#core.turn(() => {
      const id = this.#number(onOutcome);
      try {
        requireStatus(this.#core.state.view, blade, "draining", "offline", "failed");
      } catch (error) {
        return this.#answer(id, asDobbsError(error));
      }
      this.#members.remove(blade, id);
    });
  }

  /** Shuts the blade's port on the switches, and then takes it out of every history: its connections are cut, all others
   *  go on. It serves again when it is added again. */
  failBlade(blade: string, onOutcome?: OnOutcome): void {
    this.#request({ kind: "fail", blade }, onOutcome);
  }

  /** Changes the weights of owners (blades or VMs, by owner name; or of a blade, whose VMs divide it) and rebalances. One of
   *  weight 0 gets nothing new, keeps what it has, and stays a member. */
  setWeights(weights: Readonly<Record<string, number>>, onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "weights", weights, force }, onOutcome);
  }

  /** Gives buckets to one owner, whatever balance says; the next rebalancing may take them back. */
  moveBuckets(buckets: readonly number[], to: string, onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "move", buckets, to, force }, onOutcome);
  }

  /** Moves what balance needs, and no more. */
  rebalance(onOutcome?: OnOutcome, force = false): void {
    this.#request({ kind: "rebalance", force }, onOutcome);
  }

  /** Makes this switch the active one, and all others standby. Does not wait for what is under way. */
  activateSwitch(name: string, onOutcome?: OnOutcome): void {
    this.#core.turn(() => {
      this.#core.note("requested", { request: `activate ${name}` });
      this.#activation.begin(this.#number(onOutcome), name);
      this.#lookout.start();
    });
  }

  /** Puts a whole list of filter rules in force, each where its `at` says. First match wins. */
  setFilters(filters: readonly Filter[], onOutcome?: OnOutcome): void {
    this.#request({ kind: "filters", filters }, onOutcome);
  }

  /** Puts a whole list of stations in force, each where its `at` says. */
  setForward(forward: readonly Forward[], onOutcome?: OnOutcome): void {
    this.#request({ kind: "forward", forward }, onOutcome);
  }

  /** The filter rules and stations that hold: not those that a node may still refuse. */
  tables(): Tables {
    return this.#tables.current;
  }

  /** The newest that is in force somewhere, or on its way there. */
  assignment(): Assignment {
    return this.#core.state.assignment;
  }

  /** Everything there is to know, as plain data. */
  status(): ApplianceStatus {
    return applianceStatus(this.#core, this.#switches, this.#tables);
  }

  /** Hands in a message of a traffic manager. */
  receive(from: string, message: ManagerMessage): void {
    this.#core.turn(() => this.#receive(from, message));
  }

  /** Ends all timers. */
  stop(): void {
    this.#core.stop();
  }

  #receive(from: string, message: ManagerMessage): void {
    const { watch, now } = this.#core;
    watch.hear(from, now, message.kind === "sessions" ? message : null);
    switch (message.kind) {
      case "sessions":
        return this.#onSessions(from, message);
      case "counted":
        return this.#drains.counted(
          from,
          message.live.reduce((sum, { live }) => sum + live, 0),
        );
      case "switched":
        return this.#switches.onReport(from, message);
      case "tabled":
        return this.#tables.onReport(from, message);
      case "installed":
        this.#members.installed(from, message.generation);
        return this.#reconfigurer.onReport(from, message);
      case "prepared":
      case "refused":
      case "not-installed":
        return this.#reconfigurer.onReport(from, message);
    }
  }

  #onSessions(from: string, sessions: Sessions): void {
    const { view, fenced, assignment } = this.#core.state;
    const inService = bladesOf(view, "active", "draining").includes(from) && fenced[from]?.opensAt !== null;
    this.#members.heardFlowsCut(from, sessions.flowsCut, inService);
    // One that has failed gets nothing: it may still believe that it owns buckets.
    if (!inService) return this.#members.heardOutside(from, sessions);
    this.#loads.onSessions(from, sessions);
    this.#members.installed(from, sessions.generation);
    const behind = sessions.generation < assignment.generation;
    const running = this.#reconfigurer.state;
    const told = running?.phase === "install" && running.waiting.includes(from);
    // One that an install has left behind, or whose traffic manager was started anew.
    if (behind && !told) this.#core.send(from, { kind: "install", assignment });
    this.#tables.onSessions(from, sessions);
    this.#switches.onSessions(from, sessions);
    this.#members.settle();
  }

  #request(request: Request, onOutcome?: OnOutcome): void {
    this.#core.turn(() => {
      this.#core.note("requested", { request: describe(request) });
      this.#enqueue({ kind: "request", id: this.#number(onOutcome), request, at: this.#core.now });
    });
  }

  #number(onOutcome: OnOutcome | undefined): number {
    const id = this.#core.state.requests + 1;
    this.#core.change({ requests: id });
    if (onOutcome) this.#outcomes.set(id, onOutcome);
    return id;
  }

  #enqueue(task: Task): void {
    this.#lookout.start();
    this.#loads.start();
    this.#reconfigurer.enqueue(task);
  }

  /** A request has been carried out, or refused. */
  #concluded(task: Task | null, error: DobbsError | null, forced: number): void {
    if (task?.kind !== "request") return;
    const { id, request, at } = task;
    if (error !== null) {
      this.#core.note("refused", { code: error.code, why: error.message });
      if (request.kind === "fail") this.#lookout.refused(request.blade);
      return this.#answer(id, error);
    }
    this.#lookout.changed();
    if (request.kind === "fail") return this.#answer(id, null, this.#members.failed(request.blade));
    if (request.kind === "add") {
      for (const { name } of request.blades) this.#core.note("joined", { blade: name });
    } else if (request.kind === "undrain") {
      this.#members.stays(request.blade);
    } else if (request.kind === "drain") {
      const { blade, deadlineMs } = request;
      this.#core.note("draining", { blade, live: this.#core.watch.live(blade) });
      this.#drains.begin(blade, this.#members.ownersOf(blade), deadlineMs === null ? null : at + deadlineMs);
      if (this.#core.state.removals[blade] !== undefined) this.#drains.end(blade);
    }
    this.#answer(id, null, "force" in request && request.force ? forced : undefined);
  }

  #answer(id: number, error: DobbsError | null, cut?: number): void {
    const onOutcome = this.#outcomes.get(id);
    this.#outcomes.delete(id);
    if (onOutcome) this.#core.after(() => onOutcome(error, cut));
  }

  /** Goes on where the process before was: asks again for whatever has not been answered. */
  #resume(): void {
    this.#switches.resume();
    this.#activation.resume();
    this.#drains.resume();
    this.#tables.resume();
    this.#lookout.start();
    this.#loads.start();
    this.#reconfigurer.resume();
  }
}

function asDobbsError(error: unknown): DobbsError {
  if (error instanceof DobbsError) return error;
  throw error;
}
