import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HISTORY_DEPTH, type Assignment } from "../../host/model/assignment.ts";
import {
  bucketCounts,
  bucketsLost,
  digest,
  emptyAssignment,
  expel,
  forget,
  previousBuckets,
  succeed,
} from "../../host/supervisor/succession.ts";
import { randomOf, shuffled } from "./random.ts";
import { assignmentAfter, member, viewOf } from "./views.ts";

/** Names in each bucket's history. */
function names({ owners, buckets }: ReturnType<typeof emptyAssignment>): string[][] {
  return buckets.map((history) => history.map((number) => owners[number]!.name));
}

describe("the assignment that follows another", () => {
  test("makes the losing owner the first previous one", () => {
    const after = assignmentAfter(viewOf([member("a")], 2), viewOf([member("a"), member("b")], 2));
    assert.deepEqual(names(after), [["b", "a"], ["a"]]);
  });

  test("names an owner once when a bucket comes back to it", () => {
    const only = (name: string) =>
      viewOf(
        ["a", "b", "c"].map((n) => member(n, 1, n === name ? "active" : "draining")),
        1,
      );
    const after = assignmentAfter(only("a"), only("b"), only("c"), only("a"));
    assert.deepEqual(names(after), [["a", "c", "b"]]);
  });

  test("refuses a history that is too long, and says of how many buckets", () => {
    const only = (at: number) =>
      viewOf(
        ["a", "b", "c", "d", "e"].map((n, i) => member(n, 1, i === at ? "active" : "draining")),
        8,
      );
    const full = assignmentAfter(only(0), only(1), only(2), only(3));
    assert.equal(full.buckets[0]!.length, HISTORY_DEPTH);
    assert.throws(
      () => succeed(only(4), full, 5),
      (error: { code: string; message: string; exitStatus: number }) => {
        assert.equal(error.code, "E_HISTORY_FULL");
        assert.match(error.message, /^8 of the buckets/);
        assert.equal(error.exitStatus, 1);
        return true;
      },
    );
  });

  test("keeps an owner's number while a history or a member names it, and fills the holes", () => {
    const first = assignmentAfter(viewOf([member("a"), member("b"), member("c")], 4));
    assert.deepEqual(
      first.owners.map((owner) => owner?.name),
      ["a", "b", "c"],
    );
    const draining = succeed(viewOf([member("a", 1, "draining"), member("b"), member("c")], 4), first, 2);
    const removed = succeed(viewOf([member("b"), member("c")], 4), draining, 3);
    assert.equal(removed.owners[0]!.name, "a", "a history names it");
    const done = forget(removed, [{ owner: "a", buckets: previousBuckets(removed, "a") }], 4);
    const offline = succeed(viewOf([member("a", 1, "offline"), member("b"), member("c")], 4), done, 5);
    assert.equal(offline.owners[0]!.name, "a", "a member names it");
    const joined = succeed(viewOf([member("b"), member("c"), member("d"), member("e")], 4), done, 5);
    assert.deepEqual(
      joined.owners.map((owner) => owner?.name),
      ["d", "b", "c", "e"],
    );
  });

  test("says of each owner since when it is in: anew when it has been away, and not when it has only lost its buckets", () => {
    const first = assignmentAfter(viewOf([member("a"), member("b")], 4));
    const since = ({ owners }: Assignment) => owners.map((owner) => owner?.since);
    const draining = succeed(viewOf([member("a", 1, "draining"), member("b")], 4), first, 2);
    const drained = forget(draining, [{ owner: "a", buckets: previousBuckets(draining, "a") }], 3);
    const back = succeed(viewOf([member("a"), member("b")], 4), drained, 4);
    assert.deepEqual([first, draining, drained, back].map(since), Array.from({ length: 4 }, () => [1, 1]));
    const failed = expel(viewOf([member("a", 1, "failed"), member("b")], 4), first, "a", 2);
    const cut = forget(draining, [{ owner: "a", buckets: previousBuckets(draining, "a") }], 3, "a");
    const cutAndMore = succeed(viewOf([member("a", 1, "draining"), member("b"), member("c")], 4), cut, 4);
    assert.deepEqual([cutAndMore.owners[0]!.since, cutAndMore.owners[0]!.away], [1, true], "it is not offline yet");
    for (const away of [failed, cut]) {
      assert.deepEqual(since(away), [1, 1]);
      assert.deepEqual(since(succeed(viewOf([member("a"), member("b"), member("c")], 4), away, 9)), [9, 1, 9]);
    }
  });

  test("forgets previous owners where they have drained, and never a current one", () => {
    const last = assignmentAfter(viewOf([member("a")], 4), viewOf([member("a", 1, "draining"), member("b")], 4));
    const next = forget(
      last,
      [
        { owner: "a", buckets: [0, 2] },
        { owner: "b", buckets: [0, 1] },
      ],
      3,
    );
    assert.deepEqual(names(next), [["b"], ["b", "a"], ["b"], ["b", "a"]]);
    assert.equal(next.generation, 3);
    assert.deepEqual(previousBuckets(next, "a"), [1, 3]);
    assert.deepEqual(previousBuckets(next, "nobody"), []);
  });

  test("without a blade gives away what it had, and moves nothing else, whatever balance says", () => {
    const members = ["a", "b", "c"].map((name) => member(name));
    const first = assignmentAfter(viewOf(members, 8));
    const moves = [0, 1, 2, 3, 4, 5].map((bucket) => ({ bucket, to: "a" }));
    const last = succeed({ ...viewOf(members, 8), moves }, first, 2);
    const view = viewOf([member("a"), member("b"), member("c", 1, "failed")], 8);
    const next = expel(view, last, "c", 3);
    for (const [bucket, history] of names(last).entries()) {
      const rest = history.filter((name) => name !== "c");
      const after = names(next)[bucket]!;
      if (history[0] === "c") assert.deepEqual(after.slice(-rest.length), rest.length > 0 ? rest : after.slice(0));
      else assert.deepEqual(after, rest);
      assert.ok(after.length > 0 && !after.includes("c"));
    }
    assert.deepEqual(bucketCounts(next)["a"], bucketCounts(last)["a"]);
    assert.equal(next.owners[2]!.name, "c", "its number is kept: others may still know it by it");
  });

  test("without a blade gives no bucket to whom something is left there that others may have opened anew, if there is a choice", () => {
    const members = ["a", "b", "c", "d"].map((name) => member(name));
    const first = assignmentAfter(viewOf(members, 8));
    const all = [...first.buckets.keys()];
    const last = succeed({ ...viewOf(members, 8), moves: all.map((bucket) => ({ bucket, to: "d" })) }, first, 2);
    const view = viewOf([...["a", "b", "c"].map((name) => member(name)), member("d", 1, "failed")], 8);
    const planned = names(expel(view, last, "d", 3));
    const live = new Map([["a", new Map(all.map((bucket) => [bucket, 1]))]]);
    const next = names(expel(view, last, "d", 3, live));
    for (const bucket of all) {
      const previous = names(last)[bucket]!.filter((name) => name !== "d");
      if (planned[bucket]![0] !== "a" || previous.includes("a") || previous.length === 0) assert.deepEqual(next[bucket], planned[bucket]);
      else assert.notEqual(next[bucket]![0], "a");
    }
    assert.notDeepEqual(next, planned);
    const everyone = new Map(["a", "b", "c"].map((name) => [name, new Map(all.map((bucket) => [bucket, 1]))]));
    assert.ok(names(expel(view, last, "d", 3, everyone)).every((history) => history.length > 0));
  });

  test("without a blade takes nothing but the assigner's word for who inherits, and needs somebody", () => {
    const last = assignmentAfter(viewOf([member("a"), member("b")], 4));
    const nobody = viewOf([member("a", 1, "failed"), member("b", 1, "draining")], 4);
    assert.throws(() => expel(nobody, last, "a", 2), { code: "E_NO_ACTIVE_MEMBER" });
  });

  test("tells what an owner loses, and counts what everyone has", () => {
    const before = assignmentAfter(viewOf([member("a"), member("b")], 8));
    const after = succeed(viewOf([member("a"), member("b", 3)], 8), before, 2);
    assert.equal(bucketsLost(before, after, "a").length, 2);
    assert.deepEqual(bucketsLost(before, after, "b"), []);
    assert.deepEqual(bucketCounts(after), { a: 2, b: 6 });
  });

  test("has one digest for one assignment, and another for any other", () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = randomOf(seed);
      const members = ["a", "b", "c", "d"].map((name) => member(name, 1 + random(3)));
      const last = assignmentAfter(viewOf(members.slice(0, 2), 64));
      const next = succeed(viewOf(members, 64), last, 2);
      assert.equal(
        digest(succeed(viewOf(shuffled(members, random), 64), structuredClone(last), 2)),
        digest(next),
        `seed ${seed}`,
      );
      const bucket = random(64);
      const changed = next.buckets.map((history, at) =>
        at === bucket ? [...history].reverse().concat(3).slice(-1) : history,
      );
      if (JSON.stringify(changed) !== JSON.stringify(next.buckets)) {
        assert.notEqual(digest({ ...next, buckets: changed }), digest(next), `seed ${seed}`);
      }
      assert.notEqual(digest({ ...next, generation: 3 }), digest(next));
      assert.notEqual(
        digest({ ...next, owners: next.owners.map((owner) => owner && { ...owner, port: 9 }) }),
        digest(next),
      );
    }
  });
});
