/**
 * The rule and the steps around it, broken on purpose in one place at a time, as the model's mutants of TCP are
 * (`tests/model-check/mutants.ts`), and where the model takes something for granted: which of the fixed seeds shows it, or which plan
 * that is written by hand, or why none can. Seeds that have lost their mutants, because the plans are made in another way, are found
 * again by `npm run mutants -- --simulate`.
 */
import type { ViolationKind } from "../../host/simulate/safety.ts";
import type { Plan } from "../../host/simulate/plan.ts";
import { FIRMWARE_MUTANTS } from "../model-check/mutants.ts";
import { CUT_WITHOUT_FENCE, FAILED_WITHOUT_FENCE, MISSED_ASSIGNMENTS, REPORT_OF_AN_OLD_GENERATION, SEALED_AND_LEFT } from "./scripted-plans.ts";

/** `from` stands once in the file, and is replaced by `to`. */
export interface Edit {
  /** Path from the package's root. What is TypeScript of the host is edited as it was compiled: white space is as good as any other there. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface SimulatedMutant {
  /** As in the model, unless it is `beyondModel`. */
  readonly name: string;
  /** It breaks what the model takes for granted. */
  readonly beyondModel?: boolean;
  readonly edits: readonly Edit[];
  /** One of the fixed seeds that shows it; null: none does. */
  readonly seed: number | null;
  /** Then this one does, that is written by hand, */
  readonly plan?: Plan;
  /** or this is why nothing does. */
  readonly why?: string;
  /** What it leads to. Default: a wrong host answers. */
  readonly kinds?: readonly ViolationKind[];
}

export const WRONG_HOST: readonly ViolationKind[] = ["reset", "wrong-host"];
const CIRCLE: readonly ViolationKind[] = ["redirects"];
const LEFT_ALONE: readonly ViolationKind[] = [...WRONG_HOST, "offline-live"];

const PREVIOUS_OWNER = "host/supervisor/previous-owner.ts";
const GIVER = "host/supervisor/handover-giver.ts";
const TAKER = "host/supervisor/handover-taker.ts";
const TRAFFIC_MANAGER = "host/supervisor/traffic-manager.ts";
const RECONFIGURATION = "host/supervisor/reconfiguration.ts";
const SECOND_LOOK = "this.#clock.after(this.#sessions.queueMs, () => this.#prove(scope, step, candidates, then));";

