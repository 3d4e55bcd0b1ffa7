/**
 * A blade's shim is killed at every message that its IPD has had, and started anew with nothing: by then its traffic
 * manager must have put everything back, whatever it was in the midst of. Real managers, real images.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Filter } from "../../host/model/appliance.ts";
import { generations, statesOf } from "./probe.ts";
import { World } from "./world.ts";

const TALK_MS = 3_000;
/** Messages after a reconfiguration that belong to it: tables are completed, buckets are sealed. */
const AFTERWARDS = 20;

interface Kill {
  readonly blade: string;
  /** The message to its IPD after which its shim is killed, from 1 on. */
  readonly message: number;
}

const NO_STRANGERS: Filter = { action: "drop", ethertype: 0x88b5, at: "blades" };

/** What happens to two blades in service, and one that is there. */
type Story = (world: World) => void;

const STORIES: Readonly<Record<string, Story>> = {
  "while a blade joins": (world) => world.manager.addBlades([world.blades.get("hartsdale")!.blade]),
  "while buckets move": (world) => world.manager.moveBuckets([0, 1, 2, 3, 4, 5, 6, 7], "dobbs-ferry"),
  "while another blade drains": (world) => world.manager.drainBlade("dobbs-ferry", 800),
  "while it drains": (world) => world.manager.drainBlade("ardsley", 800),
  "while filter rules change": (world) => world.manager.setFilters([NO_STRANGERS, { ...NO_STRANGERS, ethertype: 0x88b6 }]),
  "while another blade fails": (world) => world.manager.failBlade("dobbs-ferry"),
};

/** Messages that the blade's IPD has had while it happened. */
function run(story: Story, blade: string, kill: Kill | null): { world: World; had: number } {
  const world = new World();
  world.grow("ardsley", "dobbs-ferry");
  world.plug("hartsdale");
  world.manager.setFilters([NO_STRANGERS]);
  world.host("ardsley").open(40);
  world.clock.advance(1_000);
  const from = world.had.length;
  const had = (): number => world.had.slice(from).filter(({ node }) => node === blade).length;
  story(world);
  let killed = kill === null;
  let counted: number | null = null;
  for (let ms = 0; ms < TALK_MS; ms++) {
    world.clock.advance(1);
    if (!killed && had() >= kill!.message) {
      killed = true;
      world.restartShim(blade);
    }
    if (counted === null && world.manager.status().phase === "idle") counted = had();
  }
  return { world, had: counted! };
}

function activeBlades(world: World): string[] {
  return world.manager
    .status()
    .blades.filter(({ status }) => status === "active")
    .map(({ name }) => name);
}

describe("a shim that is killed after any message", () => {
  for (const [title, story] of Object.entries(STORIES)) {
    for (const blade of ["ardsley", "hartsdale"]) {
      if (blade === "hartsdale" && title !== "while a blade joins") continue;
      test(`${title}: that of ${blade}`, () => {
        const messages = run(story, blade, null).had + AFTERWARDS;
        for (let message = 1; message <= messages; message++) {
          const kill = { blade, message };
          const { world } = run(story, blade, kill);
          const { generation } = world.manager.status();
          const what = JSON.stringify(kill);
          assert.equal(world.manager.status().phase, "idle", what);
          for (const name of activeBlades(world)) {
            assert.equal(generations(world)[[...world.blades.keys()].indexOf(name)], generation, `${what} ${name}`);
            assert.equal(world.node(name).drops(), "FILTERED", `${what}: ${name} has lost its filter rules`);
            const states = statesOf(world, name);
            assert.ok(states.some(({ index }) => index === 0), `${what}: ${name} serves no bucket`);
            assert.ok(states.every(({ index, complete }) => index <= 0 || complete), `${what}: ${name} is incomplete`);
          }
        }
      });
    }
  }
});
