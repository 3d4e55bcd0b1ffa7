/** Buckets that move by load: real managers, real images. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApplianceState } from "../../host/supervisor/state.ts";
import { bucketsOf, histories } from "./probe.ts";
import { VIP, World, type WorldOptions } from "./world.ts";

const THREE = ["ardsley", "dobbs-ferry", "hartsdale"] as const;
const BUCKETS = 64;
const BALANCE = { share: 0.1, everyMs: 10_000, gap: 0.25 } as const;
const BOUND = 6;
const CLIENTS = Array.from({ length: 300 }, (_, i) => `10.7.${i >> 6}.${i & 63}`);
/** Of a host: what one connection makes of it. */
const COST = 0.012;

/** Three blades, the first of which is a third as strong as the others; connections come and go. */
class Busy {
  readonly world: World;
  readonly bucketOf: ReadonlyMap<string, number>;
  /** Most that were on their way at once. */
  onTheirWay = 0;
  /** Buckets that have moved by load. */
  moved = 0;
  #next = 0;

  constructor(options: WorldOptions = {}) {
    this.world = new World({ buckets: BUCKETS, balance: BALANCE, ...options });
    this.world.grow(...THREE);
    for (const [at, name] of THREE.entries())
      this.world.loads.set(name, () => this.world.host(name).sockets.length * COST * (at === 0 ? 1 : 1 / 3));
    this.bucketOf = bucketsOf(this.world, "ardsley", CLIENTS);
    this.run(5);
  }

  /** So many looks. */
  run(looks: number): this {
    const { world } = this;
    for (let second = 0; second < looks * 10; second++) {
      // Everyone's connection is closed and opened anew every 10 s, with whoever is current.
      for (let i = 0; i < CLIENTS.length / 10; i++) {
        const client = CLIENTS[this.#next++ % CLIENTS.length]!;
        const owner = histories(world)[this.bucketOf.get(client)!]![0]!;
        for (const name of world.blades.keys()) world.host(name).sockets = world.host(name).sockets.filter((socket) => socket.client !== client);
        world.host(owner).sockets.push({ client, clientPort: 40_000, vip: VIP, vipPort: 80, state: "established" });
      }
      world.clock.advance(1_000);
      const unsettled = histories(world).filter(({ length }) => length > 1).length;
      this.onTheirWay = Math.max(this.onTheirWay, unsettled);
    }
    this.moved = this.loadMoves().length;
    return this;
  }

  loads(): number[] {
    return [...this.world.loads.values()].map((load) => load());
  }

  /** Requests to move by load. */
  loadMoves(): string[] {
    return this.world.events("requested").map(({ details }) => String(details["request"])).filter((text) => text.endsWith("by load"));
  }
}

describe("buckets", () => {
  test("move from the weak blade until loads are even, never more at a time than the share, and then stay", () => {
    const busy = new Busy().run(25);
    const loads = busy.loads();
    assert.ok(Math.max(...loads) - Math.min(...loads) <= BALANCE.gap + 0.1, loads.join());
    assert.ok(busy.moved > 1);
    assert.ok(busy.onTheirWay > 0 && busy.onTheirWay <= BOUND, `${busy.onTheirWay}`);
    const { ardsley, "dobbs-ferry": dobbs, hartsdale } = busy.world.current();
    assert.ok(ardsley! < dobbs! && ardsley! < hartsdale! && ardsley! >= 1);
    const before = busy.world.current();
    busy.run(10);
    assert.deepEqual(busy.world.current(), before);
    assert.deepEqual(busy.world.events("uneven", "even").map(({ event }) => event), ["uneven", "even"]);
  });

  test("do not move by load unless the appliance file says so", () => {
    const busy = new Busy({ balance: undefined as never }).run(10);
    assert.deepEqual([busy.loadMoves(), busy.world.events("uneven")], [[], []]);
    assert.deepEqual(busy.world.current(), { ardsley: 22, "dobbs-ferry": 21, hartsdale: 21 });
  });

  test("stay where they are while a drain has more on their way than the share, and while one cannot be heard it gets none", () => {
    const busy = new Busy();
    busy.world.host("dobbs-ferry").sockets.push({ client: "10.8.0.1", clientPort: 1, vip: VIP, vipPort: 80, state: "established" });
    busy.world.outcomeOf((on) => busy.world.manager.drainBlade("dobbs-ferry", null, on));
    const from = busy.loadMoves().length;
    const before = busy.world.current();
    busy.world.clock.advance(5_000);
    assert.ok(histories(busy.world).filter(({ length }) => length > 1).length > BOUND);
    busy.world.clock.advance(30_000);
    assert.deepEqual([busy.loadMoves().length, busy.world.current()], [from, before]);
    const silent = new Busy();
    silent.world.unplug("hartsdale");
    silent.world.clock.advance(5_000);
    const had = silent.world.current()["hartsdale"]!;
    silent.run(5);
    assert.ok(silent.world.current()["hartsdale"]! <= had);
  });

  test("what load has made of the weights outlives the appliance manager, and a newcomer", () => {
    const saved: ApplianceState[] = [];
    const busy = new Busy({ store: { save: (state) => void saved.push(state) } }).run(25);
    const { world } = busy;
    const before = world.current();
    world.life.end();
    world.restartManager(JSON.parse(JSON.stringify(saved.at(-1)!)) as ApplianceState);
    world.clock.advance(1_000);
    assert.equal(world.outcomeOf((on) => world.manager.rebalance(on)), null);
    assert.deepEqual(world.current(), before);
    world.grow("irvington");
    assert.equal(world.current()["irvington"], BUCKETS / 4);
    assert.ok(world.current()["ardsley"]! < world.current()["dobbs-ferry"]!);
    busy.run(15);
    assert.ok(busy.loadMoves().length > 0, "and it goes on");
  });
});