export const SIMULATED_MUTANTS: readonly SimulatedMutant[] = [
  { ...firmware("a resteer may be repeated", 7), kinds: CIRCLE },
  firmware("`final` always delivers", 12),
  firmware("a hop of another generation is delivered", 3),
  firmware("a hop of another generation is answered", 12),
  firmware("not-complete is ignored", 7),
  firmware("a SYN at an owner that is not the current one is sent `final`", 12),
  { ...firmware("a SYN with a hop tag is treated as direct", 1), kinds: CIRCLE },
  firmware("a SYN is guarded by a timer only, which is over", 1),
  firmware("rows of a previous owner are evicted", 137),
  firmware("rows that are pinned are evicted", null, "what a move loses so is seeded once more after it"),
  firmware("a dead entry is removed that was just touched", 53),
  firmware("a handover list is kept over any install", 2),
  {
    ...firmware("a handover list of another generation is taken", 168),
    edits: [
      ...editsOf("a handover list of another generation is taken"),
      { file: TAKER, from: "if (owner < 0 || generation !== assignment.generation)", to: "if (owner < 0)" },
    ],
  },
  firmware("a missing handover list is taken for one without flows", 1),
  {
    name: "no seeding",
    edits: [{ file: PREVIOUS_OWNER, from: "const flows = table.live.filter(({ bucket }) => wanted.has(bucket));", to: "const flows = [];" }],
    seed: 2,
  },
  {
    name: "seeding before the host-NIC queue has drained",
    edits: [
      {
        file: PREVIOUS_OWNER,
        from: 'step.command("UNSEAL", incomplete, () => this.#clock.after(this.#sessions.queueMs, () =>',
        to: 'step.command("UNSEAL", incomplete, () => this.#clock.after(0, () =>',
      },
    ],
    seed: 137,
  },
  {
    name: "a drain without the seal",
    edits: [
      {
        file: PREVIOUS_OWNER,
        from: 'step.command("SEAL", open, () => {',
        to: `this.#clock.after(this.#sessions.queueMs, () => this.#read(scope, step, (again) =>
               then(empty.map(({ bucket }) => bucket).filter((bucket) => !again.liveByBucket.has(bucket)))));
             step.command("SEAL", [], () => { return;`,
      },
    ],
    seed: 8,
    kinds: LEFT_ALONE,
  },
  {
    name: "a seal without the second look",
    edits: [
      {
        file: PREVIOUS_OWNER,
        from: SECOND_LOOK,
        to: "this.#session.complete(scope, candidates, step.then(() => this.#confirm(scope, step, candidates, then)));",
      },
    ],
    seed: 12,
    kinds: LEFT_ALONE,
  },
  {
    name: "a bucket that was left sealed is seeded by a look that has not waited for the queue",
    edits: [{ file: PREVIOUS_OWNER, from: 'step.command("UNSEAL", wrong, () => {', to: "this.#reopen(scope, step, wrong, table, () => {" }],
    seed: null,
    plan: SEALED_AND_LEFT,
  },
  {
    name: "a drain that was reported under an old generation counts",
    edits: [
      { file: "host/supervisor/watch.ts", from: "sessions?.generation === generation ? sessions.drained : []", to: "sessions?.drained ?? []" },
    ],
    seed: null,
    plan: REPORT_OF_AN_OLD_GENERATION,
  },
  {
    name: "no fence before a failed blade is removed",
    edits: [{ file: RECONFIGURATION, from: 'initial("fail", beginning, next), beginning.steers ? "fence" : "install"', to: 'initial("fail", beginning, next), "install"' }],
    seed: null,
    plan: FAILED_WITHOUT_FENCE,
  },
  {
    name: "no fence before a deadline cuts a blade off",
    edits: [{ file: RECONFIGURATION, from: 'initial("forget", beginning, next), beginning.steers ? "fence" : "install"', to: 'initial("forget", beginning, next), "install"' }],
    seed: null,
    plan: CUT_WITHOUT_FENCE,
  },
  {
    // The shim's own line is native code: this is what stands for it in a run.
    name: "fail-open after a trap",
    edits: [
      {
        file: "host/simulate/image-node.ts",
        from: "if (this.#firmware.instance.process(TRAP_BIT, frames.length, this.#nowMs()) !== TRAPPED)",
        to: `if (this.#sends.size === 2)
               for (const { port, parcel } of frames) if (port === WIRE_PORT) for (const [to, send] of this.#sends) if (to !== WIRE_PORT) send({ ...parcel, isOpen: true });
             if (this.#firmware.instance.process(TRAP_BIT, frames.length, this.#nowMs()) !== TRAPPED)`,
      },
      {
        file: "host/simulate/host.ts",
        from: "!isFor(parcel.bytes, this.#ends[4].mac)",
        to: "!(parcel.isOpen || isFor(parcel.bytes, this.#ends[4].mac))",
      },
    ],
    seed: 15,
  },
  {
    name: "a handover list from an incomplete table",
    edits: [{ file: GIVER, from: "state !== undefined && state.complete && state.index > 0", to: "state !== undefined && state.index > 0" }],
    seed: 58,
  },
  {
    name: "a handover list from the socket table",
    edits: [
      {
        file: GIVER,
        from: "session.list({ previousOnly: true }, (rows) => {",
        to: `owner.sessions.read({ generation: assignment.generation, owner: owner.index }, (table) => {
               const rows = table.ok ? { ...table, value: table.value.live.map((row) => ({ ...row, owner: owner.index })) } : table;`,
      },
    ],
    seed: 6,
  },
  {
    name: "a handover list without half-open rows",
    edits: [{ file: GIVER, from: "if (row.owner === owner)", to: 'if (row.owner === owner && row.state !== "half-open" && row.state !== "provisional")' }],
    seed: 8,
  },
  {
    name: "a handover list tagged by the traffic manager instead of the IPD",
    edits: [
      { file: TRAFFIC_MANAGER, from: "this.#ipd.install(assignment, (problem) => {", to: "this.#giver.newest = generation; this.#ipd.install(assignment, (problem) => {" },
      { file: GIVER, from: "generation === assignment.generation && !isStale()", to: "true" },
      { file: GIVER, from: 'kind: "handover", generation: assignment.generation', to: 'kind: "handover", generation: this.newest ?? assignment.generation' },
    ],
    seed: null,
    why: "a traffic manager that reads a list says nothing until it is done, and is told of a second generation, the one that the list would be taken under, only when it is heard again",
  },
  {
    name: "a traffic manager that was started anew drops rows if it has missed assignments",
    beyondModel: true,
    edits: [{ file: "host/supervisor/ipd.ts", from: "assignment.owners[number].since <= generation", to: "assignment.generation - generation <= 1" }],
    seed: null,
    plan: MISSED_ASSIGNMENTS,
  },
];

/** One of the model's, that is broken in the firmware. */
function firmware(name: string, seed: number | null, why?: string): SimulatedMutant {
  return { name, edits: editsOf(name), seed, ...(why !== undefined && { why }) };
}

function editsOf(name: string): readonly Edit[] {
  const mutant = FIRMWARE_MUTANTS.find((candidate) => candidate.name === name);
  if (!mutant) throw new Error(`the model has no mutant of the firmware "${name}"`);
  return [mutant];
}
