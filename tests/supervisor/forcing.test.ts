/** Moves past full histories: refused with what they would cost, or forced, with the count of what they cut. Real managers,
 *  real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OnOutcome } from "../../host/supervisor/appliance-manager.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { code, generations, histories, statesOf } from "./probe.ts";
import { World } from "./world.ts";

const FIVE = ["ardsley", "dobbs-ferry", "hartsdale", "irvington", "tarrytown"] as const;
const ALL = Array.from({ length: 16 }, (_, bucket) => bucket);
const FLOWS = 200;

/** Everything has been the first four's in turn, and each has live connections in every bucket. */
function full(): { world: World; saved: ApplianceState[] } {
  const saved: ApplianceState[] = [];
  const world = new World({ store: { save: (state) => void saved.push(state) } });
  world.grow(...FIVE);
  world.clock.advance(1_000);
  for (const owner of FIVE.slice(0, 4)) {
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(ALL, owner, on)), null);
    world.host(owner).open(FLOWS, "established", `10.${FIVE.indexOf(owner) + 1}`);
    world.clock.advance(700);
  }
  return { world, saved };
}

/** What became of a request, and how much it has cut. */
function ask(world: World, request: (on: OnOutcome) => void): { error: Error | null; cut: number | undefined } {
  const outcomes: { error: Error | null; cut: number | undefined }[] = [];
  request((error, cut) => outcomes.push({ error, cut }));
  assert.ok(world.clock.until(() => outcomes.length > 0, 20_000));
  return outcomes[0]!;
}

describe("a move past full histories", () => {
  test("is refused, with the number of buckets, what force would cut, and the way out; nothing has changed", () => {
    const { world } = full();
    const before = world.manager.assignment();
    const { error } = ask(world, (on) => world.manager.moveBuckets(ALL, "tarrytown", on));
    assert.equal(code(error), "E_HISTORY_FULL");
    assert.equal(error!.message, `16 of the buckets to be moved still have 4 owners with live connections; to force it would cut ${FLOWS} live connections`);
    assert.match((error as Error & { mend: string }).mend, /--force/);
    assert.deepEqual(world.manager.assignment(), before);
    assert.deepEqual(world.manager.status().tally.cut, { deadline: 0, failed: 0, forced: 0, flows: 0 });
  });

  test("by force takes it from the oldest owner, counts what that had there, and leaves the others alone", () => {
    const { world } = full();
    const { error, cut } = ask(world, (on) => world.manager.moveBuckets(ALL, "tarrytown", on, true));
    assert.deepEqual([error, cut], [null, FLOWS]);
    for (const history of histories(world)) assert.deepEqual(history, ["tarrytown", "irvington", "hartsdale", "dobbs-ferry"]);
    assert.deepEqual(world.manager.status().tally.cut, { deadline: 0, failed: 0, forced: FLOWS, flows: 0 });
    assert.deepEqual(world.events("forced").map(({ details }) => ({ buckets: details["buckets"], cut: details["cut"] })), [{ buckets: 16, cut: FLOWS }]);
    assert.ok(statesOf(world, "ardsley").every(({ index }) => index === -1));
    world.clock.advance(1_000);
    for (const blade of FIVE.slice(1, 4)) {
      const previous = statesOf(world, blade).filter(({ index }) => index > 0);
      assert.equal(previous.reduce((sum, { rows }) => sum + rows, 0), FLOWS, blade);
      assert.ok(previous.every(({ complete }) => complete), blade);
    }
  });

  test("by force of some buckets cuts what was in these, and is over with that", () => {
    const { world } = full();
    const held = world.blades.get("ardsley")!.manager.status().counts;
    const expected = held.reduce((sum, { bucket, live }) => sum + (bucket < 3 ? live : 0), 0);
    assert.ok(expected > 0 && expected < FLOWS);
    assert.equal(ask(world, (on) => world.manager.moveBuckets([0, 1, 2], "tarrytown", on, true)).cut, expected);
    // The next one is not forced by that.
    assert.equal(code(ask(world, (on) => world.manager.moveBuckets([4], "tarrytown", on)).error), "E_HISTORY_FULL");
    assert.equal(world.manager.status().tally.cut.forced, expected);
  });

  test("that needs no force cuts nothing by it", () => {
    const { world } = full();
    assert.deepEqual(ask(world, (on) => world.manager.moveBuckets(ALL, "ardsley", on, true)), { error: null, cut: 0 });
    assert.deepEqual(world.events("forced"), []);
  });

  test("counts what an owner has that was heard to have less when it was asked for, as it is when it is cut", () => {
    const { world } = full();
    world.options = { ...world.options, loses: (_from, to, message) => to === "tarrytown" && message.kind === "prepare" };
    world.manager.moveBuckets(ALL, "tarrytown", undefined, true);
    world.host("ardsley").sockets = world.host("ardsley").sockets.slice(0, 5);
    world.clock.advance(1_000);
    world.options = {};
    assert.ok(world.clock.until(() => world.events("forced").length > 0, 5_000));
    assert.equal(world.events("forced")[0]!.details["cut"], 5);
  });
});

