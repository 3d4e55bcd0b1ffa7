/** Tables that are put whole, as byte images in the image's own layout. */
import { familyOf, ipToBytes, macToBytes } from "../model/address.ts";
import type { Filter, Forward, HashName, Service, ServiceClassName } from "../model/appliance.ts";
import type { AssignedOwner, Assignment } from "../model/assignment.ts";
import { payloadBytesMax, type Request } from "./envelope.ts";
import { concat, portBytes, type FieldValue, type Records } from "./records.ts";

/** Towards clients; towards a blade, or a blade's wire (port 0); towards a host or VM; none. */
export type PortRoleName = "uplink" | "fabric" | "host" | "shut";

export interface LocalOwnerEntry {
  readonly mac: string;
  /** Its number in the assignment's owners; null: it is in no assignment. */
  readonly owner: number | null;
  /** The blade's host port that it is behind. */
  readonly port: number;
}

/** Who a node (a blade's IPD or a switch) is. */
export interface NodeIdentity {
  readonly vmac: string;
  readonly vips: readonly string[];
  readonly hash: HashName;
  /** 16 bytes that key the hash; the same on all nodes. */
  readonly seed: Uint8Array;
  /** False sends nothing to other owners: for showing what redirection is worth. */
  readonly redirect: boolean;
  /** SYN cookies of hosts here may be out; none that was sent longer ago than this. Default: none is. */
  readonly cookiesSinceMs?: number;
  /** By port number. A blade's port 0 is its wire. */
  readonly ports: readonly PortRoleName[];
  readonly localOwners: readonly LocalOwnerEntry[];
}

export type FilterEntry = Omit<Filter, "at">;
export type ForwardStation = Omit<Forward, "at">;

const BYTE_MAX = 0xff;
const HASH_MODES: Readonly<Record<HashName, string>> = { "low-bits": "LOW_BITS", toeplitz: "TOEPLITZ", mix: "MIX" };
const SERVICE_CLASSES: Readonly<Record<ServiceClassName, string>> = { none: "NONE", flow: "FLOW", cid: "CID" };
const FILTER_ACTIONS: Readonly<Record<Filter["action"], string>> = { allow: "ALLOW", drop: "DROP" };

export function identityTable(records: Records, identity: NodeIdentity): Uint8Array {
  const noOwner = records.layout.constant("NO_OWNER");
  const header = table(records, "Identity", [
    {
      vmac: macToBytes(identity.vmac),
      hash: records.code("HashMode", HASH_MODES[identity.hash]),
      flags:
        (identity.redirect ? 0 : records.code("IdentityFlag", "REDIRECT_OFF")) |
        (identity.cookiesSinceMs === undefined ? 0 : records.code("IdentityFlag", "COOKIES")),
      seed: identity.seed,
      localOwners: identity.localOwners.length,
      vips: identity.vips.length,
      ports: identity.ports.length,
      cookiesSince: Math.min(Math.ceil((identity.cookiesSinceMs ?? 0) / 1_000), BYTE_MAX),
    },
  ]);
  const owners = identity.localOwners.map(({ mac, owner, port }) => ({
    mac: macToBytes(mac),
    owner: owner ?? noOwner,
    port,
  }));
  const vips = identity.vips.map((vip) => ({ address: ipToBytes(vip), family: familyOf(vip) }));
  const ports = identity.ports.map((role) => ({ role: records.code("PortRole", role.toUpperCase()) }));
  return concat([
    header,
    table(records, "LocalOwner", owners),
    table(records, "Vip", vips),
    table(records, "Port", ports),
  ]);
}

/** Holes in the assignment's owners, and those that are away, become records of zeros: no history names them. */
export function assignmentTable(records: Records, { generation, owners, buckets }: Assignment): Uint8Array {
  const noOwner = records.layout.constant("NO_OWNER");
  const header = table(records, "Assignment", [{ generation, buckets: buckets.length, owners: owners.length }]);
  const entry = (owner: AssignedOwner | null): Record<string, FieldValue> =>
    owner && !owner.away ? { mac: macToBytes(owner.mac), port: owner.port } : {};
  const histories = buckets.map(([p0, p1, p2, p3]) => ({
    p0: p0 ?? noOwner,
    p1: p1 ?? noOwner,
    p2: p2 ?? noOwner,
    p3: p3 ?? noOwner,
  }));
  return concat([header, table(records, "Owner", owners.map(entry)), table(records, "Bucket", histories)]);
}

export function filterTable(records: Records, rules: readonly FilterEntry[]): Uint8Array {
  const anyPort = records.layout.constant("ANY_PORT");
  const side = (name: string, match: FilterEntry["source"]): Record<string, FieldValue> =>
    match ? { [name]: macToBytes(match.mac), [`${name}Mask`]: macToBytes(match.mask) } : {};
  const entries = rules.map((rule) => ({
    ...side("destination", rule.destination),
    ...side("source", rule.source),
    ethertype: rule.ethertype ?? 0,
    port: rule.port ?? anyPort,
    action: records.code("FilterAction", FILTER_ACTIONS[rule.action]),
  }));
  return table(records, "FilterRule", entries);
}

export function forwardTable(records: Records, stations: readonly ForwardStation[]): Uint8Array {
  return table(
    records,
    "ForwardEntry",
    stations.map(({ mac, port }) => ({ mac: macToBytes(mac), port })),
  );
}

/** `vips`: those of the node's identity, in its order. */
export function serviceTable(records: Records, vips: readonly string[], services: readonly Service[]): Uint8Array {
  const anyVip = records.layout.constant("ANY_VIP");
  const entries = services.map((service) => ({
    port: portBytes(service.port ?? 0),
    protocol: service.protocol,
    vip: service.vip === undefined ? anyVip : vips.indexOf(service.vip),
    serviceClass: records.code("ServiceClass", SERVICE_CLASSES[service.class]),
    idleMs: service.idleMs,
    provisionalMs: service.provisionalMs,
  }));
  return table(records, "Service", entries);
}

export function roleTable(records: Records, role: "active" | "standby"): Uint8Array {
  return table(records, "Role", [{ role: records.code("SwitchRole", role.toUpperCase()) }]);
}

/** A table as the PUT messages that carry it, in order. An empty table is one empty chunk. */
export function putRequests(records: Records, name: string, bytes: Uint8Array): Request[] {
  const room = payloadBytesMax(records);
  const chunks = Math.max(1, Math.ceil(bytes.length / room));
  return Array.from({ length: chunks }, (_, chunk) => ({
    type: "PUT",
    table: name,
    chunk,
    chunks,
    commit: chunk === chunks - 1,
    payload: bytes.subarray(chunk * room, (chunk + 1) * room),
  }));
}

/** Records of one kind, behind each other; fields that a row does not name are zero. */
export function table(records: Records, struct: string, rows: readonly Readonly<Record<string, FieldValue>>[]): Uint8Array {
  const size = records.size(struct);
  const bytes = new Uint8Array(rows.length * size);
  rows.forEach((row, index) => records.write(bytes, struct, index * size, row));
  return bytes;
}
