import assert from "node:assert/strict";
import { test } from "node:test";
import { isBroken, keepLedger, type Ledger, type LedgerSources } from "../../host/lab/ledger.ts";
import { faultsOf, type LabReport, makeReport } from "../../host/lab/report.ts";
import { reportText } from "../../host/lab/report-text.ts";
import type { PlannedSession, SessionResult } from "../../host/lab/sessions.ts";

const planned = (id: number, more: Partial<PlannedSession> = {}): PlannedSession => ({
  id, wave: "first", kind: "keep-alive", client: "10.77.1.4", startMs: 0, file: "small", lingerMs: 0, ...more,
});
const ended = (id: number, more: Partial<SessionResult> = {}): SessionResult => ({
  id, outcome: "ok", detail: "", clientPort: 1_000 + id, connectedAt: 100, endedAt: 900, blade: "a", ...more,
});
const sighted = (at: number, generation: number, owner: string) => ({ at, generation, owners: [owner] });

/** One client, in the only bucket. It is a's first, and b's from 500 on. */
function ledgerOf(results: readonly SessionResult[], more: Partial<LedgerSources> = {}): Ledger {
  return keepLedger({
    sessions: results.map(({ id }) => planned(id)),
    results: new Map(results.map((result) => [result.id, result])),
    buckets: new Map([["10.77.1.4", 0]]),
    sightings: [sighted(50, 1, "a"), sighted(500, 2, "b")],
    resets: [],
    failure: null,
    ...more,
  });
}

test("a session is alive across a move when its bucket gets another owner than its blade while it lives", () => {
  const { entries } = ledgerOf([
    ended(0),
    ended(1, { endedAt: 499 }),
    ended(2, { connectedAt: 600, blade: "b" }),
    ended(3, { connectedAt: null, clientPort: 0, blade: null, outcome: "timed-out" }),
    // Connected before the move, to the blade that was to get the bucket.
    ended(4, { connectedAt: 499, blade: "b" }),
  ]);
  assert.deepEqual(entries.map(({ movedAt }) => movedAt), [500, null, null, null, null]);
});

test("a session whose server did not say which blade it is on is on the owner of its bucket when it connected", () => {
  const { entries } = ledgerOf([ended(0, { blade: null }), ended(1, { blade: null, connectedAt: 700 })]);
  assert.deepEqual(entries.map(({ blade }) => blade), ["a", "b"]);
  assert.deepEqual(entries.map(({ movedAt }) => movedAt), [500, null]);
});

test("a session without a result has not come to its end: it is broken", () => {
  const { entries } = ledgerOf([], { sessions: [planned(7)] });
  assert.equal(entries[0]!.ending, "unfinished");
  assert.ok(isBroken(entries[0]!));
});

test("RSTs are told by session, and those of none are not lost", () => {
  const reset = (clientPort: number) => ({ client: "10.77.1.4", clientPort, at: 700 });
  const { entries, strayResets } = ledgerOf([ended(0), ended(1)], { resets: [reset(1_001), reset(1_001), reset(9)] });
  assert.deepEqual(entries.map(({ resets }) => resets), [0, 2]);
  assert.equal(strayResets, 1);
});

test("only what lived on the failed blade when it failed is apart", () => {
  const failure = { blade: "a", at: 400 };
  const { entries } = ledgerOf([ended(0), ended(1, { blade: "b" }), ended(2, { endedAt: 399 })], { failure });
  assert.deepEqual(entries.map(({ onFailedBlade }) => onFailedBlade), [true, false, false]);
});

const CLIENTS = Array.from({ length: 64 }, (_, i) => `10.77.1.${i}`);

/** 150 sessions of 64 clients, the first 40 of them alive across their move. `spoil` changes results. */
function reportOf(spoil: (result: SessionResult) => SessionResult = (result) => result, more: Partial<Parameters<typeof makeReport>[0]> = {}): LabReport {
  const sessions = Array.from({ length: 150 }, (_, id) => planned(id, { client: CLIENTS[id % 64]! }));
  const results = sessions.map(({ id }) => spoil(ended(id, id < 40 ? {} : { endedAt: 499 })));
  const ledger = ledgerOf([], {
    sessions,
    results: new Map(results.map((result) => [result.id, result])),
    buckets: new Map(CLIENTS.map((client) => [client, 0])),
  });
  return makeReport({
    switch: "nft", redirect: true, seed: 1, server: "nginx", redirects: { hop: 5, resteer: 0, final: 0, local: 0 },
    generations: [1, 2], pauses: [{ what: "a swap", ms: 3 }], managerKills: [], silences: { sessions: 32, shortestMs: 9_000, segments: 0 }, cut: 0, wallMs: 40_000, timeline: [{ atMs: 1_500, what: "it begins" }],
    ledger, failedBlade: null, beganAt: 0, ...more,
  });
}

