/**
 * What managers' messages must be when they come over a link, kind by kind: the types of `host/supervisor/messages.ts`
 * once more, since types are gone when a program runs. The compiler wants an entry for each kind; that the members agree
 * is tried in `tests/process/message-schema.test.ts`.
 */
import { type AnySchema, Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { isIP } from "node:net";
import { HISTORY_DEPTH, type Assignment } from "../model/assignment.ts";
import type { Handover, ManagerMessage, Order, PeerMessage, Report } from "../supervisor/messages.ts";
import { LIST_FLOWS_MAX } from "../supervisor/handover-giver.ts";
import { SHARE_MAX } from "../supervisor/view.ts";
import * as s from "./schema.ts";

const OWNER = s.object(
  { name: s.OWNER_NAME, mac: s.MAC, blade: s.NODE_NAME, port: s.PORT, since: s.GENERATION, away: { const: true } },
  ["away"],
);
const ASSIGNMENT = s.object({
  generation: s.GENERATION,
  owners: s.list(s.orNull(OWNER), s.OWNERS_MAX),
  buckets: s.list(s.list(s.whole(0, s.OWNERS_MAX - 1), HISTORY_DEPTH), s.BUCKETS_MAX),
});
const SHARE: s.Schema = { type: "number", minimum: 0, maximum: SHARE_MAX };
const MEMBER = s.object(
  {
    name: s.OWNER_NAME,
    mac: s.MAC,
    blade: s.NODE_NAME,
    port: s.PORT,
    weight: SHARE,
    factor: SHARE,
    status: s.oneOf("active", "draining", "offline", "failed"),
  },
  ["factor"],
);
const VIEW = s.object(
  {
    buckets: s.BUCKET_COUNT,
    members: s.list(MEMBER, s.OWNERS_MAX),
    assigner: s.WORD,
    moves: s.list(s.object({ bucket: s.BUCKET, to: s.OWNER_NAME }), s.BUCKETS_MAX),
    force: { const: true },
    silent: s.list(s.NODE_NAME),
  },
  ["force", "silent"],
);
const ROLES = s.map(s.NODE_NAME_PATTERN, s.ROLE);
const FOUND = s.object({ generation: s.GENERATION, role: s.orNull(s.ROLE) });

type Members<M extends ManagerMessage> = { readonly [K in M["kind"]]: Readonly<Record<Exclude<MembersOf<M, K>, "kind">, s.Schema>> };
type MembersOf<M extends ManagerMessage, K> = keyof Extract<M, { kind: K }> & string;

const ORDERS: Members<Order> = {
  prepare: { generation: s.GENERATION, view: VIEW, last: ASSIGNMENT },
  abort: { generation: s.GENERATION },
  install: { assignment: ASSIGNMENT },
  switch: {
    serial: s.SERIAL,
    digest: s.DIGEST,
    assignment: ASSIGNMENT,
    roles: ROLES,
    ports: s.PORT_ROLES,
    filters: s.FILTERS,
    forward: s.FORWARD,
  },
  lead: { switches: s.list(s.NODE_NAME) },
  tables: { revision: s.SERIAL, filters: s.FILTERS, forward: s.FORWARD },
  count: { owners: s.list(s.OWNER_NAME) },
};

const REPORTS: Members<Report> = {
  prepared: { generation: s.GENERATION, digest: s.DIGEST, seeded: s.COUNT },
  refused: { generation: s.GENERATION, code: s.WORD, why: s.TEXT },
  installed: { generation: s.GENERATION },
  "not-installed": { generation: s.GENERATION, why: s.TEXT },
  switched: { serial: s.SERIAL, problems: s.list(s.object({ switch: s.NODE_NAME, why: s.TEXT })) },
  tabled: { revision: s.SERIAL, problem: s.orNull(s.object({ code: s.WORD, why: s.TEXT, mend: s.TEXT })) },
  counted: { live: s.list(s.object({ owner: s.OWNER_NAME, live: s.COUNT })) },
  sessions: {
    generation: s.GENERATION,
    healthy: s.BOOLEAN,
    counts: s.list(s.object({ owner: s.OWNER_NAME, bucket: s.BUCKET, live: s.COUNT }), s.COUNTS_MAX),
    drained: s.list(s.object({ owner: s.OWNER_NAME, buckets: s.list(s.BUCKET, s.BUCKETS_MAX) })),
    lingering: s.orNull(s.list(s.OWNER_NAME)),
    flowsCut: s.object({ since: s.SERIAL, flows: s.SERIAL }),
    lacking: s.list(s.object({ owner: s.OWNER_NAME, buckets: s.list(s.BUCKET, s.BUCKETS_MAX) }), s.OWNERS_MAX),
    tables: s.SERIAL,
    load: s.orNull({ type: "number", minimum: 0, maximum: 1e6 }),
    switches: s.orNull(s.map(s.NODE_NAME_PATTERN, s.orNull(FOUND))),
  },
};

const FLOW = s.object({
  client: s.IP,
  clientPort: s.whole(0, 0xffff),
  vip: s.IP,
  vipPort: s.whole(0, 0xffff),
  protocol: s.whole(0, 0xff),
});
const LISTS: Members<Handover> = {
  handover: {
    generation: s.GENERATION,
    owner: s.OWNER_NAME,
    lists: s.list(s.object({ bucket: s.BUCKET, flows: s.list(FLOW, LIST_FLOWS_MAX) }), s.BUCKETS_MAX),
  },
};

const CHECKS: ReadonlyMap<string, ValidateFunction> = compile({ ...ORDERS, ...REPORTS, ...LISTS });

function compile(kinds: Readonly<Record<string, Readonly<Record<string, s.Schema>>>>): Map<string, ValidateFunction> {
  const ajv = new Ajv2020();
  return new Map(
    Object.entries(kinds).map(([kind, members]) => [
      kind,
      ajv.compile(s.object({ kind: s.oneOf(kind), ...members }) as AnySchema),
    ]),
  );
}

/** What the appliance manager sends. Null: it is none. */
export function asOrder(value: unknown): Order | null {
  return checked(value, (kind) => Object.hasOwn(ORDERS, kind)) as Order | null;
}

/** What a traffic manager sends to the appliance manager. */
export function asReport(value: unknown): Report | null {
  return checked(value, (kind) => Object.hasOwn(REPORTS, kind)) as Report | null;
}

/** What traffic managers send to each other: what they see, and the lists of their own owners. `from`: the blade whose it is. */
export function asPeerMessage(value: unknown, from: string): PeerMessage | null {
  const message = checked(value, (kind) => kind === "sessions" || kind === "handover") as PeerMessage | null;
  if (message?.kind !== "handover") return message;
  const isOwn = message.owner === from || message.owner.startsWith(`${from}/`);
  return isOwn && message.lists.every(({ flows }) => flows.every(isFlow)) ? message : null;
}

/** A schema cannot say what an address is. */
function isFlow({ client, vip }: Handover["lists"][number]["flows"][number]): boolean {
  return isIP(client) !== 0 && isIP(client) === isIP(vip);
}

function checked(value: unknown, isWanted: (kind: string) => boolean): ManagerMessage | null {
  const kind = (value as { kind?: unknown } | null)?.kind;
  if (typeof kind !== "string" || !isWanted(kind) || !CHECKS.get(kind)!(value)) return null;
  const message = value as ManagerMessage;
  return assignmentsOf(message).every(isSound) ? message : null;
}

function assignmentsOf(message: ManagerMessage): Assignment[] {
  switch (message.kind) {
    case "prepare":
      return [message.last];
    case "install":
    case "switch":
      return [message.assignment];
    default:
      return [];
  }
}

/** What a schema cannot say: a number of buckets that is a power of two, histories that name owners that there are. */
function isSound({ owners, buckets }: Assignment): boolean {
  return (
    Number.isInteger(Math.log2(buckets.length)) &&
    buckets.every((history) => history.every((owner) => owners[owner] !== undefined && owners[owner] !== null))
  );
}
