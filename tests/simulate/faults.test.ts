/** Each fault does what its name says, in its window, and to nobody else. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VirtualClock } from "../../host/emulator/clock.ts";
import type { Layout } from "../../host/engine/layout.ts";
import { faulty } from "../../host/simulate/link-faults.ts";
import { faultyChannel, faultyPeers } from "../../host/simulate/message-faults.ts";
import type { FaultPlan } from "../../host/simulate/plan.ts";
import { Simulator } from "../../host/simulate/simulator.ts";
import { type FaultWorld, Strikes } from "../../host/simulate/strikes.ts";
import { mix } from "../../host/simulate/dice.ts";
import { path } from "../../host/simulate/path.ts";
import { Dice } from "../../host/simulate/dice.ts";
import { Process, skewed, TRUE_TIME } from "../../host/simulate/process.ts";
import { IMAGES } from "./images.ts";
import { MISSED_ASSIGNMENTS } from "./scripted-plans.ts";

const WINDOW = { fromUs: 1_000, toUs: 2_000 };
const SEED = 5;

function worldOf(clock: VirtualClock, strikes = new Strikes()): FaultWorld {
  return { clock, seed: SEED, strikes };
}

/** Ids of frames in the order of their arrival, when 100 are sent in the window and 100 after it. */
function arrivals(faults: readonly FaultPlan[], name = "wire/rye/west", strikes = new Strikes()): { during: number[]; after: number[] } {
  const clock = new VirtualClock();
  const got: number[] = [];
  const take = faulty(faults, name, "down", worldOf(clock, strikes), ({ id }) => got.push(id));
  const send = (from: number): void => {
    for (let i = 0; i < 100; i++) take({ bytes: new Uint8Array(0), id: mix(7, from + i), flow: from + i, redirects: 0 });
  };
  clock.at(1_500, () => send(0));
  clock.at(2_500, () => send(100));
  clock.runUntil(1_000_000);
  const number = new Map(Array.from({ length: 200 }, (_, i) => [mix(7, i), i]));
  const sent = got.map((id) => number.get(id)!);
  return { during: sent.filter((i) => i < 100), after: sent.filter((i) => i >= 100) };
}

const ALL = Array.from({ length: 100 }, (_, i) => i);
const LATER = ALL.map((i) => i + 100);

describe("on a wire", () => {
  test("loss", () => {
    const { during, after } = arrivals([{ kind: "loss", link: "wire/", share: 0.4, ...WINDOW }]);
    assert.ok(during.length > 40 && during.length < 80, String(during.length));
    assert.deepEqual(after, LATER);
  });

  test("duplication", () => {
    const { during, after } = arrivals([{ kind: "duplicate", link: "wire/rye/", share: 0.5, us: 500, ...WINDOW }]);
    assert.ok(during.length > 130 && during.length < 170, String(during.length));
    assert.deepEqual([...new Set(during)].sort((a, b) => a - b), ALL);
    assert.deepEqual(after, LATER);
  });

  test("delay lets others overtake", () => {
    const { during } = arrivals([{ kind: "delay", link: "wire/rye/west", share: 0.5, us: 400, ...WINDOW }]);
    assert.notDeepEqual(during, ALL);
    assert.deepEqual([...during].sort((a, b) => a - b), ALL);
  });

  test("partition", () => assert.deepEqual(arrivals([{ kind: "partition", link: "wire/", ...WINDOW }]), { during: [], after: LATER }));

  test("on another wire nothing happens", () => {
    const link = "wire/rye/west";
    assert.deepEqual(arrivals([{ kind: "partition", link, ...WINDOW }], "wire/rye/east"), { during: ALL, after: LATER });
  });

  test("a frame has its luck whatever else is sent", () => {
    const clock = new VirtualClock();
    const lost = (ids: readonly number[]): number[] => {
      const got: number[] = [];
      const take = faulty([{ kind: "loss", link: "up/", share: 0.5, fromUs: 0, toUs: 1 }], "up/0/west", "up", worldOf(clock), ({ id }) => got.push(id));
      for (const id of ids) take({ bytes: new Uint8Array(0), id, flow: 0, redirects: 0 });
      return ids.filter((id) => !got.includes(id));
    };
    const all = lost(ALL);
    assert.ok(all.length > 30);
    assert.deepEqual(lost(ALL.filter((id) => id % 3 === 0)), all.filter((id) => id % 3 === 0));
  });

  test("a way keeps the order, and takes no longer than it may", () => {
    const clock = new VirtualClock();
    const got: [number, number][] = [];
    const take = path(clock, 1_000, new Dice(SEED, "way"), ({ id }) => got.push([id, clock.now]));
    for (const id of ALL) clock.at(id * 10, () => take({ bytes: new Uint8Array(0), id, flow: 0, redirects: 0 }));
    clock.runUntil(100_000);
    assert.deepEqual(got.map(([id]) => id), ALL);
    for (const [id, at] of got) assert.ok(at - id * 10 >= 500 && at - id * 10 <= 1_000);
  });
});

