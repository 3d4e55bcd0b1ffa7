/** Turns a scenario's traffic groups into connections, each with its client, its start and its exchanges. */
import type { Direction, Exchange } from "./exchange.ts";
import type { Random } from "./random.ts";
import type { Range, TrafficGroup, TrafficKind } from "./scenario.ts";

export interface PlannedExchange {
  readonly exchange: Exchange;
  /** After it. */
  readonly silenceUs: number;
}

export interface PlannedConnection {
  readonly id: number;
  readonly group: string;
  readonly kind: TrafficKind;
  /** Address. */
  readonly client: string;
  readonly startUs: number;
  readonly exchanges: readonly PlannedExchange[];
  /** Begins with the first exchange again after the last, and never closes. */
  readonly keeps: boolean;
}

/** Idle connections send what they have to say in one go. */
const AT_ONCE = { piece: 1_024, intervalUs: 1_000 } as const;

/** In the order of the groups. Clients take turns, so that all of them have connections of all kinds. */
export function planTraffic(groups: readonly TrafficGroup[], clients: readonly string[], random: Random): PlannedConnection[] {
  const turns = shuffled(clients, random.fork("clients"));
  const plans: PlannedConnection[] = [];
  for (const group of groups) {
    const own = random.fork(`group ${group.name}`);
    for (let i = 0; i < group.connections; i++) {
      const id = plans.length;
      const client = turns[id % turns.length]!;
      const startUs = draw(own, group.startUs);
      const { name, kind, keeps } = group;
      plans.push({ id, group: name, kind, client, startUs, exchanges: exchangesOf(group, own), keeps });
    }
  }
  return plans;
}

function exchangesOf(group: TrafficGroup, random: Random): PlannedExchange[] {
  if (group.kind !== "idle") return [{ exchange: transfer(group, group.kind, random), silenceUs: 0 }];
  const greetings = group.keeps ? group.rounds : group.rounds + 1;
  return Array.from({ length: greetings }, (_, turn) => {
    const last = !group.keeps && turn === greetings - 1;
    const direction = turn % 2 === 0 ? "upload" : "download";
    const exchange = { direction, length: draw(random, group.bytes), seed: random.u32(), ...AT_ONCE } as const;
    return { exchange, silenceUs: last ? 0 : draw(random, group.silenceUs) };
  });
}

/** Spread evenly over its time. */
function transfer(group: TrafficGroup, direction: Direction, random: Random): Exchange {
  const length = draw(random, group.bytes);
  const pieces = Math.max(1, Math.floor(draw(random, group.overUs) / group.everyUs));
  return { direction, length, seed: random.u32(), piece: Math.max(1, Math.ceil(length / pieces)), intervalUs: group.everyUs };
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
