/** Moves that overlap: the next one comes while connections of the one before live. Real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HISTORY_DEPTH } from "../../host/model/assignment.ts";
import { bucketsOf, code, histories, statesOf } from "./probe.ts";
import { randomOf } from "./random.ts";
import { VIP, World } from "./world.ts";

const FOUR = ["ardsley", "dobbs-ferry", "hartsdale", "irvington"] as const;
const BUCKETS = 16;
const ALL = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
/** Enough to have some in every bucket. */
const FLOWS = 200;

type Name = (typeof FOUR)[number];

const move = (world: World, to: string, buckets = ALL) => world.outcomeOf((on) => world.manager.moveBuckets(buckets, to, on));

/** Everything is `owner`'s, who gets connections in every bucket. */
function moveAndOpen(world: World, owner: Name): void {
  assert.equal(move(world, owner), null);
  world.host(owner).open(FLOWS, "established", `10.${FOUR.indexOf(owner) + 1}`);
  world.clock.advance(700);
}

/** Everything has been `FOUR`'s in turn, and each has live connections in every bucket. */
function depthFour(): World {
  const world = new World({ buckets: BUCKETS });
  world.grow(...FOUR);
  world.clock.advance(1_000);
  for (const owner of FOUR) moveAndOpen(world, owner);
  return world;
}

/** Each bucket's history is this. */
function assertHistories(world: World, ...names: Name[]): void {
  for (const history of histories(world)) assert.deepEqual(history, names);
}

/** Rows of live connections that a blade's image has, and whether it can vouch for each bucket of which it is a previous owner. */
function previousOf(world: World, blade: Name): { rows: number; complete: boolean } {
  const states = statesOf(world, blade).filter(({ index }) => index > 0);
  return { rows: states.reduce((sum, { rows }) => sum + rows, 0), complete: states.every(({ complete, sealed }) => complete && !sealed) };
}

describe("overlapping moves", () => {
  test("to depth 4: every previous owner keeps its place, its rows and its word", () => {
    const world = depthFour();
    assertHistories(world, "irvington", "hartsdale", "dobbs-ferry", "ardsley");
    for (const owner of FOUR.slice(0, -1)) assert.deepEqual(previousOf(world, owner), { rows: FLOWS, complete: true }, owner);
  });

  test("and back, to each that holds connections: nothing is refused, nothing forgotten", () => {
    const world = depthFour();
    assert.equal(move(world, "ardsley"), null);
    assertHistories(world, "ardsley", "irvington", "hartsdale", "dobbs-ferry");
    assert.equal(move(world, "hartsdale"), null);
    assertHistories(world, "hartsdale", "ardsley", "irvington", "dobbs-ferry");
    world.clock.advance(1_000);
    for (const owner of ["ardsley", "irvington", "dobbs-ferry"] as const)
      assert.deepEqual(previousOf(world, owner), { rows: FLOWS, complete: true }, owner);
  });

  test("and all of them drain, in whatever order their connections close", () => {
    for (let seed = 0; seed < 4; seed++) {
      const random = randomOf(seed);
      const world = depthFour();
      assert.equal(move(world, "ardsley"), null);
      const closing = FOUR.slice(1).flatMap((owner) => world.host(owner).sockets.map(({ client }) => ({ owner, client })));
      while (closing.length > 0) {
        for (const { owner, client } of Array.from({ length: 50 }, () => closing.splice(random(closing.length), 1)[0]!)) {
          const host = world.host(owner);
          host.sockets = host.sockets.filter((socket) => socket.client !== client);
        }
        world.clock.advance(400);
        for (const { owner, client } of closing.slice(0, 20)) {
          const bucket = bucketsOf(world, "ardsley", [client]).get(client)!;
          assert.ok(histories(world)[bucket]!.includes(owner), `seed ${seed}: ${owner} still has ${client}`);
        }
      }
      world.clock.advance(3_000);
      assertHistories(world, "ardsley");
      assert.equal(world.host("ardsley").sockets.length, FLOWS);
    }
  });

  test("ordered at once are done one after the other", () => {
    const world = new World({ buckets: BUCKETS });
    world.grow(...FOUR);
    world.clock.advance(1_000);
    moveAndOpen(world, "ardsley");
    const outcomes: string[] = [];
    for (const owner of [...FOUR.slice(1), "ardsley", "dobbs-ferry", "ardsley"])
      world.manager.moveBuckets(ALL, owner, (error) => outcomes.push(code(error)));
    assert.ok(world.clock.until(() => outcomes.length === 6, 10_000));
    assert.deepEqual(outcomes, Array<string>(6).fill("null"));
    // Those that never had a connection are forgotten.
    world.clock.advance(3_000);
    assertHistories(world, "ardsley");
  });

  test("A -> B -> A: A delivers what it has had all the time, and B's connections drain there", () => {
    const world = new World({ buckets: BUCKETS });
    world.grow("ardsley", "dobbs-ferry");
    world.clock.advance(1_000);
    moveAndOpen(world, "ardsley");
    moveAndOpen(world, "dobbs-ferry");
    assert.equal(move(world, "ardsley"), null);
    assertHistories(world, "ardsley", "dobbs-ferry");
    world.clock.advance(500);
    const rows = statesOf(world, "ardsley").reduce((sum, state) => sum + state.rows, 0);
    assert.equal(rows, FLOWS);
    assert.deepEqual(previousOf(world, "dobbs-ferry"), { rows: FLOWS, complete: true });
    world.host("dobbs-ferry").sockets = [];
    world.clock.advance(3_000);
    assertHistories(world, "ardsley");
  });
});

