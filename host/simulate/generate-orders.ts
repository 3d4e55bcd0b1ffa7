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
/** Orders that are to be carried out whatever it costs, percent. */
const FORCED = 8;
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

const storming: MakeOrder = (topology, random) => {
  const buckets = Array.from({ length: topology.buckets }, (_, bucket) => bucket).filter(() => chance(random, 80));
  const members = topology.blades.filter(({ starts }) => starts);
  return { kind: "move", buckets, blade: pick(random, members).name };
};

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
  let atUs = moments.focusUs ?? moments.calmUs;
  const storm = moments.focusUs === null ? 0 : random.between(STORM_MIN, STORM_MAX);
  for (let i = 0; i < storm; i++) {
    atUs += random.between(0, STORM_GAP_US);
    orders.push({ ...storming(topology, random), atUs, force: chance(random, FORCED) });
  }
  return orders.sort((a, b) => a.atUs - b.atUs);
}
