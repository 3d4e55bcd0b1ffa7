/**
 * The appliance manager is killed at every step of what it does, and started anew from its file: the end is the same.
 * A step is a saved state: between two of them nothing is decided, and nothing that follows from a decision is sent.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { SqliteStore } from "../../host/state/sqlite-store.ts";
import { APPLIANCE_MANAGER, type ManagerMessage } from "../../host/supervisor/messages.ts";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { digest } from "../../host/supervisor/succession.ts";
import { generations, statesOf } from "./probe.ts";
import { randomOf } from "./random.ts";
import { World } from "./world.ts";

/** Writing to a disk thousands of times proves nothing more than doing it in memory. */
const MEMORY = "/dev/shm";
const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "dobbs-restart-"));
after(() => rmSync(folder, { recursive: true }));

const BUCKETS = 8;
/** From the kill to the start of the next one. */
const DOWN_MS = 70;
const STEPS_MAX = 100;
const WAIT_MS = 60_000;
/** Everything has had time to be forgotten then. */
const QUIET_MS = 1_500;

/** Right after a state was saved, before anything that follows from it was sent; or when all of that was sent. */
type When = "before" | "after";

interface Kill {
  /** The saved state, from 1 on. */
  readonly save: number;
  readonly when: When;
}

/** One thing after the other is asked for, each when the one before is done. */
interface Story {
  readonly prepare: (world: World) => void;
  readonly steps: readonly {
    readonly ask: (world: World) => void;
    readonly done: (world: World) => boolean;
  }[];
}

const has = (blade: string, status: string) => (world: World) =>
  world.manager.status().blades.some((entry) => entry.name === blade && entry.status === status);
const roleOf = (world: World, name: string): string | undefined =>
  world.manager.status().switches.find((place) => place.name === name)?.role;

const STORIES: Readonly<Record<string, Story>> = {
  "blades join, and buckets move": {
    prepare: (world) => {
      world.grow("ardsley");
      world.host("ardsley").open(40);
      for (const name of ["dobbs-ferry", "hartsdale"]) world.plug(name);
    },
    steps: [
      {
        ask: (world) => world.manager.addBlades([bladeOf(world, "dobbs-ferry"), bladeOf(world, "hartsdale")]),
        done: (world) => has("dobbs-ferry", "active")(world) && has("hartsdale", "active")(world),
      },
      {
        ask: (world) => world.manager.moveBuckets([0, 1, 2, 3, 4], "hartsdale"),
        done: (world) => world.current()["hartsdale"]! >= 5,
      },
    ],
  },
  "a blade drains until its deadline, and is removed": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry");
      world.host("ardsley").open(30);
      world.clock.advance(500);
    },
    steps: [
      { ask: (world) => world.manager.drainBlade("ardsley", 1_000), done: has("ardsley", "offline") },
      {
        ask: (world) => world.manager.removeBlade("ardsley"),
        done: (world) => world.manager.status().blades.length === 1,
      },
    ],
  },
  "a blade is removed while it drains": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry");
      world.host("ardsley").open(30);
      world.clock.advance(500);
    },
    steps: [
      {
        ask: (world) => {
          world.manager.drainBlade("ardsley");
          world.clock.advance(20);
          if (has("ardsley", "draining")(world)) world.manager.removeBlade("ardsley");
        },
        done: (world) => {
          const left = world.manager.status().blades.length === 1;
          if (has("ardsley", "draining")(world) && world.manager.status().waiting.length === 0)
            world.manager.removeBlade("ardsley");
          return left;
        },
      },
    ],
  },
  "a blade fails, and is added again": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry", "hartsdale");
      for (const name of ["ardsley", "dobbs-ferry"]) world.host(name).open(20, "established", "10.2");
      world.clock.advance(500);
    },
    steps: [
      { ask: (world) => world.manager.failBlade("dobbs-ferry"), done: has("dobbs-ferry", "failed") },
      {
        ask: (world) => {
          world.host("dobbs-ferry").sockets = [];
          world.manager.addBlades([bladeOf(world, "dobbs-ferry")]);
        },
        done: (world) => world.manager.status().blades.every((blade) => blade.status === "active" && !blade.fenced),
      },
    ],
  },
  "a drain is cancelled": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry", "hartsdale");
      for (const name of ["ardsley", "dobbs-ferry"]) world.host(name).open(40, "established", `10.${name.length}`);
      world.clock.advance(500);
      world.outcomeOf((on) => world.manager.drainBlade("ardsley", 3_600_000, on));
      world.clock.advance(500);
    },
    steps: [
      { ask: (world) => world.manager.cancelDrain("ardsley"), done: has("ardsley", "active") },
      {
        ask: (world) => world.manager.setWeights({ hartsdale: 2 }),
        done: (world) => world.current()["hartsdale"] === 4,
      },
    ],
  },
  "buckets move by force": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry", "hartsdale", "irvington", "tarrytown");
      for (const [at, name] of ["ardsley", "dobbs-ferry", "hartsdale", "irvington"].entries()) {
        world.outcomeOf((on) => world.manager.moveBuckets([0, 1, 2, 3, 4, 5, 6, 7], name, on));
        world.host(name).open(80, "established", `10.${at + 1}`);
        world.clock.advance(500);
      }
    },
    steps: [
      {
        ask: (world) => world.manager.moveBuckets([0, 1, 2, 3], "tarrytown", undefined, true),
        done: (world) => world.current()["tarrytown"] === 4,
      },
    ],
  },
  "another switch takes over, and rules change": {
    prepare: (world) => {
      world.grow("ardsley", "dobbs-ferry");
      world.clock.advance(2_000);
    },
    steps: [
      { ask: (world) => world.manager.activateSwitch("standby"), done: (world) => roleOf(world, "standby") === "active" },
      {
        ask: (world) => world.manager.setFilters([{ action: "drop", ethertype: 0x0806, at: "blades" }]),
        done: (world) => world.manager.tables().filters.length === 1,
      },
      {
        ask: (world) => world.manager.setForward([{ mac: "02:00:00:00:09:09", port: 1, at: "ardsley" }]),
        done: (world) => world.manager.tables().forward.length === 1,
      },
    ],
  },
};