/** Blades that have been told to put `generation` in force. */
function told(world: World, generation: number): string[] {
  const orders = world.sent.filter(({ message }) => message.kind === "install" && message.assignment.generation === generation);
  return [...new Set(orders.map(({ to }) => to))].sort();
}

/** Nothing moves but what is ordered. */
function onlyIrvington(world: World): void {
  const weights = Object.fromEntries(FIVE.map((name) => [name, name === "irvington" ? 1 : 0]));
  assert.equal(world.outcomeOf((on) => world.manager.setWeights(weights, on)), null);
}

/** A forced move that waits for the oldest owner, which has fallen silent: it has not been told, or (`lets go`) it has let go, and nobody
 *  hears that. `before` the move, something else is asked for. */
function waiting(how: "silent" | "lets go" = "silent", before: (world: World) => void = () => undefined): { world: World; saved: ApplianceState[]; errors: (Error | null)[]; next: number } {
  const { world, saved } = full();
  before(world);
  const errors: (Error | null)[] = [];
  const next = world.manager.assignment().generation + 1;
  const isLost = how === "silent" ? (to: string) => to === "ardsley" : (_: string, from: string) => from === "ardsley";
  world.options = { ...world.options, loses: (from, to, { kind }) => (kind === "install" || kind === "installed" || kind === "sessions") && isLost(to, from) };
  world.manager.moveBuckets(ALL, "tarrytown", (error) => errors.push(error), true);
  assert.ok(world.clock.until(() => world.manager.status().phase === "release", 2_000));
  const everything = (from: string, to: string): boolean => from === "ardsley" || to === "ardsley";
  if (how === "lets go") world.clock.advance(100);
  world.options = { ...world.options, loses: everything };
  world.clock.advance(20_000);
  return { world, saved, errors, next };
}

