/** Moves by load, against a model of blades whose load follows their connections: that they end, and stay within bounds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { asOrder } from "../../host/process/message-schema.ts";
import { balanced } from "../../host/supervisor/assigner.ts";
import { planByLoad, type LoadPlan } from "../../host/supervisor/load-policy.ts";
import { changeView } from "../../host/supervisor/requests.ts";
import { bucketCounts, forget, succeed } from "../../host/supervisor/succession.ts";
import type { View } from "../../host/supervisor/view.ts";
import type { LoadBalance } from "../../host/model/appliance.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { randomOf } from "./random.ts";
import { assignmentAfter, member, viewOf } from "./views.ts";

const POLICY: LoadBalance = { share: 0.05, everyMs: 10_000, gap: 0.25 };
const BUCKETS = 256;
/** Of the average that hosts report. */
const SMOOTHING_S = 5;
const EVERY_S = POLICY.everyMs / 1_000;

interface Plant {
  readonly names: readonly string[];
  readonly cpus: readonly number[];
  /** Connections a second, by bucket. */
  rates: number[];
  /** Mean life of a connection, s. */
  readonly life: number;
  /** Share of a CPU that a live connection takes. */
  readonly cost: number;
  /** Up to so much more or less, at each reading. */
  readonly noise: number;
}

/** Blades with connections: those in a bucket stay with the blade that was its current owner when they came. */
class Model {
  view: View;
  assignment: Assignment;
  readonly steps: LoadPlan[] = [];
  /** Most buckets that were on their way at once. */
  onTheirWay = 0;
  #isUneven = false;
  readonly #plant: Plant;
  readonly #live: Map<string, Float64Array>;
  readonly #reported: number[];
  readonly #random: (below: number) => number;

  constructor(plant: Plant, random: (below: number) => number) {
    this.#plant = plant;
    this.#random = random;
    this.view = viewOf(plant.names.map((name) => member(name)), BUCKETS);
    this.assignment = assignmentAfter(this.view);
    this.#live = new Map(plant.names.map((name) => [name, new Float64Array(BUCKETS)]));
    this.#reported = plant.names.map(() => 0);
    // In balance with what comes and goes, as things are at first.
    for (let second = 0; second < plant.life * 8 + 60; second++) this.#second();
  }

  /** So many looks, and what happens in between. */
  run(looks: number): this {
    for (let look = 0; look < looks; look++) {
      const sums = this.#plant.names.map(() => 0);
      for (let second = 0; second < EVERY_S; second++) {
        this.#second();
        this.#reported.forEach((load, at) => (sums[at]! += load / EVERY_S));
      }
      this.#look(new Map(this.#plant.names.map((name, at) => [name, sums[at]!])));
    }
    return this;
  }

