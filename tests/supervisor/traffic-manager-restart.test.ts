/**
 * Traffic managers are killed at every message that they send to their IPD, and started anew; the IPD goes on with what
 * it has. Real managers, real images.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generations, openOwn, statesOf } from "./probe.ts";
import { World } from "./world.ts";

const LOOK_EVERY_MS = 25;
const TALK_MS = 6_000;
/** Messages after a reconfiguration that belong to it: tables are completed, buckets are sealed. */
const AFTERWARDS = 20;

interface Kill {
  readonly blade: string;
  /** The message to its IPD after which its traffic manager is killed, from 1 on. */
  readonly message: number;
}

/** What happens to two blades in service, and one that is there. */
type Story = (world: World) => void;

const STORIES: Readonly<Record<string, Story>> = {
  "while a blade joins": (world) => world.manager.addBlades([world.blades.get("hartsdale")!.blade]),
  "while buckets move": (world) => world.manager.moveBuckets([0, 1, 2, 3, 4, 5, 6, 7], "dobbs-ferry"),
  "while another blade drains": (world) => world.manager.drainBlade("dobbs-ferry", 800),
  "while it drains": (world) => world.manager.drainBlade("ardsley", 800),
  "while another blade fails": (world) => world.manager.failBlade("dobbs-ferry"),
};

/** Whether no complete table lacks a connection: a blade that says "not mine" of one has it reset. */
function assertComplete(world: World, live: ReadonlyMap<number, number>, what: string): void {
  for (const { bucket, index, complete, rows } of statesOf(world, "ardsley")) {
    if (index > 0 && complete) assert.ok(rows >= (live.get(bucket) ?? 0), `${what}: bucket ${bucket}`);
  }
}

/** Messages that each blade's IPD has had. */
function run(story: Story, kill: Kill | null): { world: World; had: Map<string, number> } {
  const world = new World();
  world.grow("ardsley", "dobbs-ferry");
  world.plug("hartsdale");
  world.host("ardsley").open(40);
  world.clock.advance(1_000);
  const live = new Map(world.blades.get("ardsley")!.manager.status().counts.map((count) => [count.bucket, count.live]));
  const from = world.had.length;
  const had = (blade: string): number => world.had.slice(from).filter(({ node }) => node === blade).length;
  const inPlay = [...world.blades.keys()];
  story(world);
  let killed = kill === null;
  let counted: Map<string, number> | null = null;
  for (let ms = 0; ms < TALK_MS; ms++) {
    world.clock.advance(1);
    if (!killed && had(kill!.blade) >= kill!.message) {
      killed = true;
      world.restartTrafficManager(kill!.blade);
    }
    if (counted === null && world.manager.status().phase === "idle") counted = new Map(inPlay.map((name) => [name, had(name)]));
    if (kill !== null && ms % LOOK_EVERY_MS === 0) assertComplete(world, live, `${JSON.stringify(kill)} at ${ms} ms`);
  }
  return { world, had: counted! };
}

function endOf(world: World): unknown {
  const { owners, buckets } = world.manager.assignment();
  return {
    histories: buckets.map((history) => history.map((number) => owners[number]!.name)),
    blades: world.manager.status().blades.map(({ name, status }) => [name, status]),
  };
}

describe("a traffic manager that is killed at any message", () => {
  for (const [title, story] of Object.entries(STORIES)) {
    test(title, () => {
      const undisturbed = run(story, null);
      const end = endOf(undisturbed.world);
      for (const blade of ["ardsley", "dobbs-ferry"]) {
        const messages = undisturbed.had.get(blade)! + AFTERWARDS;
        for (let message = 1; message <= messages; message++) {
          const kill = { blade, message };
          const { world } = run(story, kill);
          assert.deepEqual(endOf(world), end, JSON.stringify(kill));
          const { generation, blades } = world.manager.status();
          const inForce = generations(world);
          blades.forEach(({ name, status }) => {
            if (status !== "active") return;
            assert.equal(inForce[[...world.blades.keys()].indexOf(name)], generation, `${JSON.stringify(kill)} ${name}`);
          });
          const previous = statesOf(world, "ardsley").filter(({ index }) => index > 0);
          assert.ok(previous.every(({ complete }) => complete), JSON.stringify(kill));
        }
      }
    });
  }
});

describe("a blade that gets buckets just after a restart, whose host has connections in its own buckets", () => {
  const RESTARTS: Readonly<Record<string, (world: World) => void>> = {
    "of its traffic manager": (world) => world.restartTrafficManager("dobbs-ferry"),
    "of its shim": (world) => world.restartShim("dobbs-ferry"),
  };
  for (const [title, restart] of Object.entries(RESTARTS)) {
    test(`${title}: none of these is taken for one from before it left`, () => {
      for (let ms = 0; ms <= 240; ms += 3) {
        const world = new World();
        world.grow("ardsley", "dobbs-ferry", "hartsdale");
        openOwn(world, "dobbs-ferry", 6);
        world.clock.advance(1_000);
        restart(world);
        world.clock.advance(ms);
        assert.equal(world.outcomeOf((on) => world.manager.drainBlade("ardsley", null, on)), null, `${ms} ms after it`);
      }
    });
  }
});