describe("an owner that falls off a full history", () => {
  test("puts that in force before anyone else does: it may still know connections that others may open anew from then on", () => {
    const { world } = full();
    const next = world.manager.assignment().generation + 1;
    world.options = { ...world.options, loses: (_from, to, message) => to === "ardsley" && message.kind === "install" };
    world.manager.moveBuckets(ALL, "tarrytown", undefined, true);
    world.clock.advance(3_000);
    assert.deepEqual([world.manager.status().phase, world.manager.status().missing], ["release", ["ardsley"]]);
    assert.deepEqual(told(world, next), ["ardsley"]);
    world.options = {};
    assert.ok(world.clock.until(() => world.manager.status().phase === "idle", 5_000));
    assert.deepEqual(told(world, next), [...FIVE]);
    assert.equal(world.events("install-overdue").length, 0);
  });

  test("is waited for, however long it is silent, and the others keep what they have", () => {
    const { world, errors, next } = waiting();
    assert.deepEqual([world.manager.status().phase, errors], ["release", []]);
    assert.deepEqual(told(world, next), ["ardsley"]);
    assert.deepEqual(world.events("release-overdue").map(({ details }) => details["blades"]), ["ardsley"]);
    world.options = {};
    assert.ok(world.clock.until(() => errors.length > 0, 5_000));
    assert.deepEqual(errors, [null]);
    assert.equal(world.current()["tarrytown"], 16);
  });

  test("is fenced when it is declared failed instead, and the move is called off", () => {
    const { world, errors, next } = waiting();
    world.unplug("ardsley");
    const { error } = ask(world, (on) => world.manager.failBlade("ardsley", on));
    assert.deepEqual([error, errors.map(code)], [null, ["E_BLADE_FAILED"]]);
    assert.deepEqual(told(world, next), ["ardsley"]);
    assert.deepEqual(world.events("fenced", "installed").slice(-2).map(({ event }) => event), ["fenced", "installed"]);
    for (const history of histories(world)) assert.deepEqual(history, ["irvington", "hartsdale", "dobbs-ferry"]);
    assert.deepEqual(world.manager.status().tally.cut, { deadline: 0, failed: FLOWS, forced: 0, flows: 0 });
  });

  test("does not hold up the failure of another blade: the move is called off, and if it has let go, it is back in the histories", () => {
    const { world, errors, next } = waiting("lets go");
    assert.equal(generations(world)[0], next);
    world.unplug("hartsdale");
    const { error } = ask(world, (on) => world.manager.failBlade("hartsdale", on));
    assert.deepEqual([error, errors.map(code)], [null, ["E_BLADE_FAILED"]]);
    for (const history of histories(world)) assert.deepEqual(history, ["irvington", "dobbs-ferry", "ardsley"]);
    world.options = {};
    world.clock.advance(5_000);
    const previous = statesOf(world, "ardsley").filter(({ index }) => index > 0);
    assert.deepEqual([previous.length, previous.reduce((sum, { rows }) => sum + rows, 0)], [16, FLOWS]);
  });

  test("does not hold up a deadline either, once it is overdue", () => {
    const { world, errors } = waiting("silent", (before) => {
      onlyIrvington(before);
      assert.equal(before.outcomeOf((on) => before.manager.drainBlade("dobbs-ferry", 24_000, on)), null);
    });
    assert.deepEqual(errors, []);
    world.clock.advance(8_000);
    assert.deepEqual(errors.map(code), ["E_DEADLINE"]);
    assert.deepEqual(world.offline.map(({ blade }) => blade), ["dobbs-ferry"]);
    for (const history of histories(world)) assert.deepEqual(history, ["irvington", "hartsdale", "ardsley"]);
  });

  for (const [title, blade, refusal] of [["is not there", "hartsdal", "E_BLADE_UNKNOWN"], ["is the last that may own buckets", "irvington", "E_NO_ACTIVE_MEMBER"]] as const) {
    test(`goes on being waited for when the failure of a blade is refused that ${title}, at once`, () => {
      const { world, errors } = waiting("lets go", onlyIrvington);
      assert.equal(code(ask(world, (on) => world.manager.failBlade(blade, on)).error), refusal);
      world.clock.advance(5_000);
      assert.deepEqual([world.manager.status().phase, errors], ["release", []]);
      world.options = {};
      world.clock.advance(10_000);
      assert.deepEqual(errors, [null]);
      assert.equal(world.current()["tarrytown"], 16);
    });
  }

  test("does not hold up a failure that was asked for before it was waited for", () => {
    const { world } = full();
    let isLate = true;
    world.options = { ...world.options, loses: (_from, to, { kind }) => isLate && to === "tarrytown" && kind === "prepare" };
    const errors: (Error | null)[] = [];
    world.manager.moveBuckets(ALL, "tarrytown", (error) => errors.push(error), true);
    world.clock.advance(300);
    assert.deepEqual([world.manager.status().phase, world.manager.status().missing], ["prepare", ["tarrytown"]]);
    world.unplug("ardsley");
    const outcomes: (Error | null)[] = [];
    world.manager.failBlade("ardsley", (error) => outcomes.push(error));
    isLate = false;
    world.clock.advance(10_000);
    assert.deepEqual([errors.map(code), outcomes], [["E_BLADE_FAILED"], [null]]);
    for (const history of histories(world)) assert.ok(!history.includes("ardsley"));
  });

  test("is in the histories again, under a generation that all have, when the move is called off for whatever is void by then", () => {
    const { world, errors } = waiting("lets go", (before) => {
      onlyIrvington(before);
      assert.equal(before.outcomeOf((on) => before.manager.drainBlade("dobbs-ferry", 24_000, on)), null);
    });
    world.clock.advance(8_000);
    assert.deepEqual(errors.map(code), ["E_DEADLINE"]);
    world.options = {};
    world.clock.advance(10_000);
    const { generation } = world.manager.status();
    assert.deepEqual(generations(world).filter((_, place) => place !== 1), Array<number>(6).fill(generation));
    assert.ok(histories(world).every((history) => history.includes("ardsley")));
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(ALL, "ardsley", on)), null);
  });

  test("is taken back also if the failure for which the move is called off cannot be carried out, for nobody is heard", () => {
    const { world, errors } = waiting("lets go");
    world.options = { ...world.options, loses: () => true };
    world.clock.advance(10_000);
    assert.equal(code(ask(world, (on) => world.manager.failBlade("hartsdale", on)).error), "E_NO_BLADE_HEARD");
    assert.deepEqual(errors.map(code), ["E_BLADE_FAILED"]);
    world.options = {};
    world.clock.advance(20_000);
    const { generation } = world.manager.status();
    assert.deepEqual(generations(world).slice(0, FIVE.length), FIVE.map(() => generation));
    assert.equal(world.outcomeOf((on) => world.manager.moveBuckets(ALL, "ardsley", on)), null);
  });

  test("is waited for by an appliance manager that was started anew", () => {
    const { world, saved, next } = waiting();
    world.restartManager(saved.at(-1)!);
    world.clock.advance(5_000);
    assert.equal(world.manager.status().phase, "release");
    assert.deepEqual(told(world, next), ["ardsley"]);
    world.options = {};
    assert.ok(world.clock.until(() => world.manager.status().phase === "idle", 5_000));
    assert.equal(world.manager.status().tally.cut.forced, FLOWS);
  });

  test("keeps its place while it is silent: the move is refused, with the way out", () => {
    const { world } = full();
    world.unplug("ardsley");
    world.clock.advance(10_000);
    const before = world.manager.assignment();
    const { error } = ask(world, (on) => world.manager.moveBuckets(ALL, "tarrytown", on, true));
    assert.equal(code(error), "E_BLADE_SILENT");
    assert.match(error!.message, /ardsley/);
    assert.match((error as Error & { mend: string }).mend, /dobbs fail/);
    assert.deepEqual(world.manager.assignment(), before);
    assert.equal(world.manager.status().tally.cut.forced, 0);
  });
});

