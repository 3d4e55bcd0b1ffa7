import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Report } from "../../host/supervisor/messages.ts";
import {
  beginFail,
  beginForget,
  beginMove,
  onGone,
  onReport,
  onSwitched,
  onTick,
  resume,
  type Action,
  type Reconfiguration,
  type Transition,
} from "../../host/supervisor/reconfiguration.ts";
import { digest, expel, forget, previousBuckets } from "../../host/supervisor/succession.ts";
import type { SwitchProblem } from "../../host/supervisor/switch-driver.ts";
import { DEFAULT_TIMING } from "../../host/supervisor/timing.ts";
import { randomOf, shuffled } from "./random.ts";
import { assignmentAfter, member, viewOf } from "./views.ts";

const BLADES = ["a", "b", "c"];
const VIEW = viewOf(
  BLADES.map((name) => member(name)),
  8,
);
const LAST = assignmentAfter(viewOf([member("a"), member("b")], 8));
const { prepareMs, installMs, retryMs } = DEFAULT_TIMING;

/** A reconfiguration that goes through JSON after every event: nothing in it is more than data. */
class Machine {
  state: Reconfiguration;
  actions: readonly Action[] = [];
  readonly notes: string[] = [];
  now = 1_000;

  constructor(transition: Transition) {
    this.state = transition.state;
    this.#take(transition);
  }

  report(from: string, report: Report): this {
    this.#take(onReport(this.state, from, report, this.now));
    return this;
  }

  /** From every blade. */
  all(report: Report): this {
    for (const blade of BLADES) this.report(blade, report);
    return this;
  }

  /** The switches have what they are to have, but for these. */
  switched(problems: readonly SwitchProblem[] = [], activeDone = problems.length === 0): this {
    this.#take(onSwitched(this.state, problems, activeDone, this.now));
    return this;
  }

  gone(blade: string): this {
    this.#take(onGone(this.state, blade, this.now));
    return this;
  }

  resume(): this {
    this.#take(resume(this.state, this.now));
    return this;
  }

  tick(ms: number): this {
    this.now += ms;
    this.#take(onTick(this.state, this.now, DEFAULT_TIMING));
    return this;
  }

  /** `kind to` of what was sent last. */
  sent(): string[] {
    return this.actions.flatMap((action) => (action.kind === "send" ? [`${action.order.kind} ${action.to}`] : []));
  }

  /** Generations that the switches were to have, of what was asked for last. */
  steered(): number[] {
    return this.actions.flatMap((action) => (action.kind === "steer" ? [action.assignment.generation] : []));
  }

  #take({ state, actions }: Transition): void {
    const stored: unknown = JSON.parse(JSON.stringify(state));
    assert.deepEqual(stored, state);
    this.state = stored as Reconfiguration;
    this.actions = actions;
    for (const action of actions) if (action.kind === "note") this.notes.push(action.event);
  }
}

const BEGINNING = { view: VIEW, last: LAST, blades: BLADES, steers: true, now: 1_000 };
const move = (): Machine => new Machine(beginMove(BEGINNING, 2));
const DIGEST = move().state.digest;
const prepared: Report = { kind: "prepared", generation: 2, digest: DIGEST, seeded: 5 };
const installed: Report = { kind: "installed", generation: 2 };
const STANDBY_SILENT = [{ switch: "standby", why: "no answer" }];