function bladeOf(world: World, name: string) {
  return world.blades.get(name)!.blade;
}

interface Run {
  readonly world: World;
  /** States saved since the story began. */
  readonly saves: number;
}

/** `seed`: of lost messages; null: none are lost. */
function run(story: Story, kill: Kill | null, seed: number | null): Run {
  const path = join(folder, "state.db");
  let told = false;
  let saves = 0;
  let world!: World;
  let last: ApplianceState | null = null;
  const die = (): void => {
    world.life.end();
    world.clock.after(DOWN_MS, () => world.restartManager(throughFile(path, last!)));
  };
  const save = (state: ApplianceState): void => {
    assert.deepEqual(JSON.parse(JSON.stringify(state)), state, "plain data");
    last = state;
    if (!told) return;
    saves++;
    if (saves !== kill?.save) return;
    if (kill.when === "before") die();
    else world.clock.after(0, die);
  };
  const timing = { prepareMs: 20_000, installMs: 20_000 };
  const loses = (from: string, _to: string, message: ManagerMessage): boolean => {
    if (from === APPLIANCE_MANAGER) assertSaved(message, last!);
    return false;
  };
  const usual = { buckets: BUCKETS, store: { save }, timing, loses };
  world = new World(usual);
  story.prepare(world);
  told = true;
  const random = randomOf(seed ?? 0);
  if (seed !== null)
    world.options = {
      ...usual,
      loses: (...message) => loses(...message) || random(5) === 0,
      drops: () => random(12) === 0,
    };
  for (const { ask, done } of story.steps) {
    const isOver = (): boolean => world.life.isOn && done(world) && isAtRest(world);
    for (let refused = -1; !isOver(); ) {
      // Too much of it was lost: whoever has asked asks again.
      const refusals = world.events("refused").length;
      assert.ok(refused !== refusals && (refused < 0 || seed !== null), `comes to its end; now ${JSON.stringify(world.manager.status())}`);
      refused = refusals;
      ask(world);
      world.clock.until(() => isOver() || (isAtRest(world) && world.events("refused").length > refused), WAIT_MS, 10);
    }
  }
  world.options = usual;
  world.clock.advance(QUIET_MS);
  assert.ok(world.clock.until(() => isAtRest(world), WAIT_MS, 10));
  return { world, saves };
}

/** Nothing is sent that follows from what is not saved. */
function assertSaved(message: ManagerMessage, saved: ApplianceState): void {
  if (message.kind === "prepare") assert.ok(saved.generation >= message.generation);
  if (message.kind === "install") assert.ok(newestOf(saved) >= message.assignment.generation);
  if (message.kind === "switch") assert.ok(saved.switches.serial >= message.serial);
  if (message.kind === "tables") assert.ok(saved.tables.revision >= message.revision);
}

