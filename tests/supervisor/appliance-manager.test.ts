/** The appliance manager alone, with traffic managers that answer at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import type { Blade } from "../../host/model/appliance.ts";
import { ApplianceManager } from "../../host/supervisor/appliance-manager.ts";
import type { Drained, ManagerMessage, Report, Sessions } from "../../host/supervisor/messages.ts";
import { digest, succeed } from "../../host/supervisor/succession.ts";
import { GENERATION_MS_MIN } from "../../host/supervisor/timing.ts";
import { VirtualClock } from "./clock.ts";

function blade(name: string, number: number): Blade {
  return { name, mac: `02:00:00:00:00:0${number}`, port: number, weight: 1, vms: [] };
}

const SESSIONS: Sessions = {
  kind: "sessions",
  generation: 0,
  healthy: true,
  counts: [],
  drained: [],
  lingering: [],
  flowsCut: { since: 0, flows: 0 },
  lacking: [],
  tables: 0,
  load: null,
  switches: null,
};

/** What a traffic manager with nothing to do says to an order. */
function answerTo(message: ManagerMessage): Report | null {
  switch (message.kind) {
    case "prepare": {
      const { generation, view, last } = message;
      return { kind: "prepared", generation, digest: digest(succeed(view, last, generation)), seeded: 0 };
    }
    case "install":
      return { kind: "installed", generation: message.assignment.generation };
    case "switch":
      return { kind: "switched", serial: message.serial, problems: [] };
    default:
      return null;
  }
}

function setUp() {
  const clock = new VirtualClock();
  const installs: { at: number; generation: number; to: string }[] = [];
  const outcomes: string[] = [];
  const manager: ApplianceManager = new ApplianceManager({
    clock,
    buckets: 8,
    journal: { note: () => undefined },
    peers: {
      send: (to, message) => {
        if (message.kind === "install")
          installs.push({ at: clock.now(), generation: message.assignment.generation, to });
        const report = answerTo(message);
        if (report !== null) manager.receive(to, report);
      },
    },
  });
  return { clock, manager, installs, outcomes };
}