/** Numbers of messages that rye sends to ossining, and when they have come. */
function mail(fault: FaultPlan, kind = "sessions", strikes = new Strikes()): [message: number, atUs: number][] {
  const clock = new VirtualClock();
  const got: [number, number][] = [];
  const peers = faultyPeers<{ kind: string; n: number }>([fault], "rye", { ...worldOf(clock, strikes), name: "rye 1" }, {
    send: (_, { n }) => got.push([n, clock.now]),
  });
  clock.at(1_500, () => ALL.forEach((n) => peers.send("ossining", { kind, n })));
  clock.runUntil(1_000_000);
  return got;
}

describe("between managers", () => {
  test("messages are lost, of and to the one that is named", () => {
    for (const who of ["rye", "ossining"]) assert.equal(mail({ kind: "mail-loss", who, share: 1, ...WINDOW }).length, 0);
    assert.equal(mail({ kind: "mail-loss", who: "yonkers", share: 1, ...WINDOW }).length, 100);
  });

  test("handover lists are lost, and nothing else is", () => {
    const fault = { kind: "handover-loss", share: 0.5, ...WINDOW } as const;
    const left = mail(fault, "handover").length;
    assert.ok(left > 25 && left < 75, String(left));
    assert.equal(mail(fault, "prepared").length, 100);
  });

  test("handover lists are late, and nothing else is", () => {
    const fault = { kind: "handover-delay", share: 0.5, us: 1_000, ...WINDOW } as const;
    const got = mail(fault, "handover");
    assert.notDeepEqual(got.map(([n]) => n), ALL);
    assert.deepEqual(got.map(([n]) => n).sort((a, b) => a - b), ALL);
    assert.deepEqual(mail(fault, "prepared").map(([n]) => n), ALL);
  });

  test("messages come twice", () => {
    const got = mail({ kind: "mail-repeat", who: "rye", share: 1, us: 1_000, ...WINDOW });
    assert.deepEqual(got.map(([n]) => n).sort((a, b) => a - b), ALL.flatMap((n) => [n, n]));
  });

  test("messages are late, and in another order", () => {
    const got = mail({ kind: "mail-delay", who: "ossining", share: 1, us: 1_000, ...WINDOW });
    assert.notDeepEqual(got.map(([n]) => n), ALL);
    assert.ok(got.every(([, at]) => at >= 1_500 && at <= 2_500));
  });
});

/** Messages that come to the node, and answers that come back, of 100. */
function management(fault: FaultPlan, strikes = new Strikes()): { messages: Uint8Array[]; answers: number } {
  const clock = new VirtualClock();
  const messages: Uint8Array[] = [];
  let answers = 0;
  const channel = faultyChannel([fault], "rye", { ...worldOf(clock, strikes), name: "rye 1" }, {
    layout: null as unknown as Layout,
    request: (message, onAnswer) => {
      messages.push(message);
      onAnswer(message);
    },
  });
  clock.at(1_500, () => ALL.forEach((n) => channel.request(Uint8Array.of(n, 1, 2, 3), () => answers++)));
  clock.runUntil(1_000_000);
  return { messages, answers };
}

