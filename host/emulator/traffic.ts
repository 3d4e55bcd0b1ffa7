/** Turns a scenario's traffic groups into connections, each with its client, its start and its exchanges. */
import type { Family } from "../model/address.ts";
import type { ClientPlace } from "./address-plan.ts";
import type { Direction, Exchange } from "./exchange.ts";
import type { Random } from "./random.ts";
import type { Range, TrafficGroup, TrafficKind } from "./scenario.ts";

export interface PlannedExchange {
  readonly exchange: Exchange;
  /** After it. */
  readonly silenceUs: number;
}

/** In a tunnel an exchange goes both ways at once; a query has one, its answer. */
export interface PlannedConnection {
  readonly id: number;
  readonly group: string;
  readonly kind: TrafficKind;
  /** Address. */
  readonly client: string;
  /** The one that it is opened to. */
  readonly vip: string;
  readonly startUs: number;
  readonly exchanges: readonly PlannedExchange[];
  /** Begins with the first exchange again after the last, and never closes. */
  readonly keeps: boolean;
  /** The client goes on from this address, and another port; null: it does not. */
  readonly migration: { readonly afterUs: number; readonly client: string } | null;
}

/** The appliance's VIPs by family. */
export type Vips = Readonly<Record<Family, readonly string[]>>;

/** What idle connections and queries have to say goes in one go. */
const AT_ONCE = { piece: 1_024, intervalUs: 1_000 } as const;
/** Without silences, a QUIC connection has an upload and a download. */
const QUIC_EXCHANGES = 2;

/** In the order of the groups. Clients take turns, so that all of them have connections of all kinds. */
export function planTraffic(
  groups: readonly TrafficGroup[],
  clients: readonly ClientPlace[],
  vips: Vips,
  random: Random,
): PlannedConnection[] {
  const turns = shuffled(clients, random.fork("clients"));
  const plans: PlannedConnection[] = [];
  for (const group of groups) {
    const own = random.fork(`group ${group.name}`);
    for (let i = 0; i < group.connections; i++) {
      const id = plans.length;
      const place = turns[id % turns.length]!;
      const family = group.families[i % group.families.length]!;
      const vip = vips[family][Math.floor(i / group.families.length) % vips[family].length]!;
      const startUs = draw(own, group.startUs);
      const { name, kind, keeps } = group;
      const exchanges = exchangesOf(group, own);
      const migration = migrationOf(group, place, family, own);
      plans.push({ id, group: name, kind, client: place.addresses[family]!, vip, startUs, exchanges, keeps, migration });
    }
  }
  return plans;
}

function exchangesOf(group: TrafficGroup, random: Random): PlannedExchange[] {
  const { kind } = group;
  switch (kind) {
    case "upload":
    case "download":
      return [{ exchange: transfer(group, kind, random), silenceUs: 0 }];
    case "idle":
      return turnsOf(group, group.rounds + 1, random, (direction) => atOnce(group, direction, random));
    case "dns":
      return [{ exchange: atOnce(group, "download", random), silenceUs: 0 }];
    case "udp": {
      const turns = isSilent(group) ? group.rounds + 1 : 1;
      return turnsOf(group, turns, random, (direction) => datagrams(group, transfer(group, direction, random)));
    }
    case "quic": {
      const turns = isSilent(group) ? group.rounds + 1 : QUIC_EXCHANGES;
      return turnsOf(group, turns, random, (direction) => transfer(group, direction, random));
    }
  }
}

/** Exchanges in both directions in turn, and the silences after them. What is kept ends with a silence, and goes round. */
function turnsOf(
  group: TrafficGroup,
  turns: number,
  random: Random,
  exchangeOf: (direction: Direction) => Exchange,
): PlannedExchange[] {
  const count = group.keeps ? group.rounds : turns;
  return Array.from({ length: count }, (_, turn) => {
    const last = !group.keeps && turn === count - 1;
    const exchange = exchangeOf(turn % 2 === 0 ? "upload" : "download");
    return { exchange, silenceUs: last ? 0 : draw(random, group.silenceUs) };
  });
}

function isSilent({ silenceUs }: TrafficGroup): boolean {
  return silenceUs[1] > 0;
}

function atOnce(group: TrafficGroup, direction: Direction, random: Random): Exchange {
  return { direction, length: draw(random, group.bytes), seed: random.u32(), ...AT_ONCE };
}

/** Spread evenly over its time. */
function transfer(group: TrafficGroup, direction: Direction, random: Random): Exchange {
  const length = draw(random, group.bytes);
  const pieces = Math.max(1, Math.floor(draw(random, group.overUs) / group.everyUs));
  return { direction, length, seed: random.u32(), piece: Math.max(1, Math.ceil(length / pieces)), intervalUs: group.everyUs };
}

/** Where a piece is more than a datagram holds, there are more of them in the same time. */
function datagrams({ datagramBytes }: TrafficGroup, exchange: Exchange): Exchange {
  const each = Math.ceil(exchange.piece / datagramBytes);
  return { ...exchange, piece: Math.ceil(exchange.piece / each), intervalUs: Math.max(1, Math.floor(exchange.intervalUs / each)) };
}

function migrationOf(group: TrafficGroup, place: ClientPlace, family: Family, random: Random): PlannedConnection["migration"] {
  if (group.migrateUs === null) return null;
  const client = (group.migrates === "address" ? place.roaming : place.addresses)[family]!;
  return { afterUs: draw(random, group.migrateUs), client };
}

function draw(random: Random, [min, max]: Range): number {
  return random.between(min, max);
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
