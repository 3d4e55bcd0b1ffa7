/** What `dobbs watch` shows for a status: text that a person reads. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventRecord } from "../../host/api/event-log.ts";
import type { BladeDocument, StatusDocument } from "../../host/api/status-document.ts";
import { eventText } from "../../host/cli/event-text.ts";
import { durationText, parseDuration } from "../../host/cli/time-text.ts";
import { colorPaint, watchLines } from "../../host/cli/watch-view.ts";

process.env["TZ"] = "UTC";

const BLADE = { status: "active", health: "healthy", load: 0.12, generation: 12, live: 130, current: 128, previous: 0, weight: 1, factor: 1, fenced: false, alive: false, refuses: null, deadline: null, leftMs: null } as const;
const BLADES: readonly BladeDocument[] = [
  { ...BLADE, name: "ardsley" },
  { ...BLADE, name: "dobbs-ferry", status: "draining", load: 1.5, live: 1_285, current: 0, previous: 85, deadline: "2026-01-02T14:13:02.000Z", leftMs: 580_000 },
  { ...BLADE, name: "hastings", health: "silent", load: null, generation: 11, live: 20, previous: 12 },
  { ...BLADE, name: "irvington", status: "spare", health: "absent", load: null, generation: 0, live: 0, current: 0 },
];
const VM = { blade: "hastings", status: "active", weight: 0.5, factor: 1, current: 64, previous: 6, live: 10 } as const;
const STATUS: StatusDocument = {
  appliance: "dobbs",
  vips: ["192.0.2.80"],
  release: "0.1.0",
  at: "2026-01-02T14:03:22.000Z",
  startedAt: "2026-01-02T09:00:00.000Z",
  buckets: 256,
  generation: 12,
  phase: "install",
  missing: ["hastings"],
  waiting: ["move 1 bucket to ardsley"],
  blades: BLADES,
  owners: [{ ...VM, name: "hastings/vm1" }, { ...VM, name: "hastings/vm2" }],
  switches: [
    { name: "west", role: "active", generation: 12, answers: true },
    { name: "east", role: "standby", generation: null, answers: false },
  ],
  leader: "ardsley",
  tally: { cut: { deadline: 0, failed: 0, forced: 0, flows: 0 }, declared: 0, declaredFalsely: 0 },
  filters: 0,
  forward: 0,
  lastEvent: 2,
};
const EVENTS: readonly EventRecord[] = [
  { n: 1, at: "2026-01-02T14:02:22.000Z", event: "requested", details: { request: "drain dobbs-ferry" } },
  { n: 2, at: "2026-01-02T14:02:23.000Z", event: "draining", details: { blade: "dobbs-ferry", live: 1_300 } },
];

const WIDE = `
dobbs  192.0.2.80                                                       q quits  14:03:22
generation 12, 256 buckets, install, no answer yet from hastings
waiting: move 1 bucket to ardsley

blade        status    health   load  gen   live  buckets
ardsley      active    healthy  0.12   12    130  ███████████████████████████ 128
dobbs-ferry  draining  healthy  1.50   12  1,285  ░░░░░░░░░░░░░░░░░░ 0 +85
hastings     active    silent      -   11     20  ███████████████████████████░░░ 128 +12
  vm1        active                           10  ██████████████░ 64 +6
  vm2        active                           10  ██████████████░ 64 +6
irvington    spare     absent      -    -      -

draining
dobbs-ferry  1,285 connections left  9m 40s until the rest is cut, at 14:13:02

switches
west  active   generation 12
east  standby  no answer

events
14:02:22  asked for: drain dobbs-ferry
14:02:23  dobbs-ferry drains; it has 1,300 connections
`;

describe("dobbs watch", () => {
  test("a wide terminal: bars of buckets, drains with the time left, switches, the last events", () => {
    const lines = watchLines({ status: STATUS, events: EVENTS, problem: null }, { columns: 89, rows: 40 });
    assert.equal(`\n${lines.join("\n")}\n`, WIDE);
  });

  test("never wider or longer than the terminal, at any size, painted or not", () => {
    for (let columns = 1; columns <= 120; columns += 7) {
      for (let rows = 1; rows <= 40; rows += 3) {
        const model = { status: STATUS, events: EVENTS, problem: "no appliance manager answers" };
        const lines = watchLines(model, { columns, rows });
        assert.ok(lines.length <= rows);
        for (const line of lines) assert.ok([...line].length <= columns, line);
        const painted = watchLines(model, { columns, rows }, colorPaint);
        assert.deepEqual(painted.map((line) => line.replace(/\x1b\[\d+m/g, "").trimEnd()), lines);
      }
    }
  });

  test("events give way first, then what is at the bottom; the newest event stays", () => {
    const lines = watchLines({ status: STATUS, events: EVENTS, problem: null }, { columns: 89, rows: 21 });
    assert.equal(lines.at(-1), "14:02:23  dobbs-ferry drains; it has 1,300 connections");
    assert.ok(!lines.some((line) => line.includes("asked for")));
  });

  test("an appliance manager that is gone is said so, above what was known last", () => {
    const lines = watchLines({ status: STATUS, events: [], problem: "as of 14:03:22: no answer" }, { columns: 80, rows: 40 });
    assert.equal(lines[4], "as of 14:03:22: no answer");
    assert.ok(lines.some((line) => line.startsWith("ardsley")));
  });

  test("a name with control characters moves no cursor", () => {
    const blades = [{ ...BLADES[0]!, name: "a\x1b[2Jb" }];
    const text = watchLines({ status: { ...STATUS, blades }, events: [], problem: null }, { columns: 80, rows: 40 }).join("\n");
    assert.doesNotMatch(text, /\x1b/);
  });

  test("a switch that was not asked yet, and one that was started anew", () => {
    const switches = [
      { name: "west", role: "active", generation: null, answers: null },
      { name: "east", role: "standby", generation: 0, answers: true },
    ] as const;
    const lines = watchLines({ status: { ...STATUS, switches }, events: [], problem: null }, { columns: 80, rows: 40 });
    assert.ok(lines.includes("west  active   not asked yet"));
    assert.ok(lines.includes("east  standby  empty"));
  });
});

describe("events in words", () => {
  const words = (event: string, details: EventRecord["details"]): string => eventText({ n: 1, at: "2026-01-02T14:02:22.000Z", event, details });

  test("what force has cut, drains that were cancelled, who was given up, and who lived", () => {
    assert.equal(words("forced", { generation: 9, buckets: 3, cut: 1_200 }), "by force: 3 buckets lost their oldest owner, and 1,200 connections there");
    assert.equal(words("flows-overdue", { blade: "ardsley", flows: 1 }), "1 UDP flow held buckets back on ardsley for longer than udpDrain, and was cut");
    assert.equal(words("drain-cancelled", { blade: "ardsley", cut: 0 }), "the drain of ardsley is cancelled");
    assert.equal(words("drain-cancelled", { blade: "ardsley", cut: 1 }), "the drain of ardsley is cancelled, 1 connection had been cut");
    assert.equal(words("given-up", { blade: "ardsley", why: "silent", ms: 5_200 }), "ardsley is given up: silent for 5 s");
    assert.equal(words("declared-falsely", { blade: "ardsley", live: 20 }), "ardsley was declared failed, and was alive: it has 20 connections");
    assert.equal(words("uneven", { loads: "ardsley 1.20, irvington 0.31" }), "buckets are moved by load: ardsley 1.20, irvington 0.31");
  });
});

describe("durations", () => {
  test("are read as they are written", () => {
    for (const [text, ms] of [["500ms", 500], ["90s", 90_000], ["10m", 600_000], ["1h30m", 5_400_000], ["1.5s", 1_500], ["2d", 172_800_000]] as const) {
      assert.equal(parseDuration(text), ms);
    }
    for (const text of ["", "10", "m", "10 m", "-1s", "1x", "1s2"]) assert.throws(() => parseDuration(text), /Write a duration/);
  });

  test("are written in their two largest units", () => {
    for (const [ms, text] of [[0, "0s"], [400, "<1s"], [40_999, "40s"], [580_000, "9m 40s"], [3_600_000, "1h"], [90_061_000, "1d 1h"]] as const) {
      assert.equal(durationText(ms), text);
    }
  });
});
