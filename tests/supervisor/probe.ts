/** What tests look at behind the managers' backs. */
import assert from "node:assert/strict";
import { DobbsError } from "../../host/errors.ts";
import type { BucketState } from "../../host/management/commands.ts";
import { ManagementSession } from "../../host/management/session.ts";
import { TCP } from "../../host/supervisor/sessions.ts";
import { VIP, type World } from "./world.ts";

/** What a blade's image holds of each bucket for one owner. */
export function statesOf(world: World, blade: string, owner = 0): BucketState[] {
  const node = world.node(blade);
  const session = new ManagementSession(world.clock, {
    layout: node.layout,
    request: (message, onAnswer) => onAnswer(node.manage(message, world.clock.now())),
  });
  const found: BucketState[][] = [];
  session.buckets(
    owner,
    world.manager.status().owners.reduce((sum, { current }) => sum + current, 0),
    (result) => {
      assert.ok(result.ok);
      found.push(result.value);
    },
  );
  return found[0]!;
}

/** Owners' names in each bucket's history, newest first, as the appliance manager has it. */
export function histories(world: World): string[][] {
  const { owners, buckets } = world.manager.assignment();
  return buckets.map((history) => history.map((number) => owners[number]!.name));
}

/** The bucket of each client, as a blade's image says. */
export function bucketsOf(world: World, blade: string, clients: readonly string[]): Map<string, number> {
  const node = world.node(blade);
  const session = new ManagementSession(world.clock, {
    layout: node.layout,
    request: (message, onAnswer) => onAnswer(node.manage(message, world.clock.now())),
  });
  let generation = 0;
  session.hello((result) => {
    if (result.ok) generation = result.generation;
  });
  const flows = clients.map((client) => ({ client, clientPort: 1, vip: VIP, vipPort: 80, protocol: TCP, state: "established" as const }));
  const buckets = new Map<string, number>();
  session.locate({ generation, owner: 0 }, flows, (result) => {
    assert.ok(result.ok);
    for (const { client, bucket } of result.value) buckets.set(client, bucket);
  });
  return buckets;
}

/** Generations in force on the images: blades, then switches. */
export function generations(world: World): number[] {
  const nodes = [...world.blades.values(), ...world.switches].map(({ node }) => node);
  return nodes.map((node) => {
    let generation = -1;
    const request = (message: Uint8Array, onAnswer: (answer: Uint8Array) => void): void =>
      onAnswer(node.manage(message, world.clock.now()));
    new ManagementSession(world.clock, { layout: node.layout, request }).hello((result) => {
      if (result.ok) generation = result.generation;
    });
    return generation;
  });
}

export function code(error: Error | null): string {
  return error instanceof DobbsError ? error.code : String(error);
}

/** Opens `count` connections of clients in buckets that `blade` is the current owner of, as it is when they come by its NIC. */
export function openOwn(world: World, blade: string, count: number, net = "10.1"): void {
  const current = histories(world).map(([name]) => name);
  const clients = Array.from({ length: 16 * count }, (_, i) => `${net}.${i >> 8}.${i & 255}`);
  const buckets = bucketsOf(world, blade, clients);
  const own = clients.filter((client) => current[buckets.get(client)!] === blade).slice(0, count);
  assert.equal(own.length, count, "there are clients enough");
  for (const [i, client] of own.entries()) {
    world.host(blade).sockets.push({ client, clientPort: 40_000 + i, vip: VIP, vipPort: 80, state: "established" });
  }
}
