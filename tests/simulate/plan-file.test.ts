/** What plan files pass, and what is said of those that do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DobbsError } from "../../host/errors.ts";
import { generatePlan } from "../../host/simulate/generate.ts";
import { planOf } from "../../host/simulate/plan-file.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import { serviceAt } from "../../host/simulate/services.ts";
import { CLIENTS } from "../../host/simulate/world.ts";
import { DEFAULT_TIMING } from "../../host/supervisor/timing.ts";
import { edited, placesIn, refusalBy, type Step } from "../process/samples.ts";
import * as scripted from "./scripted-plans.ts";

const GENERATED = Array.from({ length: 50 }, (_, at) => generatePlan(at + 1));
const SCRIPTED: readonly Plan[] = Object.values(scripted);
const TIMINGS = new Set(Object.keys(DEFAULT_TIMING));

const parse = (plan: unknown): Plan => planOf(JSON.parse(JSON.stringify(plan)), "plan.json");
const at = (value: unknown, path: readonly Step[]): unknown => path.reduce<unknown>((inner, step) => (inner as Record<Step, unknown>)[step], value);

const refusal = (plan: unknown, what: string): DobbsError => refusalBy(() => parse(plan), what);

/** Each place that occurs in plans, with one that has it: of lists the first entry of each kind. */
function* places(): Generator<readonly [Plan, readonly Step[]]> {
  const known = new Set<string>();
  for (const plan of [...GENERATED, ...SCRIPTED]) {
    for (const path of placesIn(plan)) {
      const name = path.map((step, index) => (typeof step === "string" ? step : kindOf(at(plan, path.slice(0, index + 1))))).join(".");
      if (known.has(name)) continue;
      known.add(name);
      yield [plan, path];
    }
  }
}

function kindOf(value: unknown): string {
  const { kind, do: step } = (value ?? {}) as { kind?: string; do?: string };
  return kind ?? step ?? "*";
}

test("every generated plan passes as it is, and every one that is written by hand", () => {
  const kinds = new Set(GENERATED.flatMap(({ flows, orders, faults }) => [...flows, ...orders, ...faults].map(({ kind }) => kind)));
  assert.equal(kinds.size, 7 + 9 + 19, "flows, orders and faults of all kinds");
  for (const plan of [...GENERATED, ...SCRIPTED]) assert.deepEqual(parse(plan), plan, `seed ${plan.seed}`);
});

test("a plan is refused without any one of its members", () => {
  for (const [plan, path] of places()) {
    if (typeof path.at(-1) === "number" || TIMINGS.has(String(path.at(-1)))) continue;
    const what = `without ${path.join(".")}`;
    const { code, message, exitStatus } = refusal(edited(plan, path, (holder, last) => delete holder[last]), what);
    assert.deepEqual([code, exitStatus], ["E_PLAN", 2], `${what}: ${message}`);
  }
});

test("a plan is refused with anything else in the place of any one of its members, or one that nobody knows", () => {
  for (const [plan, path] of places()) {
    for (const wrong of [{}, [{}], -1e10, 1.5e300, ""]) {
      if (path.at(-1) === "timing" && JSON.stringify(wrong) === "{}") continue;
      const what = `${path.join(".")} = ${JSON.stringify(wrong)}`;
      const { code, message } = refusal(edited(plan, path, (holder, last) => void (holder[last] = wrong)), what);
      assert.equal(code, "E_PLAN", `${what}: ${message}`);
    }
    const value = at(plan, path);
    if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
    const { code, message } = refusal(edited(plan, [...path, "more"], (holder, last) => void (holder[last] = 1)), path.join("."));
    assert.equal(code, "E_PLAN");
    // A moment is one of several.
    if (path.at(-1) !== "when") assert.match(message, /unknown field "more"/);
  }
});

test("the schema's numbers are those of the simulation", () => {
  const plan = generatePlan(11);
  const tcp = plan.flows.findIndex(({ kind }) => kind === "tcp");
  const withClient = (client: number): Plan => edited(plan, ["flows", tcp, "client"], (holder, last) => void (holder[last] = client));
  parse(withClient(CLIENTS - 1));
  refusal(withClient(CLIENTS), "a client without a kernel");
  parse({ ...plan, topology: { ...plan.topology, timing: DEFAULT_TIMING } });
  assert.equal(serviceAt(89), undefined);
});

