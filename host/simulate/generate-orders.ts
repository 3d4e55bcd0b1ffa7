/** Random reconfigurations. */
import type { Random } from "../emulator/random.ts";
import { when, type Moments } from "./moment.ts";
import { chance, pick, pickWeighted } from "./pick.ts";
import type { OrderPlan, TopologyPlan } from "./plan.ts";

const FIRST_US = 800_000;
/** Moves of most buckets, one right behind another, where a plan has its focus. */
const STORM_MIN = 2;
const STORM_MAX = 5;
const STORM_GAP_US = 250_000;
/** Storms that go there and back between two blades, percent: so often, and slow enough that lists are given, and buckets drain, in between. */
const BACK_AND_FORTH = 30;
const BACKS_MIN = 4;
const BACKS_MAX = 5;
const BACK_GAP_US_MIN = 300_000;
const BACK_GAP_US_MAX = 700_000;
/** Of such moves, after which the blade that has got the buckets is failed, or drained and soon cut off, percent. */
const STORM_ENDS = 25;
const STORM_DEADLINE_MS_MAX = 400;
/** Orders that are to be carried out whatever it costs, percent. */
const FORCED = 8;
/** Plans with two switches in which the other one becomes active, and the first one again, percent; and how long after. */
const THERE_AND_BACK = 50;
const SWITCH_BACK_US_MIN = 200_000;
const SWITCH_BACK_US_MAX = 1_500_000;
const ORDERS_MIN = 3;
const ORDERS_MAX = 9;

type WithoutTime = OrderPlan extends infer O ? (O extends OrderPlan ? Omit<O, "atUs" | "force"> : never) : never;
type MakeOrder = (topology: TopologyPlan, random: Random) => WithoutTime;

const blade = ({ blades }: TopologyPlan, random: Random): string => pick(random, blades).name;

const move: MakeOrder = (topology, random) => {
  const share = random.between(1, 100);
  const buckets = Array.from({ length: topology.buckets }, (_, bucket) => bucket).filter(() => chance(random, share));
  return { kind: "move", buckets: buckets.length === 0 ? [0] : buckets, blade: blade(topology, random) };
};

const storming = (topology: TopologyPlan, random: Random) => {
  const buckets = Array.from({ length: topology.buckets }, (_, bucket) => bucket).filter(() => chance(random, 80));
  const members = topology.blades.filter(({ starts }) => starts);
  return { kind: "move", buckets, blade: pick(random, members).name } as const;
};

function ending(blade: string, random: Random): WithoutTime {
  return chance(random, 50) ? { kind: "fail", blade } : { kind: "drain", blade, deadlineMs: random.between(50, STORM_DEADLINE_MS_MAX) };
}

const add: MakeOrder = (topology, random) => {
  const others = topology.blades.filter(({ starts }) => !starts);
  return { kind: "add", blade: others.length > 0 && chance(random, 70) ? pick(random, others).name : blade(topology, random) };
};

const drain: MakeOrder = (topology, random) => ({
  kind: "drain",
  blade: blade(topology, random),
  deadlineMs: chance(random, 30) ? random.between(300, 4_000) : null,
});

const ORDERS: readonly (readonly [weight: number, make: MakeOrder])[] = [
  [8, move],
  [5, add],
  [5, drain],
  [2, (topology, random) => ({ kind: "undrain", blade: blade(topology, random) })],
  [1, (topology, random) => ({ kind: "remove", blade: blade(topology, random) })],
  [1, (topology, random) => ({ kind: "fail", blade: blade(topology, random) })],
  [3, (topology, random) => ({ kind: "weight", blade: blade(topology, random), weight: random.between(0, 3) })],
  [2, () => ({ kind: "rebalance" })],
  [2, (topology, random) => ({ kind: "failover", switch: pick(random, topology.switches) })],
];

export function generateOrders(topology: TopologyPlan, moments: Moments, random: Random): OrderPlan[] {
  const count = random.between(ORDERS_MIN, ORDERS_MAX);
  const orders = Array.from({ length: count }, () => {
    const order = pickWeighted(random, ORDERS)(topology, random);
    return { ...order, atUs: when(moments, random, FIRST_US), force: chance(random, FORCED) };
  });
  const failovers = thereAndBack(topology, moments, random.fork("failover"));
  return withStorm([...orders, ...failovers], topology, moments, random).sort((a, b) => a.atUs - b.atUs);
}

function thereAndBack({ switches: [first, second] }: TopologyPlan, moments: Moments, random: Random): OrderPlan[] {
  if (first === undefined || second === undefined || !chance(random, THERE_AND_BACK)) return [];
  const thereUs = when(moments, random, FIRST_US);
  const backUs = Math.min(moments.calmUs, thereUs + random.between(SWITCH_BACK_US_MIN, SWITCH_BACK_US_MAX));
  return [
    { kind: "failover", switch: second, atUs: thereUs, force: false },
    { kind: "failover", switch: first, atUs: backUs, force: false },
  ];
}

/** Nothing comes between moves there and back. */
function withStorm(orders: readonly OrderPlan[], topology: TopologyPlan, { focusUs, calmUs }: Moments, random: Random): OrderPlan[] {
  if (focusUs === null) return [...orders];
  const back = random.fork("back");
  if (!chance(back, BACK_AND_FORTH)) return [...orders, ...storm(topology, focusUs, calmUs, random)];
  return [...orders.filter(({ atUs }) => atUs < focusUs), ...backAndForth(topology, focusUs, calmUs, back)];
}

function storm(topology: TopologyPlan, focusUs: number, calmUs: number, random: Random): OrderPlan[] {
  let atUs = focusUs;
  return Array.from({ length: random.between(STORM_MIN, STORM_MAX) }, (_, number): OrderPlan[] => {
    atUs = Math.min(calmUs, atUs + random.between(0, STORM_GAP_US));
    const move = { ...storming(topology, random), atUs, force: chance(random, FORCED) };
    const end = random.fork(`end ${number}`);
    if (!chance(end, STORM_ENDS)) return [move];
    return [move, { ...ending(move.blade, end), atUs: Math.min(calmUs, atUs + end.between(0, STORM_GAP_US)), force: false }];
  }).flat();
}

function backAndForth(topology: TopologyPlan, focusUs: number, calmUs: number, random: Random): OrderPlan[] {
  const one = storming(topology, random);
  const others = topology.blades.filter(({ name, starts }) => starts && name !== one.blade);
  const other = others.length === 0 ? one.blade : pick(random, others).name;
  let atUs = focusUs;
  return Array.from({ length: random.between(BACKS_MIN, BACKS_MAX) }, (_, number): OrderPlan => {
    atUs = Math.min(calmUs, atUs + random.between(BACK_GAP_US_MIN, BACK_GAP_US_MAX));
    return { ...one, blade: number % 2 === 0 ? one.blade : other, atUs, force: false };
  });
}
