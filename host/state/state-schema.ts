/**
 * What a saved state must be: the types of `host/supervisor/state.ts` once more, since types are gone when a program runs. The compiler
 * wants an entry for each member; that states pass as they are saved is tried in `tests/state/state-check.test.ts`. What a later release
 * adds is let in, as long as the format is the same.
 */
import { type AnySchema, Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { pathOf } from "../files/schema-check.ts";
import { fieldName } from "../files/problem.ts";
import type { Blade, Filter, Forward, MacMatch, Vm } from "../model/appliance.ts";
import { type AssignedOwner, type Assignment, HISTORY_DEPTH } from "../model/assignment.ts";
import * as s from "../process/schema.ts";
import type { FlowsCut } from "../supervisor/messages.ts";
import type { Reconfiguration } from "../supervisor/reconfiguration.ts";
import type { Request } from "../supervisor/requests.ts";
import {
  STATE_FORMAT, type Activation, type ApplianceState, type DrainState, type Fence, type Running, type SwitchPlan, type Tables,
  type TablesChange, type Tally, type Task,
} from "../supervisor/state.ts";
import type { Member, Move, View } from "../supervisor/view.ts";

const NUMBER: s.Schema = { type: "number" };
/** Of load, weights and times. */
const POSITIVE: s.Schema = { type: "number", minimum: 0 };
const TEXT: s.Schema = { type: "string" };
const TEXTS = list(TEXT);
const LISTS_FOR = { at: TEXT } as const;

/** `optional`: may be absent. */
function members<T>(properties: Readonly<Record<keyof T & string, s.Schema>>, ...optional: readonly (keyof T & string)[]): s.Schema {
  const required = Object.keys(properties).filter((name) => !(optional as readonly string[]).includes(name));
  return { type: "object", properties, required };
}

/** Of a union, told apart by their `kind`. */
function byKind(...kinds: readonly s.Schema[]): s.Schema {
  return { type: "object", required: ["kind"], discriminator: { propertyName: "kind" }, oneOf: kinds };
}

function list(items: s.Schema): s.Schema {
  return { type: "array", items };
}

function byName(value: s.Schema): s.Schema {
  return { type: "object", additionalProperties: value };
}

/** Files of the first releases do not say since when. */
const OWNER = members<AssignedOwner>(
  { name: s.OWNER_NAME, mac: s.MAC, blade: s.NODE_NAME, port: s.PORT, since: s.GENERATION, away: { const: true } },
  "since",
  "away",
);
const ASSIGNMENT = members<Assignment>({
  generation: s.GENERATION,
  owners: list(s.orNull(OWNER)),
  buckets: list(s.list(s.whole(0, s.OWNERS_MAX - 1), HISTORY_DEPTH)),
});
const MEMBER = members<Member>(
  {
    name: s.OWNER_NAME,
    mac: s.MAC,
    blade: s.NODE_NAME,
    port: s.PORT,
    weight: POSITIVE,
    factor: POSITIVE,
    status: s.oneOf("active", "draining", "offline", "failed"),
  },
  "factor",
);
const MOVES = list(members<Move>({ bucket: s.BUCKET, to: TEXT }));
const VIEW = members<View>(
  { buckets: s.BUCKET_COUNT, members: list(MEMBER), assigner: TEXT, moves: MOVES, force: { const: true }, silent: TEXTS },
  "force",
  "silent",
);

const MATCH = members<MacMatch>({ mac: s.MAC, mask: s.MAC });
const FILTERS = list(
  members<Filter>(
    { ...LISTS_FOR, action: s.oneOf("allow", "drop"), destination: MATCH, source: MATCH, ethertype: s.whole(0, 0xffff), port: s.PORT },
    "destination",
    "source",
    "ethertype",
    "port",
  ),
);
const FORWARD = list(members<Forward>({ ...LISTS_FOR, mac: s.MAC, port: s.PORT }));
const TABLES = members<Tables>({ revision: s.SERIAL, filters: FILTERS, forward: FORWARD });

type Asked<K extends Request["kind"]> = Extract<Request, { kind: K }>;
const VM = members<Vm>({ name: s.NODE_NAME, mac: s.MAC, port: s.PORT });
const BLADE = members<Blade>({ name: s.NODE_NAME, mac: s.MAC, port: s.PORT, weight: POSITIVE, vms: list(VM) });
const BY_FORCE = { force: s.BOOLEAN } as const;
/** Files of the first releases have no `force`. */
const REQUEST = byKind(
  members<Asked<"add">>({ kind: s.oneOf("add"), ...BY_FORCE, blades: list(BLADE) }, "force"),
  members<Asked<"drain">>({ kind: s.oneOf("drain"), ...BY_FORCE, blade: TEXT, deadlineMs: s.orNull(NUMBER) }, "force"),
  members<Asked<"undrain">>({ kind: s.oneOf("undrain"), ...BY_FORCE, blade: TEXT }, "force"),
  members<Asked<"weights">>({ kind: s.oneOf("weights"), ...BY_FORCE, weights: byName(NUMBER) }, "force"),
  members<Asked<"move">>({ kind: s.oneOf("move"), ...BY_FORCE, buckets: list(NUMBER), to: TEXT }, "force"),
  members<Asked<"rebalance">>({ kind: s.oneOf("rebalance"), ...BY_FORCE }, "force"),
  members<Asked<"load">>({ kind: s.oneOf("load"), moves: MOVES, factors: byName(POSITIVE) }),
  members<Asked<"fail">>({ kind: s.oneOf("fail"), blade: TEXT }),
  members<Asked<"filters">>({ kind: s.oneOf("filters"), filters: FILTERS }),
  members<Asked<"forward">>({ kind: s.oneOf("forward"), forward: FORWARD }),
);
const TASK = byKind(
  members<Extract<Task, { kind: "request" }>>({ kind: s.oneOf("request"), id: s.SERIAL, request: REQUEST, at: NUMBER }),
  members<Extract<Task, { kind: "cut" }>>({ kind: s.oneOf("cut"), blade: TEXT, live: s.COUNT }),
);

const RECONFIGURATION = members<Reconfiguration>({
  kind: s.oneOf("move", "forget", "fail"),
  phase: s.oneOf("fence", "prepare", "release", "install", "switch", "finished", "called-off"),
  since: NUMBER,
  view: VIEW,
  last: ASSIGNMENT,
  next: ASSIGNMENT,
  digest: TEXT,
  steers: s.BOOLEAN,
  blades: TEXTS,
  waiting: TEXTS,
  installed: TEXTS,
  seeded: s.COUNT,
  cut: s.COUNT,
  problem: s.orNull(members<NonNullable<Reconfiguration["problem"]>>({ code: TEXT, why: TEXT })),
});
const RUNNING = byKind(
  members<Extract<Running, { kind: "reconfiguration" }>>({ kind: s.oneOf("reconfiguration"), state: RECONFIGURATION, task: s.orNull(TASK) }),
  members<Extract<Running, { kind: "tables" }>>({
    kind: s.oneOf("tables"),
    change: members<TablesChange>({ since: NUMBER, before: TABLES, waiting: TEXTS, switchesWaiting: s.BOOLEAN }),
    task: TASK,
  }),
);

const ROLES = byName(s.ROLE);
const CUT = members<Tally["cut"]>({ deadline: s.COUNT, failed: s.COUNT, forced: s.COUNT, flows: s.COUNT });
const STATE = members<ApplianceState>({
  format: { const: STATE_FORMAT },
  view: VIEW,
  assignment: ASSIGNMENT,
  generation: s.GENERATION,
  generationAt: s.orNull(NUMBER),
  requests: s.SERIAL,
  running: s.orNull(RUNNING),
  waiting: list(TASK),
  drains: byName(members<DrainState>({ owners: TEXTS, deadline: s.orNull(NUMBER), counting: s.BOOLEAN })),
  cuts: byName(s.COUNT),
  removals: byName(s.SERIAL),
  fenced: byName(members<Fence>({ port: s.PORT, opensAt: s.orNull(s.GENERATION), alive: { const: true } }, "alive")),
  tally: members<Tally>({ cut: CUT, declared: s.COUNT, declaredFalsely: s.COUNT }),
  flowsCut: byName(members<FlowsCut>({ since: NUMBER, flows: s.COUNT })),
  switches: members<SwitchPlan>({ serial: s.SERIAL, roles: ROLES, assignment: ASSIGNMENT, behind: s.BOOLEAN }),
  activation: s.orNull(members<Activation>({ id: s.SERIAL, name: TEXT, since: NUMBER, before: ROLES })),
  tables: TABLES,
});

let isState: ValidateFunction | null = null;

/** The first place that is not what it has to be; null: there is none. */
export function wrongPlace(value: unknown): string | null {
  // Not before it is asked for: it takes a while, and most programs read no state.
  isState ??= new Ajv2020({ discriminator: true, strictTypes: false }).compile(STATE as AnySchema);
  if (isState(value)) return null;
  // Of an alternative the deepest error is that of the one that was meant.
  const paths = isState.errors!.map(({ instancePath, params }) => {
    const path = pathOf(instancePath, value);
    const member = (params["missingProperty"] ?? params["tag"]) as string | undefined;
    return member === undefined ? path : [...path, member];
  });
  return fieldName(paths.reduce((deepest, path) => (path.length > deepest.length ? path : deepest))) || "everything";
}