/** A small plan, by hand. */
const SMALL = scripted.CUT_WITHOUT_FENCE;
const [FLOW, ORDER] = [SMALL.flows[0]!, SMALL.orders[0]!];
const WINDOW = { fromUs: 0, toUs: 1 };
const WRONG: readonly (readonly [what: string, plan: unknown, message: RegExp, mend: RegExp])[] = [
  ["a list", [], /^plan\.json: an empty list/, /dobbs simulate/],
  ["an empty topology", { ...SMALL, topology: {} }, /^plan\.json: topology: "buckets" is missing$/, /^Add "buckets": a power of two/],
  ["no blades", edited(SMALL, ["topology", "blades"], (holder) => void (holder["blades"] = [])), /topology\.blades: an empty list/, /1 to 24 blades/],
  ["no switches", edited(SMALL, ["topology", "switches"], (holder) => void (holder["switches"] = [])), /topology\.switches: an empty list/, /switches' names/],
  ["no blade that starts", edited(SMALL, ["topology", "blades"], (holder) => void (holder["blades"] = SMALL.topology.blades.map((blade) => ({ ...blade, starts: false })))), /topology\.blades: no blade is a member/, /starts: true/],
  ["two blades of one name", edited(SMALL, ["topology", "blades", 1, "name"], (holder, last) => void (holder[last] = "ardsley")), /topology\.blades\[1\]\.name: topology\.blades\[0\]\.name is called "ardsley"/, /Rename/],
  ["a switch called as a blade", edited(SMALL, ["topology", "switches", 0], (holder, last) => void (holder[last] = "ardsley")), /topology\.blades\[0\]\.name: topology\.switches\[0\] is called/, /Rename/],
  ["a blade called constructor", edited(SMALL, ["topology", "blades", 2, "name"], (holder, last) => void (holder[last] = "constructor")), /topology\.blades\[2\]\.name: no blade or switch can be called/, /another name/],
  ["a flow of no kind", { ...SMALL, flows: [{ ...FLOW, kind: "sctp" }] }, /flows\[0\]\.kind: "sctp"/, /tcp, raw, forged/],
  ["a step of no kind", { ...SMALL, flows: [{ ...FLOW, steps: [{ do: "dance" }] }] }, /flows\[0\]\.steps\[0\]\.do: "dance"/, /exchange, send/],
  ["two flows of one id", { ...SMALL, flows: [FLOW, FLOW] }, /flows\[1\]\.id: flows\[0\] has the id 1, too/, /id of its own/],
  ["a flow after none", { ...SMALL, flows: [{ ...FLOW, after: 7 }] }, /flows\[0\]\.after: no flow of the kind tcp before this one has the id 7/, /null/],
  ["a flow after itself", { ...SMALL, flows: [{ ...FLOW, after: 1 }] }, /flows\[0\]\.after: /, /null/],
  ["a flow at no site", { ...SMALL, flows: [{ ...FLOW, site: 1 }] }, /flows\[0\]\.site: 1 is not in the topology/, /^Name 0\.$/],
  ["a flow at no service", { ...SMALL, flows: [{ ...FLOW, vipPort: 99 }] }, /flows\[0\]\.vipPort: nothing for flows of the kind tcp is at port 99/, /one of 80, 81/],
  ["a move of no bucket that there is", { ...SMALL, orders: [{ ...ORDER, buckets: [0, 1] }] }, /orders\[0\]\.buckets\[1\]: there is no such bucket/, /below 1/],
  ["an order for no blade", { ...SMALL, orders: [{ ...ORDER, blade: "yonkers" }] }, /orders\[0\]\.blade: "yonkers" is not in the topology/, /ardsley, bedford, croton/],
  ["an order for no switch", { ...SMALL, orders: [{ kind: "failover", switch: "north", atUs: 1, force: false }] }, /orders\[0\]\.switch: "north"/, /west/],
  ["a fault of no wire", { ...SMALL, faults: [{ kind: "partition", link: "up/9/west", ...WINDOW }] }, /faults\[0\]\.link: "up\/9\/west"/, /up\/0\/west/],
  ["a fault of no manager", { ...SMALL, faults: [{ kind: "mail-loss", who: "west", share: 1, ...WINDOW }] }, /faults\[0\]\.who: "west"/, /appliance-manager/],
  ["a fault of no node", { ...SMALL, faults: [{ kind: "message-loss", node: "north", share: 1, ...WINDOW }] }, /faults\[0\]\.node: "north"/, /croton, west/],
  ["a crash of no blade", { ...SMALL, faults: [{ kind: "blade-crash", blade: "west", atUs: 1 }] }, /faults\[0\]\.blade: "west"/, /ardsley/],
  ["a moment that is none", { ...SMALL, faults: [{ kind: "kill", manager: "ardsley", when: {}, downUs: 1 }] }, /faults\[0\]\.when: /, /moment/],
];

for (const [what, plan, message, mend] of WRONG) {
  test(`${what} is E_PLAN, and told where`, () => {
    const error = refusal(plan, what);
    assert.deepEqual([error.code, error.exitStatus], ["E_PLAN", 2], error.message);
    assert.match(error.message, message);
    assert.match(error.mend, mend);
  });
}

test("wires of hosts and all of a kind can be named", () => {
  for (const link of ["host/", "host/ardsley", "wire/croton/", "wire/croton/west", "up/"]) {
    parse({ ...SMALL, faults: [{ kind: "partition", link, ...WINDOW }] });
  }
});