describe("a blade that fails", () => {
  test("as a previous owner leaves the middle of the histories, and nobody else does", () => {
    const world = depthFour();
    world.unplug("dobbs-ferry");
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("dobbs-ferry", on)), null);
    assertHistories(world, "irvington", "hartsdale", "ardsley");
    assert.deepEqual(world.failed, [{ blade: "dobbs-ferry", cut: FLOWS }]);
    world.clock.advance(1_000);
    for (const owner of ["ardsley", "hartsdale"] as const) assert.deepEqual(previousOf(world, owner), { rows: FLOWS, complete: true });
  });

  test("as the current owner of full histories: previous owners inherit, and no history becomes too long", () => {
    const world = depthFour();
    world.unplug("irvington");
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("irvington", on)), null);
    for (const history of histories(world)) assert.deepEqual([...history].sort(), [...FOUR.slice(0, -1)]);
    assert.deepEqual(world.current(), { ardsley: 6, "dobbs-ferry": 5, hartsdale: 5, irvington: 0 });
  });

  test("while another drains, and while it drains itself, cuts what it has and nothing else", () => {
    const world = depthFour();
    for (const blade of ["ardsley", "hartsdale"])
      assert.equal(world.outcomeOf((on) => world.manager.drainBlade(blade, null, on)), null);
    world.unplug("hartsdale");
    assert.equal(world.outcomeOf((on) => world.manager.failBlade("hartsdale", on)), null);
    const members = (): string[][] => histories(world).map((history) => [...history].sort());
    for (const names of members()) assert.deepEqual(names, ["ardsley", "dobbs-ferry", "irvington"]);
    world.clock.advance(5_000);
    assert.deepEqual(world.offline, []);
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "ardsley", cut: 0 }]);
    for (const names of members()) assert.deepEqual(names, ["dobbs-ferry", "irvington"]);
  });
});