describe("the appliance manager", () => {
  test("is done at once when everyone answers at once", () => {
    const { manager, installs } = setUp();
    const outcomes: unknown[] = [];
    manager.addBlades([blade("a", 1), blade("b", 2)], (error) => outcomes.push(error));
    assert.deepEqual(outcomes, [null]);
    assert.deepEqual(
      installs.map(({ to, generation }) => `${to} ${generation}`),
      ["a 1", "b 1"],
    );
    assert.deepEqual([manager.status().phase, manager.status().generation], ["idle", 1]);
  });

  test("counts the flows that blades have cut once, whatever is lost, repeated or late, and whoever is started anew", () => {
    const { manager } = setUp();
    manager.addBlades([blade("a", 1), blade("b", 2)]);
    const counted = (blade: string, since: number, flows: number): number => {
      manager.receive(blade, { ...SESSIONS, generation: 1, flowsCut: { since, flows } });
      return manager.status().tally.cut.flows;
    };
    assert.equal(counted("a", 100, 0), 0);
    assert.equal(counted("a", 100, 3), 3);
    assert.equal(counted("a", 100, 3), 3, "repeated");
    assert.equal(counted("b", 50, 4), 7, "another blade's");
    assert.equal(counted("a", 100, 8), 12, "one in between was lost");
    assert.equal(counted("a", 100, 3), 12, "late");
    assert.equal(counted("a", 200, 0), 12, "started anew");
    assert.equal(counted("a", 200, 2), 14);
    assert.equal(counted("a", 100, 9), 14, "late, of the one before");
    assert.equal(counted("a", 200, 3), 15);
  });

  test("does not count what a blade that has failed cuts: all that it had was cut", () => {
    const { clock, manager } = setUp();
    manager.addBlades([blade("a", 1), blade("b", 2)]);
    manager.failBlade("a");
    clock.advance(1_000);
    assert.equal(manager.status().blades[0]!.status, "failed");
    const cut = (blade: string, flows: number): number => {
      manager.receive(blade, { ...SESSIONS, flowsCut: { since: 1, flows } });
      return manager.status().tally.cut.flows;
    };
    assert.equal(cut("a", 5), 0);
    assert.equal(cut("stranger", 5), 0);
    assert.equal(cut("b", 5), 5);
  });

  test("lets generations grow at most once in so many ms, whatever is asked", () => {
    const { clock, manager, installs } = setUp();
    manager.addBlades([blade("a", 1), blade("b", 2)]);
    for (const weight of [2, 3, 4, 5]) manager.setWeights({ a: weight });
    clock.advance(1_000);
    const times = new Map(installs.map(({ generation, at }) => [generation, at]));
    assert.deepEqual(
      [...times],
      [1, 2, 3, 4, 5].map((generation) => [generation, (generation - 1) * GENERATION_MS_MIN]),
    );
  });

  test("an order that the appliance cannot follow leaves the others their turn", () => {
    const { clock, manager, outcomes } = setUp();
    const note = (what: string) => (error: Error | null) =>
      void outcomes.push(`${what}: ${error === null ? "done" : error.message}`);
    manager.addBlades([blade("a", 1)], note("add"));
    manager.drainBlade("a", null, note("drain"));
    manager.setWeights({ a: 2 }, note("weights"));
    clock.advance(100);
    assert.deepEqual(outcomes, ["add: done", "drain: no active member is left to own the buckets", "weights: done"]);
  });

  test("a deadline that comes while the last bucket is being forgotten cuts nothing", () => {
    const clock = new VirtualClock();
    const held: { to: string; message: ManagerMessage }[] = [];
    const events: string[] = [];
    const manager: ApplianceManager = new ApplianceManager({
      clock,
      buckets: 8,
      timing: { forgetMs: 49 },
      journal: { note: (event) => void events.push(event) },
      peers: { send: (to, message) => void held.push({ to, message }) },
    });
    const answer = (): void => {
      for (const { to, message } of held.splice(0)) {
        const report = answerTo(message);
        if (report !== null) manager.receive(to, report);
      }
    };
    const tell = (from: string, generation: number, drained: readonly Drained[] = []): void =>
      manager.receive(from, { ...SESSIONS, generation, drained });
    manager.addBlades([blade("a", 1), blade("b", 2)]);
    for (let i = 0; i < 3; i++) answer();
    manager.drainBlade("a", 60);
    clock.advance(10);
    for (let i = 0; i < 3; i++) answer();
    tell("a", 2, [{ owner: "a", buckets: [0, 1, 2, 3, 4, 5, 6, 7] }]);
    clock.advance(50);
    assert.deepEqual(
      held.map(({ to, message }) => `${message.kind} ${to}`),
      ["install a", "install b", "count a"],
    );
    manager.receive("a", { kind: "counted", live: [{ owner: "a", live: 0 }] });
    tell("a", 3);
    tell("b", 3);
    answer();
    clock.advance(1_000);
    assert.deepEqual(
      events.filter((event) => ["deadline", "offline"].includes(event)),
      ["offline"],
    );
    assert.equal(manager.status().generation, 3);
  });

  test("refuses to change anything when no blade can be heard", () => {
    const { clock, manager, outcomes } = setUp();
    manager.addBlades([blade("a", 1)]);
    clock.advance(10_000);
    manager.setWeights({ a: 2 }, (error) => outcomes.push((error as DobbsError).code));
    assert.deepEqual(outcomes, ["E_NO_BLADE_HEARD"]);
  });

  test("says what waits, and what is missing", () => {
    const { manager } = setUp();
    manager.addBlades([blade("a", 1)]);
    manager.moveBuckets([1], "a");
    manager.rebalance();
    manager.moveBuckets([1, 2], "a");
    assert.deepEqual(manager.status().waiting, ["move 1 bucket to a", "rebalance", "move 2 buckets to a"]);
  });
});