describe("a reconfiguration", () => {
  test("prepares, installs and switches, each when the one before is done everywhere", () => {
    const machine = move();
    assert.deepEqual(machine.sent(), ["prepare a", "prepare b", "prepare c"]);
    machine.report("a", prepared).report("c", prepared);
    assert.deepEqual([machine.state.phase, machine.sent()], ["prepare", []]);
    machine.report("b", prepared);
    assert.deepEqual([machine.state.phase, machine.state.seeded], ["install", 15]);
    assert.deepEqual(machine.sent(), ["install a", "install b", "install c"]);
    machine.report("b", installed).report("c", installed);
    assert.equal(machine.state.phase, "install");
    machine.report("a", installed);
    assert.deepEqual([machine.state.phase, machine.steered()], ["switch", [2]]);
    machine.switched();
    assert.equal(machine.state.phase, "finished");
    assert.deepEqual(machine.notes, ["prepared", "installed"]);
  });

  test("comes to the same end whatever is repeated, late, or in another order", () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = randomOf(seed);
      const machine = move();
      for (let round = 0; round < 12 && machine.state.phase !== "finished"; round++) {
        const reports = BLADES.flatMap((blade) => [prepared, installed].map((report) => ({ blade, report })));
        for (const { blade, report } of shuffled(reports, random).slice(0, 5)) machine.report(blade, report);
        if (machine.state.phase === "switch") machine.switched();
        machine.tick(1);
      }
      assert.equal(machine.state.phase, "finished", `seed ${seed}`);
      assert.equal(machine.state.seeded, 15, `seed ${seed}`);
      assert.deepEqual(machine.notes, ["prepared", "installed"], `seed ${seed}`);
    }
  });

  test("by which every blade loses something to force is installed everywhere once all have let go", () => {
    const state: Reconfiguration = { ...move().state, phase: "release", waiting: ["a"], installed: ["b", "c"] };
    const machine = new Machine({ state, actions: [] }).report("a", installed);
    assert.deepEqual([machine.state.phase, machine.steered(), machine.notes], ["switch", [2], ["installed"]]);
  });

  test("asks again those that have not answered, and no others", () => {
    const machine = move().report("a", prepared);
    machine.tick(retryMs);
    assert.deepEqual(machine.sent(), ["prepare b", "prepare c"]);
    machine.report("b", prepared).report("c", prepared).report("b", installed).tick(retryMs);
    assert.deepEqual(machine.sent(), ["install a", "install c"]);
  });

  test("a report of another generation, or of a stranger, counts for nothing", () => {
    const machine = move();
    for (const generation of [1, 3]) machine.all({ ...prepared, generation } as Report);
    machine.report("d", prepared).report("d", { kind: "refused", generation: 2, code: "E_X", why: "x" });
    assert.deepEqual([machine.state.phase, machine.state.waiting], ["prepare", BLADES]);
  });

  for (const [what, report, code] of [
    ["a refusal", { kind: "refused", generation: 2, code: "E_OUT_OF_ROOM", why: "no room" }, "E_OUT_OF_ROOM"],
    ["another digest", { ...prepared, digest: digest(LAST) }, "E_DIGESTS_DIFFER"],
  ] as const) {
    test(`${what} calls it off while nothing is installed, and everyone is told`, () => {
      const machine = move().report("a", prepared).report("b", report);
      assert.deepEqual([machine.state.phase, machine.state.problem!.code], ["called-off", code]);
      assert.deepEqual(machine.sent(), ["abort a", "abort b", "abort c"]);
      assert.equal(machine.all(prepared).all(installed).tick(60_000).state.phase, "called-off");
    });
  }

  test("is called off when the preparations take too long, and names who is late", () => {
    const machine = move()
      .report("b", prepared)
      .tick(prepareMs - 1);
    assert.equal(machine.state.phase, "prepare");
    machine.tick(1);
    assert.deepEqual(
      [machine.state.phase, machine.state.problem],
      ["called-off", { code: "E_PREPARE_OVERDUE", why: "no answer from a, c" }],
    );
  });

  test("goes forward without those that do not install", () => {
    const machine = move().all(prepared).report("c", installed);
    machine.report("a", { kind: "not-installed", generation: 2, why: "the image refuses" });
    assert.deepEqual([machine.state.phase, machine.notes.at(-1)], ["install", "not-installed"]);
    machine.tick(installMs);
    assert.deepEqual([machine.state.phase, machine.steered()], ["switch", [2]]);
    assert.deepEqual(machine.notes.slice(-2), ["install-overdue", "installed"]);
  });

  test("ends with the switches' problem when they cannot be programmed in time", () => {
    const machine = move().all(prepared).all(installed).switched(STANDBY_SILENT);
    assert.equal(machine.state.phase, "switch");
    machine.tick(installMs);
    assert.deepEqual(
      [machine.state.phase, machine.state.problem],
      ["finished", { code: "E_SWITCH", why: "standby: no answer" }],
    );
    assert.deepEqual(machine.notes.at(-1), "switch-overdue");
  });

  test("waits for no switch where there is none", () => {
    const machine = new Machine(beginMove({ ...BEGINNING, steers: false }, 2)).all(prepared).all(installed);
    assert.deepEqual([machine.state.phase, machine.steered()], ["finished", []]);
  });

  test("a blade that takes part and fails calls preparations off, and is not waited for after them", () => {
    assert.equal(move().gone("b").state.phase, "called-off");
    const machine = move().all(prepared).report("a", installed).report("c", installed).gone("b");
    assert.deepEqual([machine.state.phase, machine.state.installed], ["switch", ["a", "c"]]);
    assert.equal(machine.gone("a").state.phase, "switch");
  });

  test("that is taken up again asks for what is missing, and has its full time", () => {
    const machine = move().report("a", prepared);
    machine.now += 60_000;
    assert.deepEqual(machine.resume().sent(), ["prepare b", "prepare c"]);
    machine.tick(prepareMs - 1);
    assert.equal(machine.state.phase, "prepare");
    machine.report("b", prepared).report("c", prepared).report("c", installed);
    assert.deepEqual(machine.resume().sent(), ["install a", "install b"]);
  });

  test("forgetting begins with the install, and touches no switch", () => {
    const last = assignmentAfter(viewOf([member("a")], 8), viewOf([member("a", 1, "draining"), member("b")], 8));
    const next = forget(last, [{ owner: "a", buckets: previousBuckets(last, "a") }], 3);
    const machine = new Machine(beginForget({ ...BEGINNING, last }, next));
    assert.deepEqual(machine.sent(), ["install a", "install b", "install c"]);
    machine.all({ kind: "installed", generation: 3 });
    assert.equal(machine.state.phase, "finished");
    assert.deepEqual([machine.sent(), machine.steered()], [[], []]);
  });

  test("a failure begins with the fence, and goes on when the port is shut at the switches that carry frames", () => {
    const view = viewOf([member("a", 1, "failed"), member("b"), member("c")], 8);
    const next = expel(view, LAST, "a", 2);
    const machine = new Machine(beginFail({ ...BEGINNING, view, blades: ["b", "c"] }, next));
    assert.deepEqual([machine.state.phase, machine.sent(), machine.steered()], ["fence", [], [1]]);
    machine.switched([{ switch: "active", why: "no answer" }], false).tick(installMs).tick(60_000);
    assert.deepEqual([machine.state.phase, machine.notes], ["fence", ["fence-overdue"]], "never given up");
    machine.switched(STANDBY_SILENT, true);
    assert.deepEqual([machine.state.phase, machine.sent()], ["install", ["install b", "install c"]]);
    machine.report("b", installed).report("c", installed);
    assert.deepEqual([machine.state.phase, machine.steered()], ["switch", [2]]);
  });

  test("a failure where there are no switches begins with the install", () => {
    const view = viewOf([member("a", 1, "failed"), member("b"), member("c")], 8);
    const next = expel(view, LAST, "a", 2);
    const machine = new Machine(beginFail({ ...BEGINNING, view, blades: ["b", "c"], steers: false }, next));
    assert.deepEqual([machine.state.phase, machine.sent()], ["install", ["install b", "install c"]]);
  });
});