describe("two blades that drain at once", () => {
  test("each go offline when their own last connection has closed", () => {
    const world = new World({ buckets: BUCKETS });
    world.grow(...FOUR);
    world.clock.advance(1_000);
    moveAndOpen(world, "ardsley");
    moveAndOpen(world, "dobbs-ferry");
    const outcomes: string[] = [];
    for (const blade of ["ardsley", "dobbs-ferry"]) world.manager.drainBlade(blade, null, (error) => outcomes.push(code(error)));
    assert.ok(world.clock.until(() => outcomes.length === 2, 5_000));
    assert.deepEqual(outcomes, ["null", "null"]);
    assert.deepEqual(world.current(), { ardsley: 0, "dobbs-ferry": 0, hartsdale: 8, irvington: 8 });
    world.clock.advance(5_000);
    for (const history of histories(world)) assert.deepEqual(history.slice(1), ["dobbs-ferry", "ardsley"]);
    assert.deepEqual(world.offline, []);
    world.host("dobbs-ferry").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline, [{ blade: "dobbs-ferry", cut: 0 }]);
    for (const history of histories(world)) assert.deepEqual(history.slice(1), ["ardsley"]);
    world.host("ardsley").sockets = [];
    world.clock.advance(3_000);
    assert.deepEqual(world.offline.at(-1), { blade: "ardsley", cut: 0 });
  });

  test("have a deadline each, and each is counted by itself", () => {
    const world = new World({ buckets: BUCKETS });
    world.grow(...FOUR);
    world.clock.advance(1_000);
    moveAndOpen(world, "ardsley");
    moveAndOpen(world, "dobbs-ferry");
    world.host("dobbs-ferry").sockets = world.host("dobbs-ferry").sockets.slice(0, 7);
    world.manager.drainBlade("ardsley", 3_000);
    world.manager.drainBlade("dobbs-ferry", 3_000);
    assert.ok(world.clock.until(() => world.offline.length === 2, 10_000));
    assert.deepEqual(world.offline.toSorted((a, b) => (a.blade < b.blade ? -1 : 1)), [
      { blade: "ardsley", cut: FLOWS },
      { blade: "dobbs-ferry", cut: 7 },
    ]);
    assert.deepEqual(world.manager.status().tally.cut, { deadline: FLOWS + 7, failed: 0, forced: 0, flows: 0 });
  });

  test("but not when nobody would be left", () => {
    const world = new World({ buckets: BUCKETS });
    world.grow("ardsley", "dobbs-ferry");
    const outcomes: string[] = [];
    for (const blade of ["ardsley", "dobbs-ferry"]) world.manager.drainBlade(blade, null, (error) => outcomes.push(code(error)));
    world.clock.advance(1_000);
    assert.deepEqual(outcomes, ["null", "E_NO_ACTIVE_MEMBER"]);
  });
});

describe("whatever is asked, in any order", () => {
  /** Clients whose connections stay where they were opened. */
  const CLIENTS = Array.from({ length: 250 }, (_, i) => `10.9.${i >> 6}.${i & 63}`);
  const STEPS = 25;

  test("an owner with live connections in a bucket is in its history, and no history is too long", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = randomOf(seed);
      const world = new World({ buckets: BUCKETS });
      world.grow(...FOUR, "tarrytown", "scarsdale");
      world.clock.advance(1_000);
      const names = [...world.blades.keys()];
      const bucketOf = bucketsOf(world, "ardsley", CLIENTS);
      const pick = (): string => names[random(names.length)]!;
      const asks: ((world: World) => void)[] = [
        ({ manager }) => manager.moveBuckets(ALL.filter(() => random(2) === 0).concat(random(BUCKETS)).filter((b, i, all) => all.indexOf(b) === i), pick()),
        ({ manager }) => manager.moveBuckets(ALL.filter(() => random(4) === 0).concat(0).filter((b, i, all) => all.indexOf(b) === i), pick()),
        ({ manager }) => manager.drainBlade(pick()),
        ({ manager }) => manager.cancelDrain(pick()),
        ({ manager }) => manager.setWeights({ [pick()]: random(4) }),
        ({ manager }) => manager.rebalance(),
      ];
      let asked = 0;
      for (let step = 0; step < STEPS; step++) {
        for (const client of CLIENTS.filter(() => random(12) === 0)) {
          const owner = histories(world)[bucketOf.get(client)!]![0]!;
          if (names.every((name) => world.host(name).sockets.every((socket) => socket.client !== client)))
            world.host(owner).sockets.push({ client, clientPort: 40_000, vip: VIP, vipPort: 80, state: "established" });
        }
        for (const name of names) world.host(name).sockets = world.host(name).sockets.filter(() => random(10) > 0);
        for (let i = random(4); i >= 0; i--, asked++) asks[random(asks.length)]!(world);
        world.clock.advance(200 + random(1_500));
        for (const [bucket, history] of histories(world).entries()) assert.ok(history.length >= 1 && history.length <= HISTORY_DEPTH, `seed ${seed}, bucket ${bucket}`);
        for (const name of names) {
          for (const { client } of world.host(name).sockets)
            assert.ok(histories(world)[bucketOf.get(client)!]!.includes(name), `seed ${seed}, step ${step}: ${name} has ${client}`);
        }
      }
      assert.ok(asked > STEPS);
      for (const name of names) world.host(name).sockets = [];
      assert.ok(world.clock.until(() => histories(world).every(({ length }) => length === 1), 20_000, 50), `seed ${seed}: all settle`);
      assert.deepEqual(world.manager.status().tally.cut, { deadline: 0, failed: 0, forced: 0, flows: 0 });
    }
  });
});