describe("between a manager and a node", () => {
  const fault = { node: "rye", ...WINDOW };

  test("a message is lost", () => assert.deepEqual(management({ kind: "message-loss", share: 1, ...fault }), { messages: [], answers: 0 }));

  test("an answer is lost, and the message was not", () => {
    const { messages, answers } = management({ kind: "answer-loss", share: 1, ...fault });
    assert.deepEqual([messages.length, answers], [100, 0]);
  });

  test("a message comes twice", () => {
    const { messages } = management({ kind: "message-repeat", share: 1, us: 100, ...fault });
    assert.equal(messages.length, 200);
  });

  test("a message is late, and others overtake it", () => {
    const { messages, answers } = management({ kind: "message-delay", share: 0.5, us: 400, ...fault });
    assert.notDeepEqual(messages.map(([n]) => n), ALL);
    assert.equal(answers, 100);
  });

  test("only the beginning of a message comes", () => {
    const { messages } = management({ kind: "message-cut", share: 1, ...fault });
    assert.ok(messages.every(({ length }) => length < 4));
  });
});

describe("a fault has come to pass", () => {
  const LATE = { fromUs: 3_000, toUs: 4_000 };

  test("when it has hit a frame", () => {
    const strikes = new Strikes();
    const hit: FaultPlan = { kind: "delay", link: "wire/", share: 0.5, us: 10, ...WINDOW };
    const cut: FaultPlan = { kind: "partition", link: "wire/rye/west", ...WINDOW };
    const elsewhere: FaultPlan = { kind: "loss", link: "up/", share: 1, ...WINDOW };
    const late: FaultPlan = { kind: "loss", link: "wire/", share: 1, ...LATE };
    arrivals([cut, hit, elsewhere, late], "wire/rye/west", strikes);
    assert.deepEqual(new Set(strikes.faults), new Set([hit, cut]));
  });

  test("when it has hit a message", () => {
    const strikes = new Strikes();
    const letter: FaultPlan = { kind: "mail-loss", who: "rye", share: 1, ...WINDOW };
    const list: FaultPlan = { kind: "handover-loss", share: 1, ...WINDOW };
    const order: FaultPlan = { kind: "answer-loss", node: "rye", share: 1, ...WINDOW };
    mail(letter, "sessions", strikes);
    mail(list, "sessions", strikes);
    management(order, strikes);
    management({ ...order, ...LATE }, strikes);
    assert.deepEqual(strikes.faults, [letter, order]);
  });

  test("when something went down for it", () => {
    const quiet = { ...MISSED_ASSIGNMENTS, orders: [], flows: [], calmUs: 1_000_000 };
    const came: FaultPlan = { kind: "trap", node: "ardsley", when: { atUs: 400_000 }, during: "manage" };
    const never: FaultPlan = { kind: "kill", manager: "croton", when: { sent: "SEED", nth: 500 }, downUs: 1 };
    const { counts } = new Simulator(IMAGES).runPlan({ ...quiet, faults: [came, never] });
    assert.deepEqual([counts.faults, counts.faultsPlanned], [{ trap: 1 }, { trap: 1, kill: 1 }]);
  });
});

describe("a process", () => {
  test("that was killed does nothing any more", () => {
    const clock = new VirtualClock();
    const process = new Process(skewed(clock, TRUE_TIME));
    const done: string[] = [];
    process.clock().after(5, () => done.push("timer"));
    process.end();
    process.hear(() => done.push("heard"));
    clock.runUntil(1_000_000);
    assert.deepEqual(done, []);
  });

  test("that sleeps does what was due when it wakes, and has not heard what was said", () => {
    const clock = new VirtualClock();
    const process = new Process(skewed(clock, TRUE_TIME));
    const done: string[] = [];
    process.clock().after(5, () => done.push(`timer at ${clock.now}`));
    process.sleep();
    process.hear(() => done.push("heard"));
    clock.runUntil(20_000);
    process.wake();
    assert.deepEqual(done, ["timer at 20000"]);
  });

  test("has a clock of its own", () => {
    const clock = new VirtualClock();
    const own = new Process(skewed(clock, { ppm: 1_000, aheadMs: 70 })).clock();
    let rang = 0;
    own.after(1_000, () => (rang = clock.now));
    clock.runUntil(10_000_000);
    assert.ok(Math.abs(own.now() - (70 + 10_010)) <= 1, String(own.now()));
    assert.equal(rang, Math.round(1_000_000 / 1.001));
  });
});