describe("past full histories", () => {
  test("a drain takes the buckets to previous owners while there are any: that makes no history longer", () => {
    const { world } = full();
    assert.equal(ask(world, (on) => world.manager.setWeights({ tarrytown: 0 }, on)).error, null);
    assert.equal(ask(world, (on) => world.manager.drainBlade("irvington", null, on)).error, null);
    for (const history of histories(world)) assert.deepEqual([...history].sort(), FIVE.slice(0, 4));
  });

  test("weights and a drain that give buckets to others are refused, and done by force", () => {
    const { world } = full();
    assert.equal(ask(world, (on) => world.manager.setWeights({ tarrytown: 0 }, on)).error, null);
    for (const blade of FIVE.slice(0, 3)) assert.equal(ask(world, (on) => world.manager.drainBlade(blade, null, on)).error, null);
    const ready = (on: OnOutcome, force: boolean): void => world.manager.setWeights({ tarrytown: 1 }, on, force);
    assert.equal(code(ask(world, (on) => ready(on, false)).error), "E_HISTORY_FULL");
    world.clock.advance(500);
    const oldest = histories(world).map((history) => history[3]!);
    const held = [...world.blades.values()].flatMap(({ manager }) => manager.status().counts);
    const expected = held.reduce((sum, { owner, bucket, live }) => sum + (owner === oldest[bucket] ? live : 0), 0);
    const weighed = ask(world, (on) => ready(on, true));
    assert.equal(weighed.error, null);
    assert.equal(code(ask(world, (on) => world.manager.drainBlade("irvington", null, on)).error), "E_HISTORY_FULL");
    const drained = ask(world, (on) => world.manager.drainBlade("irvington", null, on, true));
    assert.equal(drained.error, null);
    assert.equal(weighed.cut! + drained.cut!, expected, "what the oldest had, in all buckets");
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 0, hartsdale: 0, irvington: 0, tarrytown: 16 });
    assert.equal(world.manager.status().tally.cut.forced, expected);
  });

  test("a blade is added by force", () => {
    const { world } = full();
    // The newcomer has to get what is full: the others have nothing else.
    assert.equal(ask(world, (on) => world.manager.setWeights({ tarrytown: 0 }, on)).error, null);
    const yonkers = world.plug("yonkers");
    assert.equal(code(ask(world, (on) => world.manager.addBlades([yonkers], on)).error), "E_HISTORY_FULL");
    const { error, cut } = ask(world, (on) => world.manager.addBlades([yonkers], on, true));
    assert.equal(error, null);
    assert.ok(cut! > 0 && cut! < FLOWS);
    assert.equal(world.current()["yonkers"], 3);
  });

  test("an appliance manager that is killed after the count goes on with it, and does not count twice", () => {
    const { world, saved } = full();
    world.manager.moveBuckets(ALL, "tarrytown", undefined, true);
    assert.ok(world.clock.until(() => saved.at(-1)!.tally.cut.forced > 0, 5_000));
    world.life.end();
    world.clock.advance(100);
    world.restartManager(saved.at(-1)!);
    world.clock.advance(5_000);
    assert.equal(world.manager.status().phase, "idle");
    assert.deepEqual(world.manager.status().tally.cut, { deadline: 0, failed: 0, forced: FLOWS, flows: 0 });
    assert.equal(saved.at(-1)!.view.force, undefined);
  });
});
