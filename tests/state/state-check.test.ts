/** What states pass, and what is said of those that do not. States as real managers save them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import { asOrder } from "../../host/process/message-schema.ts";
import { parseState } from "../../host/state/state-check.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { edited, placesIn, refusalBy, type Step } from "../process/samples.ts";
import { World } from "../supervisor/world.ts";

const load = (state: unknown): ApplianceState => parseState(JSON.stringify(state), "state.db");

const refusal = (state: unknown, what: string): DobbsError => refusalBy(() => load(state), what);

/** All that is saved while blades come and go and everything else is asked for. */
function saved(): ApplianceState[] {
  const states: ApplianceState[] = [];
  const world = new World({ store: { save: (state) => void states.push(JSON.parse(JSON.stringify(state)) as ApplianceState) } });
  const { manager } = world;
  const done = (request: (onOutcome: (error: Error | null) => void) => void): void => assert.equal(world.outcomeOf(request), null);
  world.grow("ardsley", "dobbs-ferry", "rye");
  world.clock.advance(1_000);
  done((on) => manager.setWeights({ ardsley: 2.5 }, on));
  done((on) => manager.moveBuckets([1, 2], "rye", on, true));
  done((on) => manager.setFilters([{ action: "drop", at: "blades", ethertype: 0x0806, source: { mac: "02:00:00:00:00:09", mask: "ff:ff:ff:ff:ff:ff" } }], on));
  done((on) => manager.setForward([{ mac: "02:00:00:00:00:0a", port: 5, at: "switch" }], on));
  for (let asked = 0; asked < 2; asked++) manager.rebalance();
  done((on) => manager.activateSwitch("standby", on));
  done((on) => manager.drainBlade("rye", 600_000, on));
  done((on) => manager.cancelDrain("rye", on));
  world.host("rye").open(5);
  world.clock.advance(1_000);
  done((on) => manager.drainBlade("rye", 500, on));
  manager.removeBlade("rye");
  world.clock.advance(3_000);
  world.unplug("dobbs-ferry");
  done((on) => manager.failBlade("dobbs-ferry", on));
  world.clock.advance(3_000);
  return states;
}

const STATES = saved();

/** Each place that occurs in them, with a state that has it: where a list or a map begins stands for all of it. */
function* places(): Generator<readonly [ApplianceState, readonly Step[]]> {
  const known = new Set<string>();
  for (const state of STATES) {
    for (const path of placesIn(state)) {
      const name = path.map((step) => (typeof step === "number" ? "*" : step)).join(".");
      if (known.has(name)) continue;
      known.add(name);
      yield [state, path];
    }
  }
}

/** By name of what they are in: any name may be there, or not. */
const MAPS = new Set(["drains", "cuts", "removals", "fenced", "flowsCut", "roles", "before", "weights"]);
/** What may be absent; what later files of the format have is made up for, and what is decided by the kind of something is one of several. */
const OPTIONAL = new Set(["force", "away", "alive", "silent", "factor", "source", "ethertype", "flowsCut", "tally", "flows", "forced", "deadline", "failed", "cut", "since"]);

const isInMap = (path: readonly Step[]): boolean => MAPS.has(String(path.at(-2))) && !path.includes("change");

