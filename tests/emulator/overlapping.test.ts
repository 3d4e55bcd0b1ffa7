/**
 * Moves that overlap, as clients see them: real TCP stacks, real firmware, connections that live through up to six moves of
 * their bucket.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf } from "../../host/emulator/report.ts";
import type { RunReport } from "../../host/emulator/run-report.ts";
import { emulate } from "../../host/emulator/run.ts";
import { parseScenario } from "../../host/emulator/scenario-file.ts";

const FIVE = ["ardsley", "dobbs-ferry", "hartsdale", "irvington", "tarrytown"] as const;
const ALL = `[${Array.from({ length: 16 }, (_, bucket) => bucket).join(", ")}]`;

interface Story {
  readonly start: readonly string[];
  readonly traffic: readonly string[];
  readonly events: readonly string[];
  readonly end: string;
}

function scenarioOf({ start, traffic, events, end }: Story) {
  const blades = FIVE.map((name, at) => `    - { name: ${name}, mac: "02:d0:bb:00:01:0${at + 1}", port: ${at + 8} }`);
  const lines = (items: readonly string[]): string => items.map((item) => `  - ${item}\n`).join("");
  return parseScenario(
    `name: overlapping
title: moves that overlap
appliance:
  name: hudson-line
  vips: [10.20.0.1]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  blades:
${blades.join("\n")}
start: [${start.join(", ")}]
sites:
  - { name: University Heights, clients: 24 }
  - { name: Hastings, clients: 24 }
traffic:
${lines(traffic)}events:
${lines(events)}end: ${end}
`,
    "overlapping.yaml",
  );
}

/** Connections that are opened around a time, and live long. */
const idle = (name: string, from: string, to: string, more = "rounds: 3"): string =>
  `{ name: ${name}, kind: idle, connections: 48, start: [${from}, ${to}], bytes: 400, silence: [2500ms, 3500ms], ${more} }`;
const upload = (name: string, from: string, to: string): string =>
  `{ name: ${name}, kind: upload, connections: 24, start: [${from}, ${to}], bytes: 9000, over: [6s, 9s] }`;

const noted = (run: RunReport, event: string) => run.timeline.filter((entry) => entry.from === "manager" && entry.event === event);

describe("A -> B -> C -> D and back to A, B, with live connections at all four", () => {
  const story: Story = {
    start: FIVE.slice(0, 4),
    traffic: FIVE.slice(0, 4).flatMap((name, at) => [idle(name, `${at * 1_000 + 700}ms`, `${at * 1_000 + 1_100}ms`), upload(`uploads-${name}`, `${at * 1_000 + 700}ms`, `${at * 1_000 + 1_100}ms`)]),
    events: [
      ...[...FIVE.slice(0, 4), "ardsley", "dobbs-ferry"].map((name, at) => `{ at: ${at * 1_000 + 300}ms, move: ${ALL}, to: ${name} }`),
      // Goes offline at once who is in no history any more.
      ...["ardsley", "hartsdale", "irvington"].map((name) => `{ at: 22s, drain: ${name} }`),
    ],
    end: "25s",
  };

  for (const seed of [1, 2, 3]) {
    test(`no connection is reset, nothing is lost, and everything drains (seed ${seed})`, () => {
      const run = emulate({ scenario: scenarioOf(story), seed });
      assert.deepEqual(faultsOf(run), []);
      assert.equal(run.outcomes.done, run.connections);
      assert.ok(run.moved.alive >= 3 * 72, `${run.moved.alive} lived through a move`);
      assert.ok(run.redirects.hop > run.moved.alive);
      // Connections are opened when the last move has settled: by then the handover lists are there, and nobody is asked in vain.
      assert.equal(run.redirects.final, 0);
      assert.deepEqual(run.bucketsAfter, { "dobbs-ferry": 16 });
      assert.deepEqual(run.offline.map(({ blade, cutAnnounced }) => [blade, cutAnnounced]).sort(), [["ardsley", 0], ["hartsdale", 0], ["irvington", 0]]);
    });
  }

  test("without redirection nearly all of them break", () => {
    const run = emulate({ scenario: scenarioOf(story), redirect: false });
    assert.ok(run.moved.broken >= 0.8 * run.moved.alive, `${run.moved.broken} of ${run.moved.alive}`);
  });

  test("a fifth owner is refused; by force those are reset that the count says, and no others", () => {
    const keeps = (name: string, from: string, to: string): string => idle(name, from, to, "keeps: true");
    const run = emulate({
      scenario: scenarioOf({
        start: FIVE,
        traffic: FIVE.map((name, at) => keeps(name, `${at * 1_000 + 700}ms`, `${at * 1_000 + 1_100}ms`)),
        events: [
          ...FIVE.slice(0, 4).map((name, at) => `{ at: ${at * 1_000 + 300}ms, move: ${ALL}, to: ${name} }`),
          `{ at: 4300ms, move: ${ALL}, to: tarrytown }`,
          `{ at: 6s, move: ${ALL}, to: tarrytown, force: true }`,
        ],
        end: "20s",
      }),
    });
    assert.equal(run.refusals.length, 1);
    assert.match(run.refusals[0]!, /^move to tarrytown: E_HISTORY_FULL: 16 of the buckets .* would cut 48 live connections$/);
    const [forced] = noted(run, "forced");
    assert.equal(forced!.details["cut"], 48);
    assert.deepEqual({ reset: run.outcomes.reset, keeping: run.outcomes.keeping }, { reset: 48, keeping: run.connections - 48 });
    assert.deepEqual([run.outcomes.corrupt, run.outcomes.stalled], [0, 0]);
  });
});

describe("a drain that is cancelled", () => {
  test("costs no connection anything, and the blade serves again", () => {
    const run = emulate({
      scenario: scenarioOf({
        start: FIVE.slice(0, 2),
        traffic: [idle("before", "500ms", "1s"), upload("uploads", "500ms", "1s"), idle("during", "2200ms", "2800ms"), idle("after", "3500ms", "4s")],
        events: ["{ at: 2s, drain: ardsley, deadline: 4s }", "{ at: 3s, undrain: ardsley }"],
        end: "20s",
      }),
    });
    assert.deepEqual(faultsOf(run), []);
    assert.equal(run.outcomes.done, run.connections);
    assert.deepEqual([run.offline, run.bucketsAfter], [[], { ardsley: 8, "dobbs-ferry": 8 }]);
    assert.ok(run.moved.alive > 0);
  });
});

describe("two blades that drain at once", () => {
  test("go offline after their own last connections, and nobody's is reset", () => {
    const run = emulate({
      scenario: scenarioOf({
        start: FIVE.slice(0, 4),
        traffic: [idle("before", "500ms", "1s"), upload("uploads", "500ms", "1s"), idle("after", "3s", "4s")],
        events: ["{ at: 2s, drain: ardsley }", "{ at: 2s, drain: hartsdale }"],
        end: "25s",
      }),
    });
    assert.deepEqual(faultsOf(run), []);
    assert.equal(run.outcomes.done, run.connections);
    assert.deepEqual(run.offline.map(({ blade, cutAnnounced }) => [blade, cutAnnounced]).sort(), [["ardsley", 0], ["hartsdale", 0]]);
    assert.deepEqual(run.bucketsAfter, { "dobbs-ferry": 8, irvington: 8 });
  });
});
