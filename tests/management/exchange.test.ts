import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Exchange, type Outcome } from "../../host/management/exchange.ts";
import type { Request } from "../../host/management/envelope.ts";
import { VirtualClock } from "../supervisor/clock.ts";
import { loadNode } from "../supervisor/images.ts";
import { ScriptedNode } from "./scripted-node.ts";

const { layout } = loadNode("blade");
const ANSWER_MS = 50;
const ATTEMPTS = 5;

function setUp() {
  const clock = new VirtualClock();
  const node = new ScriptedNode(layout, clock);
  const exchange = new Exchange(clock, node, { answerMs: ANSWER_MS, attempts: ATTEMPTS });
  const outcomes: Outcome[] = [];
  const run = (...requests: Request[]): void => exchange.run(requests, (outcome) => outcomes.push(outcome));
  const log = (): string[] => node.asked.map(({ type, sequence }) => `${type} ${sequence}`);
  return { clock, node, outcomes, run, log };
}

const list: Request = { type: "LIST", payload: Uint8Array.of(1, 2, 3) };
const chunks: Request[] = [0, 1, 2].map((chunk) => ({
  type: "PUT",
  table: "FILTER",
  chunk,
  chunks: 3,
  commit: chunk === 2,
  payload: Uint8Array.of(chunk),
}));