describe("a state", () => {
  test("passes as it is saved, whatever is under way", () => {
    const kinds = new Set(STATES.flatMap(({ running }) => (running?.kind === "reconfiguration" ? [running.state.kind] : [String(running?.kind)])));
    assert.deepEqual([...kinds].sort(), ["fail", "forget", "move", "tables", "undefined"]);
    for (const member of ["waiting", "drains", "cuts", "removals", "fenced"] as const) assert.ok(STATES.some((state) => Object.keys(state[member]).length > 0), member);
    assert.ok(STATES.some(({ activation }) => activation !== null));
    for (const state of STATES) assert.deepEqual(load(state), state);
  });

  test("passes with what a later release has put into it", () => {
    const state = edited(STATES.at(-1)!, ["view", "members", 0, "later"], (holder, last) => void (holder[last] = { a: 1 }));
    assert.deepEqual(load(state), state);
  });

  test("is refused as damaged without any one of its members", () => {
    for (const [state, path] of places()) {
      if (typeof path.at(-1) === "number" || isInMap(path) || OPTIONAL.has(String(path.at(-1)))) continue;
      const what = `without ${path.join(".")}`;
      const { code, message } = refusal(edited(state, path, (holder, last) => delete holder[last]), what);
      assert.equal(code, "E_STATE_DAMAGED", `${what}: ${message}`);
    }
  });

  test("is refused as damaged with anything else in the place of any one of its members", () => {
    for (const [state, path] of places()) {
      const before = path.reduce<unknown>((inner, step) => (inner as Record<Step, unknown>)[step], state);
      for (const wrong of [{}, [{}], -1.5, true]) {
        // Any map may be empty; of numbers, times may be less than 0.
        if ((typeof before === "number" || before === null) && typeof wrong === "number") continue;
        if (typeof before === "boolean" && wrong === true) continue;
        if (typeof wrong === "object" && !Array.isArray(wrong) && MAPS.has(String(path.at(-1)))) continue;
        if (path.join(".") === "tally" || path.join(".") === "tally.cut") continue;
        const what = `${path.join(".")} = ${JSON.stringify(wrong)}`;
        const { code, message } = refusal(edited(state, path, (holder, last) => void (holder[last] = wrong)), what);
        assert.equal(code, "E_STATE_DAMAGED", `${what}: ${message}`);
      }
    }
  });

  const running = STATES.findLast((state) => state.running?.kind === "reconfiguration" && state.running.state.kind === "move")!;
  const damages: readonly (readonly [readonly Step[], unknown, string])[] = [
    [["switches"], {}, "switches.serial"],
    [["switches", "assignment"], null, "switches.assignment"],
    [["switches", "roles", "active"], "leader", "switches.roles.active"],
    [["waiting"], [null], "waiting[0]"],
    [["waiting"], [{ kind: "wait" }], "waiting[0].kind"],
    [["view", "members"], [null], "view.members[0]"],
    [["view", "buckets"], 32, "assignment.buckets"],
    [["running"], {}, "running.kind"],
    [["running", "kind"], "jogging", "running.kind"],
    [["assignment", "buckets", 3], [200], "assignment.buckets[3]"],
    [["assignment", "owners"], [null, null, null], "assignment.buckets[0]"],
    [["assignment", "buckets", 3], [0, 1, 2, 3, 4], "assignment.buckets[3]"],
    [["switches", "assignment", "buckets", 4], [7], "switches.assignment.buckets[4]"],
    [["running", "state", "last", "buckets", 5], [3], "running.state.last.buckets[5]"],
    [["running", "state", "next", "buckets", 5], [3], "running.state.next.buckets[5]"],
    [["running", "state", "next", "buckets"], [], "running.state.next.buckets"],
  ];
  for (const [path, wrong, place] of damages) {
    test(`is refused with ${path.join(".")} = ${JSON.stringify(wrong)}, and told where`, () => {
      const { code, message } = refusal(edited(running, path, (holder, last) => void (holder[last] = wrong)), place);
      assert.equal(code, "E_STATE_DAMAGED");
      assert.ok(message.includes(`: ${place} is missing or wrong`), message);
    });
  }
});

describe("a state of an earlier release, that does not say since when owners are in,", () => {
  const withoutSince = (state: ApplianceState): ApplianceState =>
    JSON.parse(JSON.stringify(state), (_, value: unknown) => {
      if (typeof value !== "object" || value === null || !("mac" in value) || !("since" in value)) return value;
      const { since: __, ...owner } = value;
      return owner;
    }) as ApplianceState;

  /** Grown, and stopped at what is saved last. */
  function grown() {
    const states: ApplianceState[] = [];
    const world = new World({ store: { save: (state) => void states.push(state) } });
    world.grow("ardsley", "dobbs-ferry");
    world.clock.advance(2_000);
    return { world, state: states.at(-1)! };
  }

  test("has switches that can be programmed: a failover works, and the link takes every order", () => {
    const { world, state } = grown();
    const sent = world.sent.length;
    world.restartManager(load(withoutSince(state)));
    for (const name of world.blades.keys()) world.restartTrafficManager(name);
    world.clock.advance(2_000);
    assert.equal(world.outcomeOf((on) => world.manager.activateSwitch("standby", on)), null);
    const orders = world.sent.slice(sent).filter(({ message }) => ["switch", "install", "prepare"].includes(message.kind));
    assert.ok(orders.some(({ message }) => message.kind === "switch"));
    for (const { message } of orders) assert.notEqual(asOrder(JSON.parse(JSON.stringify(message))), null, message.kind);
    assert.deepEqual(world.events("not-switched"), []);
  });

  test("has for its switches the assignment of that generation, or one that is dated in the same way", () => {
    const { state } = grown();
    const same = load(withoutSince(state));
    assert.equal(same.switches.assignment, same.assignment);
    const ahead = { ...state, assignment: { ...state.assignment, generation: 7 } };
    assert.deepEqual(load(withoutSince(ahead)).switches.assignment, state.switches.assignment);
  });

  test("that has something under way has for its switches the assignment before or after it", () => {
    for (const state of STATES) {
      if (state.running?.kind !== "reconfiguration") continue;
      const { switches, running } = load(withoutSince(state));
      assert.ok(running?.kind === "reconfiguration");
      const { last, next } = running.state;
      const same = [last, next].find(({ generation }) => generation === switches.assignment.generation);
      if (same) assert.equal(switches.assignment, same);
      for (const owner of switches.assignment.owners) assert.ok(owner === null || owner.since > 0);
    }
  });
});