test("a run that reaches all numbers, and breaks nothing, has no fault", () => {
  const report = reportOf();
  assert.deepEqual(faultsOf(report), []);
  assert.equal(report.moved.alive, 40);
  assert.equal(report.endings.ok, 150);
});

test("each number that is not reached, each broken session, RST, cut connection, and a redirect counter of 0 is a fault", () => {
  const broken = reportOf((result) => (result.id === 3 ? { ...result, outcome: "reset", detail: "connection reset" } : result));
  assert.deepEqual(faultsOf(broken), ["session 3 (keep-alive of 10.77.1.3, on a) is broken: reset: connection reset"]);
  const fewMoved = reportOf((result) => (result.id === 3 ? { ...result, endedAt: 499 } : result));
  assert.deepEqual(faultsOf(fewMoved), ["only 39 sessions alive across their bucket's move; 40 are wanted"]);
  const still = reportOf(undefined, { redirects: { hop: 0, resteer: 0, final: 0, local: 0 } });
  assert.deepEqual(faultsOf(still), ["only 0 frames redirected; 1 are wanted"]);
  assert.deepEqual(faultsOf(reportOf(undefined, { cut: 2 })), ["2 connections were cut by a drain"]);
  assert.deepEqual(faultsOf({ ...reportOf(), resets: 1 }), ["1 RSTs from the VIP are in the capture at the clients"]);
  assert.equal(faultsOf({ ...reportOf(), clients: 63, sessions: 149 }).length, 2);
  assert.deepEqual(faultsOf(reportOf(undefined, { silences: { sessions: 32, shortestMs: 9_000, segments: 2 } })), [
    "idle sessions were not: 2 segments between their exchanges",
  ]);
  const kill = { order: "add b", after: "prepared", resumed: true, buckets: { a: 256, b: 0 }, intended: true };
  assert.deepEqual(faultsOf(reportOf(undefined, { managerKills: [kill] })), []);
  assert.deepEqual(faultsOf(reportOf(undefined, { managerKills: [{ ...kill, intended: false }] })), [
    'killed after "prepared" of add b, the appliance manager has come to another end: a 256, b 0',
  ]);
});

test("what broke on the failed blade is told apart, and is no fault", () => {
  const sources = { ledger: ledgerOf([ended(0, { outcome: "reset" }), ended(1)], { failure: { blade: "a", at: 300 } }) };
  const report = reportOf(undefined, { ...sources, failedBlade: "a" });
  assert.deepEqual(report.failed, { blade: "a", sessions: 2, broken: 1, resets: 0 });
  assert.deepEqual(report.broken, []);
});

test("without redirection, four in five of the moved sessions have to break, and whatever breaks is no fault", () => {
  const breakFirst = (count: number) => (result: SessionResult) => (result.id < count ? { ...result, outcome: "reset" as const } : result);
  assert.deepEqual(faultsOf(reportOf(breakFirst(32), { redirect: false })), []);
  assert.deepEqual(faultsOf(reportOf(breakFirst(31), { redirect: false })), [
    "only 78 percent of the moved sessions broke without redirection; 80 are wanted",
  ]);
});

test("the text tells what happened and what was counted", () => {
  const text = reportText({ ...reportOf(), failed: { blade: "tarrytown", sessions: 9, broken: 8, resets: 7 } });
  assert.match(text, /^lab: nft switches, nginx, kernel TCP\n {2}64 client addresses, 150 sessions, 40 seconds, seed 1$/m);
  assert.match(text, /^ +1\.500s {2}it begins$/m);
  assert.match(text, /^ {2}alive across their bucket's move +40$/m);
  assert.match(text, /tarrytown: 9 sessions, 8 broken, 7 RSTs/);
  assert.doesNotMatch(text, /undefined|NaN|\[object/);
});
