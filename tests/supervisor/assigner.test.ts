import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DobbsError } from "../../host/errors.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { assignerOf, balanced } from "../../host/supervisor/assigner.ts";
import type { Member, View } from "../../host/supervisor/view.ts";
import { randomOf, shuffled } from "./random.ts";
import { assignmentAfter, currentNames, member, viewOf } from "./views.ts";

const NAMES = ["ardsley", "dobbs-ferry", "hartsdale", "irvington", "scarsdale", "tarrytown"];
const RUNS = 300;

/** A random view, not without an active member of some weight. */
function randomMembers(random: (below: number) => number): Member[] {
  const members = NAMES.slice(0, 1 + random(NAMES.length)).map((name) =>
    member(name, random(4) === 0 ? (1 + random(8)) / 3 : random(5), random(5) === 0 ? "draining" : "active"),
  );
  return [...members.slice(1), member(members[0]!.name, 1)];
}

/** A random assignment that some history of reconfigurations has left, without previous owners. */
function randomLast(random: (below: number) => number, buckets: number): Assignment {
  const owners = NAMES.map((name) => ({ ...member(name), since: 1 }));
  const counts = owners.map(() => random(10));
  const total = counts.reduce((sum, count) => sum + count, 1);
  return {
    generation: 7,
    owners,
    buckets: Array.from({ length: buckets }, () => {
      let at = random(total);
      const owner = counts.findIndex((count) => (at -= count) < 0);
      return [owner < 0 ? 0 : owner];
    }),
  };
}

function eligible(view: View): Member[] {
  return view.members.filter(({ status, weight }) => status === "active" && weight > 0);
}

function countsOf(plan: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of plan) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Fewest moves of any balanced plan: every way of giving each member the floor or the ceiling of its share is tried. */
function fewestMoves(view: View, last: Assignment): number {
  const members = eligible(view);
  const weights = members.reduce((sum, { weight }) => sum + weight, 0);
  const held = countsOf(currentNames(last));
  let fewest = Number.POSITIVE_INFINITY;
  const tryFrom = (at: number, left: number, kept: number): void => {
    if (at === members.length) {
      if (left === 0) fewest = Math.min(fewest, view.buckets - kept);
      return;
    }
    const share = (view.buckets * members[at]!.weight) / weights;
    const near = Math.abs(share - Math.round(share)) < 1e-6;
    const options = near ? [Math.round(share)] : [Math.floor(share), Math.ceil(share)];
    for (const count of options)
      tryFrom(at + 1, left - count, kept + Math.min(count, held.get(members[at]!.name) ?? 0));
  };
  tryFrom(0, view.buckets, 0);
  return fewest;
}

