/** A message of each kind, with every member that it can have: the compiler asks for each kind and each member. */
import type { DobbsError } from "../../host/errors.ts";
import type { Charter } from "../../host/process/charter.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import type { FilterEntry, ForwardStation } from "../../host/management/tables.ts";
import type { Handover, Order, Report } from "../../host/supervisor/messages.ts";

type ByKind<M extends { kind: string }> = { readonly [K in M["kind"]]: Extract<M, { kind: K }> };

const MAC = "02:00:00:00:00:01";
const DIGEST = "ab".repeat(32);

const ASSIGNMENT: Assignment = {
  generation: 7,
  owners: [{ name: "ardsley/vm1", mac: MAC, blade: "ardsley", port: 1, since: 7 }, null, { name: "b2", mac: MAC, blade: "b2", port: 2, since: 3, away: true }],
  buckets: [[0], [2, 0], [], [2]],
};
const FILTERS: Required<FilterEntry>[] = [
  {
    action: "drop",
    destination: { mac: MAC, mask: "ff:ff:ff:00:00:00" },
    source: { mac: MAC, mask: "ff:ff:ff:ff:ff:ff" },
    ethertype: 0x0806,
    port: 1,
  },
];
const FORWARD: Required<ForwardStation>[] = [{ mac: MAC, port: 3 }];

export const ORDERS: ByKind<Order> = {
  prepare: {
    kind: "prepare",
    generation: 8,
    view: {
      buckets: 4,
      members: [{ name: "ardsley/vm1", mac: MAC, blade: "ardsley", port: 1, weight: 0.5, factor: 1.25, status: "active" }],
      assigner: "balanced",
      moves: [{ bucket: 3, to: "ardsley/vm1" }],
      force: true,
      silent: ["b2"],
    },
    last: ASSIGNMENT,
  },
  abort: { kind: "abort", generation: 8 },
  install: { kind: "install", assignment: ASSIGNMENT },
  switch: {
    kind: "switch",
    serial: 4,
    digest: DIGEST,
    assignment: ASSIGNMENT,
    ports: ["uplink", "fabric", "shut"],
    filters: FILTERS,
    forward: FORWARD,
    roles: { west: "active", east: "standby" },
  },
  lead: { kind: "lead", switches: ["west"] },
  tables: { kind: "tables", revision: 2, filters: FILTERS, forward: FORWARD },
  count: { kind: "count", owners: ["ardsley/vm1"] },
};

export const REPORTS: ByKind<Report> = {
  prepared: { kind: "prepared", generation: 8, digest: DIGEST, seeded: 3 },
  refused: { kind: "refused", generation: 8, code: "E_ROOM", why: "no room for 3 connections" },
  installed: { kind: "installed", generation: 8 },
  "not-installed": { kind: "not-installed", generation: 8, why: "The node does not answer." },
  switched: { kind: "switched", serial: 4, problems: [{ switch: "west", why: "no answer" }] },
  tabled: { kind: "tabled", revision: 2, problem: { code: "E_TABLE_TOO_LARGE", why: "too many", mend: "Use fewer." } },
  counted: { kind: "counted", live: [{ owner: "ardsley/vm1", live: 2 }] },
  sessions: {
    kind: "sessions",
    generation: 8,
    healthy: true,
    counts: [{ owner: "ardsley/vm1", bucket: 3, live: 2 }],
    drained: [{ owner: "ardsley/vm1", buckets: [0, 1] }],
    lingering: ["ardsley/vm1"],
    flowsCut: { since: 1_767_362_602_120, flows: 5 },
    lacking: [{ owner: "b2", buckets: [2, 3] }],
    tables: 2,
    load: 0.25,
    switches: { west: { generation: 8, role: "active" }, east: null },
  },
};

/** ardsley's. */
export const HANDOVER: Handover = {
  kind: "handover",
  generation: 8,
  owner: "ardsley/vm1",
  lists: [
    { bucket: 3, flows: [{ client: "10.1.0.1", clientPort: 40_000, vip: "192.0.2.1", vipPort: 80, protocol: 6 }] },
    { bucket: 4, flows: [] },
  ],
};

export const CHARTER: Charter = {
  appliance: "westchester",
  vips: ["192.0.2.1", "2001:db8::1"],
  vmac: "02:d0:bb:00:00:01",
  hash: "low-bits",
  buckets: 256,
  seed: "00112233445566778899aabbccddeeff",
  redirect: true,
  blade: {
    name: "ardsley",
    mac: MAC,
    port: 1,
    owners: [{ name: "ardsley", mac: MAC, hostPort: 1 }],
    ports: ["fabric", "host"],
  },
  services: [{ vip: "2001:db8::1", protocol: 17, port: 53, class: "none", idleMs: 60_000, provisionalMs: 5_000 }],
  connectionIds: [
    {
      config: 6,
      serverIdBytes: 8,
      nonceBytes: 8,
      key: "8f95f09245765f80256934e50c66207f",
      serverIds: [{ mac: MAC, id: "ed793a51d49b8f5f" }],
    },
  ],
  filters: FILTERS,
  forward: FORWARD,
  switches: [
    { kind: "dobbs", name: "west", role: "active", link: "unix:/run/dobbs/west.sock" },
    { kind: "nft", name: "east", role: "standby", run: ["ssh", "root@east"], interfaces: { 0: "up0", 1: "p1" } },
    { kind: "ovs", name: "top", role: "standby", run: [], bridge: "br0", interfaces: { 0: "up0" } },
  ],
  timing: { pollMs: 200 },
};

/** A place in a plain value. */
export type Step = string | number;

/** Every place in `value` below the top: members and items. */
export function* placesIn(value: unknown, path: readonly Step[] = []): Generator<readonly Step[]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const place = [...path, Array.isArray(value) ? Number(key) : key];
    yield place;
    yield* placesIn(inner, place);
  }
}

/** A copy of `value` in which `edit` has changed what holds `path`'s last step. */
export function edited<T>(value: T, path: readonly Step[], edit: (holder: Record<Step, unknown>, last: Step) => void): T {
  const copy = structuredClone(value);
  const holder = path.slice(0, -1).reduce<unknown>((inner, step) => (inner as Record<Step, unknown>)[step], copy);
  edit(holder as Record<Step, unknown>, path.at(-1)!);
  return copy;
}

/** What `take` refuses something with. */
export function refusalBy(take: () => unknown, what: string): DobbsError {
  try {
    take();
  } catch (error) {
    return error as DobbsError;
  }
  throw new Error(`it was taken: ${what}`);
}