describe("an exchange", () => {
  test("says HELLO first, and goes on from the sequence that the image has taken last", () => {
    const { clock, node, outcomes, run, log } = setUp();
    node.script = () => ({ lastSequence: 41 });
    run(list);
    run(list);
    clock.advance(100);
    assert.deepEqual(log(), ["HELLO 1", "LIST 42", "LIST 43"]);
    assert.deepEqual(
      outcomes.map(({ ok }) => ok),
      [true, true],
    );
  });

  test("has one message in flight, and keeps the order", () => {
    const { clock, node, run, log } = setUp();
    node.script = () => ({ delayMs: 10 });
    run(list, list);
    run(...chunks);
    clock.advance(5);
    assert.equal(node.asked.length, 1);
    clock.advance(200);
    assert.deepEqual(log(), ["HELLO 1", "LIST 1", "LIST 2", "PUT 3", "PUT 4", "PUT 5"]);
    assert.deepEqual(
      node.asked.slice(3).map(({ chunk }) => chunk),
      [0, 1, 2],
    );
    const gaps = node.asked.slice(1).map(({ at }, index) => at - node.asked[index]!.at);
    assert.deepEqual(gaps, [10, 10, 10, 10, 10]);
  });

  test("sends the same bytes again when a request or its answer is lost", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = (_asked, number) => ({ lost: number === 1 || number === 2 });
    run(list);
    clock.advance(500);
    assert.deepEqual(
      node.asked.map(({ at }) => at),
      [0, 1, 51, 101],
    );
    assert.deepEqual(node.asked[2]!.bytes, node.asked[1]!.bytes);
    assert.deepEqual(node.asked[3]!.bytes, node.asked[1]!.bytes);
    assert.equal(outcomes.length, 1);
    assert.equal(outcomes[0]!.ok, true);
  });

  test("takes a late answer, and takes it once", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = (_asked, number) => (number === 1 ? { delayMs: ANSWER_MS + 20 } : { copies: 3 });
    run(list);
    run(list);
    clock.advance(1000);
    assert.deepEqual(
      outcomes.map(({ ok }) => ok),
      [true, true],
    );
    assert.deepEqual(
      node.asked.map(({ sequence }) => sequence),
      [1, 1, 1, 2],
      "one HELLO, one LIST twice, one LIST once",
    );
  });

  test("does not take the answer of one request for that of another", () => {
    const { clock, node, outcomes, run } = setUp();
    // The answer to the first request comes when the second is in flight, and the second's is lost.
    node.script = (_asked, number) => {
      if (number === 1) return { delayMs: 2, copies: 20 };
      return number > 1 ? { lost: true } : {};
    };
    run(list);
    run(list);
    clock.advance(1000);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? "OK" : outcome.status)),
      ["OK", "NO_ANSWER"],
    );
  });

  test("gives up after so many attempts, and says HELLO before the next request", () => {
    const { clock, node, outcomes, run, log } = setUp();
    let dead = true;
    node.script = (asked) => ({ lost: dead && asked.type === "LIST", lastSequence: 7 });
    run(list);
    clock.advance(ANSWER_MS * ATTEMPTS + 5);
    assert.equal(outcomes.length, 1);
    assert.deepEqual(outcomes[0], { ok: false, status: "NO_ANSWER", detail: 0, done: [] });
    assert.equal(node.asked.filter(({ type }) => type === "LIST").length, ATTEMPTS);
    dead = false;
    run(list);
    clock.advance(100);
    assert.deepEqual(log().slice(-2), ["HELLO 2", "LIST 9"], "8 may still arrive");
    assert.equal(outcomes[1]!.ok, true);
  });

  test("a node that never answers fails every request", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = () => ({ lost: true });
    run(list);
    run(list);
    clock.advance(ANSWER_MS * ATTEMPTS * 2 + 5);
    assert.deepEqual(
      outcomes.map((outcome) => !outcome.ok && outcome.status),
      ["NO_ANSWER", "NO_ANSWER"],
    );
  });

  test("goes on from another manager's sequence", () => {
    const { clock, node, outcomes, run, log } = setUp();
    node.script = (asked, number) =>
      number === 1
        ? { status: "STALE_SEQUENCE", detail: 90, lastSequence: 90 }
        : { lastSequence: asked.type === "HELLO" && number > 0 ? 90 : 0 };
    run(list);
    clock.advance(100);
    assert.deepEqual(log(), ["HELLO 1", "LIST 1", "HELLO 2", "LIST 91"]);
    assert.equal(outcomes[0]!.ok, true);
  });

  test("sends a whole table again when the image has lost its first chunks", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = (_asked, number) => (number === 3 ? { status: "BAD_CHUNK" } : {});
    run(...chunks);
    clock.advance(100);
    assert.deepEqual(
      node.asked.filter(({ type }) => type === "PUT").map(({ chunk }) => chunk),
      [0, 1, 2, 0, 1, 2],
    );
    assert.equal(outcomes[0]!.ok, true);
    assert.equal(outcomes[0]!.ok && outcomes[0]!.answers.length, 3);
  });

  test("does not send a table again for ever", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = (asked) => (asked.chunk === 1 ? { status: "BAD_CHUNK", detail: 5 } : {});
    run(...chunks);
    clock.advance(1000);
    assert.deepEqual(
      outcomes.map((outcome) => !outcome.ok && [outcome.status, outcome.detail]),
      [["BAD_CHUNK", 5]],
    );
    assert.equal(node.asked.filter(({ chunk }) => chunk === 1).length, 4);
  });

  test("a refusal ends its own requests, and no others", () => {
    const { clock, node, outcomes, run } = setUp();
    node.script = (asked) =>
      asked.type === "PUT" && asked.chunk === 1 ? { status: "TABLE_TOO_LARGE", detail: 99 } : {};
    run(...chunks);
    run(list);
    clock.advance(100);
    const [first, second] = outcomes;
    assert.ok(!first!.ok && first!.status === "TABLE_TOO_LARGE" && first!.detail === 99 && first!.done.length === 1);
    assert.equal(second!.ok, true);
    assert.deepEqual(
      node.asked.map(({ type }) => type),
      ["HELLO", "PUT", "PUT", "LIST"],
    );
  });

  test("ends what was encoded for an image that is gone, and goes on with the one that has come", () => {
    const clock = new VirtualClock();
    const before = new ScriptedNode(layout, clock);
    const after = new ScriptedNode(loadNode("blade").layout, clock);
    let there = before;
    const exchange = new Exchange(
      clock,
      {
        get layout() {
          return there.layout;
        },
        request: (message, onAnswer) => there.request(message, onAnswer),
      },
      { answerMs: ANSWER_MS, attempts: ATTEMPTS },
    );
    const outcomes: string[] = [];
    const run = (name: string, ...requests: Request[]): void =>
      exchange.run(requests, (outcome) => outcomes.push(`${name} ${outcome.ok ? "OK" : outcome.status}`));
    const records = exchange.records;
    // The second chunk's answer comes when the image has already changed.
    before.script = (asked) => (asked.chunk === 1 ? { delayMs: 40 } : {});
    run("table", ...chunks);
    run("waiting", list);
    clock.advance(10);
    assert.equal(before.asked.length, 3);
    there = after;
    assert.notEqual(exchange.records, records);
    run("new", list);
    after.script = () => ({ lastSequence: 70 });
    clock.advance(ANSWER_MS * 3);
    assert.deepEqual(outcomes, ["table NO_ANSWER", "waiting NO_ANSWER", "new OK"]);
    assert.equal(before.asked.length, 3);
    assert.deepEqual(
      after.asked.map(({ type, sequence }) => `${type} ${sequence}`),
      ["HELLO 2", "LIST 71"],
    );
  });

  test("no requests are carried out at once", () => {
    const { outcomes, run, node } = setUp();
    run();
    assert.deepEqual(outcomes, [{ ok: true, answers: [] }]);
    assert.equal(node.asked.length, 0);
  });
});