describe("the balanced assigner", () => {
  test("deals buckets round robin, by name, at first", () => {
    const plan = balanced(viewOf([member("c"), member("a"), member("b")], 8), null);
    assert.deepEqual(plan, ["a", "b", "c", "a", "b", "c", "a", "b"]);
  });

  test("gives each member its weighted share, to within one bucket, from any last assignment", () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomOf(seed);
      const view = viewOf(randomMembers(random), 1 << (2 + random(7)));
      const last = random(3) === 0 ? null : randomLast(random, view.buckets);
      const counts = countsOf(balanced(view, last));
      const members = eligible(view);
      const weights = members.reduce((sum, { weight }) => sum + weight, 0);
      for (const { name, weight } of members) {
        const share = (view.buckets * weight) / weights;
        assert.ok(
          Math.abs((counts.get(name) ?? 0) - share) < 1,
          `seed ${seed}: ${name} has ${counts.get(name)} of ${share}`,
        );
      }
      assert.deepEqual(
        [...counts.keys()].filter((name) => !members.some((m) => m.name === name)),
        [],
        `seed ${seed}`,
      );
    }
  });

  test("moves no more buckets than balance needs", () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomOf(seed);
      const view = viewOf(randomMembers(random), 1 << (2 + random(7)));
      const last = randomLast(random, view.buckets);
      const plan = balanced(view, last);
      const moved = currentNames(last).filter((name, bucket) => name !== plan[bucket]).length;
      assert.equal(moved, fewestMoves(view, last), `seed ${seed}`);
    }
  });

  test("depends neither on the order of the members nor on anything but its arguments, which it leaves alone", () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomOf(seed);
      const view = viewOf(randomMembers(random), 64);
      const last = randomLast(random, 64);
      const before = JSON.stringify([view, last]);
      const plan = balanced(view, last);
      assert.deepEqual(balanced({ ...view, members: shuffled(view.members, random) }, last), plan, `seed ${seed}`);
      assert.deepEqual(balanced(view, last), plan, `seed ${seed}`);
      assert.equal(JSON.stringify([view, last]), before, `seed ${seed}`);
    }
  });

  test("a view that has not changed moves nothing", () => {
    const view = viewOf([member("a"), member("b", 2), member("c", 0.5)]);
    const last = assignmentAfter(view);
    assert.deepEqual(balanced(view, last), currentNames(last));
  });

  test("takes buckets with short histories before those with long ones", () => {
    const last = assignmentAfter(viewOf([member("a")], 4), viewOf([member("a", 1, "draining"), member("b")], 4));
    const mixed = { ...last, buckets: last.buckets.map((history, bucket) => (bucket < 2 ? history : [history[0]!])) };
    const plan = balanced(viewOf([member("b"), member("c")], 4), mixed);
    assert.deepEqual(plan, ["b", "b", "c", "c"]);
  });

  test("gives nothing more to members of silent blades, and takes from them what balance takes", () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomOf(seed);
      const view = viewOf(randomMembers(random), 1 << (2 + random(7)));
      const last = randomLast(random, view.buckets);
      const members = eligible(view);
      const silent = members.filter(() => random(3) === 0).map(({ blade }) => blade);
      const plan = balanced({ ...view, silent }, last);
      const [before, free, after] = [countsOf(currentNames(last)), countsOf(balanced(view, last)), countsOf(plan)];
      if (silent.length === members.length) {
        assert.deepEqual(plan, balanced(view, last), `seed ${seed}: all are silent`);
        continue;
      }
      for (const name of silent) {
        const expected = Math.min(before.get(name) ?? 0, free.get(name) ?? 0);
        assert.equal(after.get(name) ?? 0, expected, `seed ${seed}: ${name}`);
        const gained = plan.filter((owner, bucket) => owner === name && currentNames(last)[bucket] !== name);
        assert.equal(gained.length, 0, `seed ${seed}: ${name}`);
      }
      // The others share the rest by weight.
      const heard = members.filter(({ blade }) => !silent.includes(blade));
      const rest = heard.reduce((sum, { name }) => sum + (after.get(name) ?? 0), 0);
      const weights = heard.reduce((sum, { weight }) => sum + weight, 0);
      for (const { name, weight } of heard)
        assert.ok(Math.abs((after.get(name) ?? 0) - (rest * weight) / weights) < 1, `seed ${seed}: ${name}`);
    }
  });

  test("carries out ordered moves, and no others", () => {
    const last = assignmentAfter(viewOf([member("a"), member("b")], 8));
    const view = { ...viewOf([member("a"), member("b")], 8), moves: [{ bucket: 0, to: "b" }] };
    assert.deepEqual(balanced(view, last), ["b", ...currentNames(last).slice(1)]);
  });

  for (const [what, change, code] of [
    ["a bucket that is not there", { moves: [{ bucket: 8, to: "a" }] }, "E_BUCKET_UNKNOWN"],
    ["an owner that is not there", { moves: [{ bucket: 1, to: "x" }] }, "E_OWNER_NOT_ACTIVE"],
    ["a draining owner", { moves: [{ bucket: 1, to: "b" }] }, "E_OWNER_NOT_ACTIVE"],
    ["no active member at all", { members: [member("a", 1, "draining"), member("b", 0)] }, "E_NO_ACTIVE_MEMBER"],
  ] as const) {
    test(`refuses ${what}`, () => {
      const view = { ...viewOf([member("a"), member("b", 1, "draining")], 8), ...change };
      assert.throws(
        () => balanced(view, assignmentAfter(viewOf([member("a")], 8))),
        (error) => error instanceof DobbsError && error.code === code,
      );
    });
  }

  test("an assigner is found by its name, and a wrong name is refused", () => {
    assert.equal(assignerOf("balanced"), balanced);
    assert.throws(() => assignerOf("random"), { code: "E_ASSIGNER_UNKNOWN" });
  });
});