  /** Without noise. */
  loads(): number[] {
    const { names, cpus, cost } = this.#plant;
    return names.map((name, at) => (this.#live.get(name)!.reduce((sum, live) => sum + live, 0) * cost) / cpus[at]!);
  }

  gap(): number {
    return Math.max(...this.loads()) - Math.min(...this.loads());
  }

  #second(): void {
    const { names, rates, life, noise } = this.#plant;
    for (const name of names) {
      const live = this.#live.get(name)!;
      for (let bucket = 0; bucket < BUCKETS; bucket++) live[bucket]! *= 1 - 1 / life;
    }
    for (const [bucket, [current]] of this.assignment.buckets.entries())
      this.#live.get(this.assignment.owners[current!]!.name)![bucket]! += rates[bucket]!;
    const drained = names.map((owner) => ({
      owner,
      buckets: [...this.assignment.buckets.keys()].filter((bucket) => this.#live.get(owner)![bucket]! < 0.1),
    }));
    this.assignment = forget(this.assignment, drained, this.assignment.generation + 1);
    this.loads().forEach((load, at) => {
      const read = Math.max(0, load + (noise * (this.#random(2_001) - 1_000)) / 1_000);
      this.#reported[at]! += (read - this.#reported[at]!) / SMOOTHING_S;
    });
  }

  #look(loads: ReadonlyMap<string, number>): void {
    const live = (owner: string, bucket: number): number => Math.round(this.#live.get(owner)![bucket]!);
    const plan = planByLoad({ view: this.view, assignment: this.assignment, loads, live }, POLICY, this.#isUneven);
    this.#isUneven = plan.isUneven;
    this.steps.push(plan);
    if (plan.moves.length > 0) {
      const view = changeView(this.view, { kind: "load", moves: plan.moves, factors: plan.factors });
      this.assignment = succeed(view, this.assignment, this.assignment.generation + 1);
      this.view = { ...view, moves: [] };
    }
    this.onTheirWay = Math.max(this.onTheirWay, this.assignment.buckets.filter((history) => history.length > 1).length);
  }
}

function plantOf(random: (below: number) => number, change: Partial<Plant> = {}): Plant {
  const names = ["ardsley", "dobbs-ferry", "hartsdale", "irvington", "tarrytown", "scarsdale"].slice(0, 2 + random(5));
  // Some buckets have ten times as many connections as others.
  const rates = Array.from({ length: BUCKETS }, () => 0.05 + (random(20) === 0 ? random(100) : random(20)) / 100);
  const cpus = names.map(() => [1, 2, 4][random(3)]!);
  const life = [2, 10, 40][random(3)]!;
  const live = rates.reduce((sum, rate) => sum + rate, 0) * life;
  // All of them together are busy to 80%.
  const cost = (0.8 * cpus.reduce((sum, cpu) => sum + cpu, 0)) / live;
  return { names, cpus, rates, life, cost, noise: 0.05, ...change };
}

const LOOKS = 120;
const QUIET_LOOKS = 40;

function movesOf(steps: readonly LoadPlan[]): number {
  return steps.reduce((sum, { moves }) => sum + moves.length, 0);
}

describe("moves by load", () => {
  test("come to an end with the loads even, and never more buckets are on their way than the share", () => {
    let moving = 0;
    for (let seed = 1; seed <= 24; seed++) {
      const random = randomOf(seed);
      const plant = plantOf(random);
      const model = new Model(plant, random);
      const before = model.gap();
      model.run(LOOKS);
      const bound = Math.floor(POLICY.share * BUCKETS);
      assert.ok(model.steps.every(({ moves }) => moves.length <= bound), `seed ${seed}: the bound of a step`);
      assert.ok(model.onTheirWay <= bound, `seed ${seed}: ${model.onTheirWay} on their way`);
      assert.equal(movesOf(model.steps.slice(-QUIET_LOOKS)), 0, `seed ${seed}: it goes on moving`);
      assert.ok(model.gap() <= POLICY.gap + 0.05, `seed ${seed}: from ${before.toFixed(2)} to ${model.gap().toFixed(2)}`);
      if (before > 2 * POLICY.gap) moving++;
    }
    assert.ok(moving > 10, `${moving} had something to do`);
  });

  test("do not move a bucket to and fro", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = randomOf(seed);
      const model = new Model(plantOf(random), random).run(LOOKS);
      const moves = model.steps.flatMap((step) => step.moves);
      const times = new Map<number, number>();
      for (const { bucket } of moves) times.set(bucket, (times.get(bucket) ?? 0) + 1);
      assert.ok(Math.max(0, ...times.values()) <= 2, `seed ${seed}`);
      assert.ok(times.size >= moves.length * 0.95, `seed ${seed}: ${moves.length} moves of ${times.size} buckets`);
    }
  });

  test("follow when what clients do changes, and settle again", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomOf(seed);
      const plant = plantOf(random, { life: 10 });
      const model = new Model(plant, random).run(LOOKS);
      const [first] = bucketsOf(model, plant.names[0]!);
      assert.ok(first !== undefined);
      // Buckets of the first blade become three times as busy.
      const own = new Set(bucketsOf(model, plant.names[0]!));
      plant.rates = plant.rates.map((rate, bucket) => (own.has(bucket) ? rate * 3 : rate));
      const from = model.steps.length;
      model.run(LOOKS);
      assert.ok(movesOf(model.steps.slice(from)) > 0, `seed ${seed}: it has followed`);
      assert.equal(movesOf(model.steps.slice(-QUIET_LOOKS)), 0, `seed ${seed}: it goes on moving`);
    }
  });

  test("leave a single bucket that is most of the load where it is, and settle", () => {
    const random = randomOf(3);
    const rates = Array.from({ length: BUCKETS }, (_, bucket) => (bucket === 7 ? 40 : 0.1));
    const plant = plantOf(random, { names: ["ardsley", "dobbs-ferry"], cpus: [1, 1], rates, life: 10, cost: 0.0016 });
    const model = new Model(plant, random).run(LOOKS);
    const moves = model.steps.flatMap((step) => step.moves);
    assert.ok(moves.length > 0);
    assert.ok(moves.every(({ bucket }) => bucket !== 7));
    assert.equal(movesOf(model.steps.slice(-QUIET_LOOKS)), 0);
    assert.ok(Object.values(bucketCounts(model.assignment)).every((count) => count >= 1));
  });

  test("move nothing while loads waver about even", () => {
    const random = randomOf(5);
    const plant = plantOf(random, { names: ["ardsley", "dobbs-ferry"], cpus: [2, 2], rates: Array.from({ length: BUCKETS }, () => 0.2), noise: 0.4 });
    assert.equal(movesOf(new Model(plant, random).run(LOOKS).steps), 0);
  });

  test("wait for connections that do not close: what is on its way stays within the share for good", () => {
    const random = randomOf(8);
    const plant = plantOf(random, { names: ["ardsley", "dobbs-ferry"], cpus: [1, 4], life: 100_000, rates: Array.from({ length: BUCKETS }, () => 0.001), cost: 0.03 });
    const model = new Model({ ...plant, life: 500 }, random).run(20);
    assert.ok(movesOf(model.steps) > 0);
    assert.ok(model.onTheirWay <= Math.floor(POLICY.share * BUCKETS));
  });
});

function bucketsOf({ assignment }: Model, name: string): number[] {
  return [...assignment.buckets.keys()].filter((bucket) => assignment.owners[assignment.buckets[bucket]![0]!]!.name === name);
}

describe("a plan by load", () => {
  const view = viewOf([member("a"), member("b"), member("c")], 256);
  const assignment = assignmentAfter(view);
  const live = (): number => 10;
  const plan = (loads: Readonly<Record<string, number>>, wasUneven = false, change: object = {}) =>
    planByLoad({ view, assignment, loads: new Map(Object.entries(loads)), live, ...change }, POLICY, wasUneven);

  test("begins at the gap, and goes on until half of it", () => {
    assert.deepEqual(plan({ a: 0.6, b: 0.4, c: 0.4 }), { isUneven: false, moves: [], factors: {} });
    assert.ok(plan({ a: 0.7, b: 0.4, c: 0.4 }).moves.length > 0);
    assert.ok(plan({ a: 0.6, b: 0.4, c: 0.4 }, true).moves.length > 0);
    assert.deepEqual(plan({ a: 0.5, b: 0.4, c: 0.4 }, true), { isUneven: false, moves: [], factors: {} });
  });

  test("takes from the busiest and gives to the idlest, up to the share", () => {
    const { moves } = plan({ a: 3, b: 0.5, c: 0.1 });
    assert.equal(moves.length, 12);
    assert.ok(moves.every(({ bucket, to }) => assignment.buckets[bucket]![0] === 0 && to === "c"));
  });

  test("leaves out who is not heard, who drains, who has weight 0; and does nothing with one alone", () => {
    assert.ok(plan({ a: 3, b: 0.1 }).moves.every(({ to }) => to === "b"));
    const members = [member("a"), member("b", 0), member("c", 1, "draining")];
    const pictures: Record<string, number>[] = [{ a: 3, b: 0.1 }, { a: 3, c: 0.1 }, { a: 3 }, {}];
    for (const loads of pictures)
      assert.deepEqual(plan(loads, false, { view: viewOf(members, 256) }).moves, [], JSON.stringify(loads));
  });

  test("waits while so many buckets are on their way, and never takes one that is", () => {
    const buckets = assignment.buckets.map((history, bucket) => (bucket % 25 === 0 ? [...history, 2] : history)).map((history) => [...new Set(history)]);
    const busy = { ...assignment, buckets };
    const onTheirWay = buckets.filter(({ length }) => length > 1).length;
    assert.ok(onTheirWay > 0 && onTheirWay < 12);
    const { moves } = plan({ a: 3, b: 0.1, c: 0.1 }, true, { assignment: busy });
    assert.equal(moves.length, 12 - onTheirWay);
    assert.ok(moves.every(({ bucket }) => buckets[bucket]!.length === 1));
    const full = { ...assignment, buckets: assignment.buckets.map((history, bucket) => (bucket < 12 ? [history[0]!, (history[0]! + 1) % 3] : history)) };
    assert.deepEqual(plan({ a: 3, b: 0.1, c: 0.1 }, true, { assignment: full }), { isUneven: true, moves: [], factors: {} });
  });

  test("never takes a blade's last bucket", () => {
    const two = viewOf([member("a"), member("b")], 2);
    const { moves } = planByLoad({ view: two, assignment: assignmentAfter(two), loads: new Map([["a", 3], ["b", 0]]), live }, { ...POLICY, share: 1 }, false);
    assert.deepEqual(moves, []);
  });

  test("gives to the VM of a blade that has the fewest for its weight", () => {
    const vms = viewOf([member("a"), member("b/vm1", 0.25), member("b/vm2", 0.75)], 64);
    const { moves } = planByLoad({ view: vms, assignment: assignmentAfter(vms), loads: new Map([["a", 3], ["b", 0]]), live }, { ...POLICY, share: 0.25 }, false);
    const to = moves.map((move) => move.to);
    assert.equal(to.length, 16);
    assert.deepEqual([to.filter((name) => name === "b/vm1").length, to.filter((name) => name === "b/vm2").length], [4, 12]);
  });

  test("is remembered in the weights: balance gives each what load gave it, and a newcomer its share", () => {
    const { moves, factors } = plan({ a: 3, b: 0.5, c: 0.1 });
    const after = changeView(view, { kind: "load", moves, factors });
    const next = succeed(after, assignment, 2);
    const settled = changeView(after, { kind: "rebalance", force: false });
    assert.deepEqual(balanced(settled, next), next.buckets.map(([current]) => next.owners[current!]!.name));
    const joined = succeed({ ...settled, members: [...settled.members, member("d")] }, next, 3);
    const counts = bucketCounts(joined);
    assert.equal(counts["d"], 64);
    assert.ok(counts["a"]! < counts["b"]! && counts["b"]! < counts["c"]!, JSON.stringify(counts));
    // Until an operator says otherwise.
    const weighed = changeView(settled, { kind: "weights", weights: { a: 1, b: 1, c: 1 }, force: false });
    assert.ok(weighed.members.every((one) => one.factor === undefined));
  });

  test("has factors that the link takes, whatever weights operators give", () => {
    for (const weight of [1e-3, 1e-8, 1e-300, 5e-324, 1_000]) {
      const odd = viewOf([member("a", weight), member("b"), member("c")]);
      // One bucket by an operator's order: its weight gives it none.
      const buckets = Array.from({ length: BUCKETS }, (_, bucket) => [bucket === 0 ? 0 : 1 + (bucket % 2)]);
      const last = { ...assignmentAfter(viewOf([member("a"), member("b"), member("c")])), buckets };
      const { moves, factors } = planByLoad({ view: odd, assignment: last, loads: new Map([["a", 0.1], ["b", 3], ["c", 1]]), live }, POLICY, false);
      assert.ok(moves.length > 0);
      assert.ok(Object.values(factors).every((factor) => factor > 0), JSON.stringify(factors));
      const order = { kind: "prepare", generation: last.generation + 1, view: changeView(odd, { kind: "load", moves, factors }), last };
      assert.notEqual(asOrder(JSON.parse(JSON.stringify(order))), null, `${weight}: ${JSON.stringify(factors)}`);
    }
  });

  test("depends on nothing but its arguments, which it leaves alone", () => {
    const loads = new Map([["c", 0.1], ["a", 3], ["b", 0.5]]);
    const before = JSON.stringify([view, assignment, [...loads]]);
    const one = planByLoad({ view, assignment, loads, live }, POLICY, false);
    const members = [...view.members].reverse();
    assert.deepEqual(planByLoad({ view: { ...view, members }, assignment, loads: new Map([...loads].reverse()), live }, POLICY, false), one);
    assert.equal(JSON.stringify([view, assignment, [...loads]]), before);
  });
});