/** Generation of the newest assignment that a blade may have; one that force takes buckets from has the next one before it counts. */
function newestOf({ assignment, running }: ApplianceState): number {
  const isReleasing = running?.kind === "reconfiguration" && running.state.phase === "release";
  return isReleasing ? running.state.next.generation : assignment.generation;
}

/** What a process finds that is started anew. */
function throughFile(path: string, state: ApplianceState): ApplianceState {
  const store = new SqliteStore(path);
  store.save(state);
  store.close();
  const again = new SqliteStore(path);
  const found = again.load();
  again.close();
  assert.deepEqual(found, state);
  return found!;
}

function isAtRest({ manager }: World): boolean {
  const { phase, waiting, blades, generation, switches } = manager.status();
  const serving = blades.filter(({ status }) => status === "active" || status === "draining");
  return (
    phase === "idle" &&
    waiting.length === 0 &&
    serving.every((blade) => blade.generation === generation) &&
    switches.every(({ answers }) => answers !== false)
  );
}

/** All that a run is to end with, whatever its generations are called. */
function endOf(world: World): unknown {
  const { owners, buckets } = world.manager.assignment();
  const { blades, owners: members, switches } = world.manager.status();
  return {
    histories: buckets.map((history) => history.map((number) => owners[number]!.name)),
    blades: blades.map(({ name, status, fenced, healthy }) => ({ name, status, fenced, healthy })),
    weights: members.map(({ name, weight }) => [name, weight]),
    roles: switches.map(({ name, role }) => [name, role]),
    tables: [world.manager.tables().filters, world.manager.tables().forward],
    forced: world.manager.status().tally.cut.forced,
  };
}

/** Whatever happened on the way, this holds. */
function check({ world }: Run): void {
  // No generation has been two things.
  const seen = new Map<string, string>();
  for (const { message } of world.sent) {
    if (message.kind !== "install" && message.kind !== "prepare") continue;
    const generation = message.kind === "install" ? message.assignment.generation : message.generation;
    const what = message.kind === "install" ? digest(message.assignment) : JSON.stringify(message);
    const key = `${message.kind} ${generation}`;
    assert.equal(seen.get(key) ?? what, what, key);
    seen.set(key, what);
  }
  // Everyone has the newest, and the switches steer by the newest that steers.
  const { generation, blades } = world.manager.status();
  const inForce = generations(world);
  [...world.blades.keys()].forEach((name, at) => {
    const status = blades.find((blade) => blade.name === name)?.status;
    if (status === "active" || status === "draining") assert.equal(inForce[at], generation, name);
  });
  assert.equal(new Set(inForce.slice(world.blades.size)).size, 1, "both switches");
  // No row of a connection that may be elsewhere is missing.
  for (const [name, { hosts }] of world.blades) {
    const status = blades.find((blade) => blade.name === name)?.status;
    if (status !== "active") continue;
    const previous = statesOf(world, name).filter(({ index }) => index > 0);
    assert.ok(
      previous.every(({ complete, sealed, rows }) => complete && !sealed && rows > 0),
      `${name}: ${JSON.stringify(previous)}`,
    );
    if (hosts[0]!.sockets.length === 0) assert.equal(previous.length, 0, name);
  }
}

for (const [title, story] of Object.entries(STORIES)) {
  describe(title, () => {
    const undisturbed = run(story, null, null);
    const end = endOf(undisturbed.world);

    test("takes more than one step", () => {
      check(undisturbed);
      assert.ok(undisturbed.saves > 5 && undisturbed.saves < STEPS_MAX, `${undisturbed.saves}`);
    });

    for (const when of ["before", "after"] as const) {
      for (const lossy of [false, true]) {
        test(`killed at every step, ${when} its messages are sent${lossy ? ", and messages are lost" : ""}`, () => {
          for (let save = 1; save <= undisturbed.saves; save++) {
            const seed = lossy ? save * 7 + (when === "after" ? 1 : 0) : null;
            const disturbed = run(story, { save, when }, seed);
            const what = `killed at step ${save}, seed ${seed}`;
            assert.deepEqual(endOf(disturbed.world), end, what);
            check(disturbed);
          }
        });
      }
    }
  });
}
