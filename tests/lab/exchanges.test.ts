import assert from "node:assert/strict";
import { test } from "node:test";
import { accountOf, byFamily, type Exchange, exchangeOf } from "../../host/lab/exchanges.ts";
import { SCENES, sceneOf } from "../../host/lab/scenes/index.ts";
import { sceneText } from "../../host/lab/scenes/scene-text.ts";
import type { SceneReport } from "../../host/lab/scenes/scene-lab.ts";

const exchange = (more: Partial<Exchange> = {}): Exchange =>
  ({ what: "echo", client: "10.77.1.4", beganAt: 100, endedAt: 900, blade: "a", problem: null, ...more });
const buckets = new Map([["10.77.1.4", 0], ["fd00:77::1:4", 0]]);
/** The only bucket is a's first, and b's from 500 on. */
const sightings = [{ at: 50, generation: 1, owners: ["a"] }, { at: 500, generation: 2, owners: ["b"] }];

test("an exchange is alive across a move when its bucket gets another owner than its blade while it lives", () => {
  const moved = (more: Partial<Exchange>): number => accountOf([exchange(more)], buckets, sightings).moved;
  assert.equal(moved({}), 1);
  assert.equal(moved({ endedAt: 499 }), 0);
  assert.equal(moved({ endedAt: null }), 1);
  assert.equal(moved({ beganAt: null }), 0);
  // It began just before the move, with the blade that was to get the bucket.
  assert.equal(moved({ blade: "b" }), 0);
  // Who had its bucket then had it.
  assert.equal(moved({ blade: null }), 1);
  assert.equal(moved({ blade: null, beganAt: 600 }), 0);
});

test("what is broken is counted, and apart what has moved", () => {
  const account = accountOf([exchange(), exchange({ problem: "lost" }), exchange({ problem: "lost", endedAt: 200 })], buckets, sightings);
  assert.deepEqual(account, { exchanges: 3, moved: 2, broken: 2, movedAndBroken: 1 });
});

test("families are told apart by the client's address", () => {
  const both = [exchange(), exchange({ client: "fd00:77::1:4" })];
  assert.deepEqual(byFamily(both, 4), [both[0]]);
  assert.deepEqual(byFamily(both, 6), [both[1]]);
});

test("a TCP session that did not end well is a broken exchange, with what its client said", () => {
  const session = { id: 1, wave: "first", kind: "idle", client: "10.77.1.4", startMs: 0, file: "small", lingerMs: 0 } as const;
  const entry = { session, ending: "ok", detail: "", blade: "a", connectedAt: 1, endedAt: 2, movedAt: null, onFailedBlade: false, resets: 0 } as const;
  assert.equal(exchangeOf(entry).problem, null);
  assert.equal(exchangeOf({ ...entry, ending: "reset", detail: "ECONNRESET" }).problem, "reset: ECONNRESET");
  assert.equal(exchangeOf({ ...entry, ending: "unfinished", endedAt: null }).problem, "unfinished: ");
});

test("scenes have names of their own, and every fact of a report is told under its label", () => {
  assert.equal(new Set(SCENES.map(({ name }) => name)).size, SCENES.length);
  assert.throws(() => sceneOf("no-such"), RangeError);
  const scene = sceneOf("pmtu");
  const account = { exchanges: 24, moved: 17, broken: 1, movedAndBroken: 1 };
  const report: SceneReport = {
    show: "pmtu",
    switch: "dobbs",
    redirect: true,
    seed: 1,
    families: { 4: account, 6: account },
    facts: Object.fromEntries(Object.keys(scene.labels).map((name, i) => [name, 1_000 + i])),
    redirects: { hop: 1_658, resteer: 0, final: 2, local: 0 },
    generations: [2, 3, 9],
    wallMs: 24_986,
    timeline: [{ atMs: 1_243, what: "all clients are busy" }],
  };
  const text = sceneText(report, scene, { timeline: true });
  for (const [i, label] of Object.values(scene.labels).entries()) assert.ok(text.includes(label) && text.includes(`1,00${i}`), label);
  assert.match(text, /^ {2}over IPv6 +24$/m);
  assert.match(text, /^ {2}frames redirected: hop, resteer, final +1,658, 0, 2$/m);
  assert.match(text, /^ +1\.243s {2}all clients are busy$/m);
});
