/** The table of QUIC connection ids, in the image's own layout, and what nodes say of their use. */
import { macToBytes } from "../model/address.ts";
import type { ConnectionIds } from "../model/connection-ids.ts";
import type { Request } from "./envelope.ts";
import { concat, type Records } from "./records.ts";
import { table } from "./tables.ts";

/** A configuration of connection ids with all owners' server ids, as nodes know these: by MAC. */
export interface NodeConnectionIds extends Omit<ConnectionIds, "servers"> {
  /** `id` in hex. */
  readonly serverIds: readonly { readonly mac: string; readonly id: string }[];
}

/** Configurations in the order of their numbers, then all server ids in the image's order. */
export function connectionIdTable(records: Records, connectionIds: readonly NodeConnectionIds[]): Uint8Array {
  const sorted = [...connectionIds].sort((a, b) => a.config - b.config);
  const configs = sorted.map(({ config, serverIdBytes, nonceBytes, key }) => ({
    config,
    serverIdBytes,
    nonceBytes,
    flags: key === undefined ? 0 : records.code("CidFlag", "ENCRYPTED"),
    ...(key !== undefined && { key: hexBytes(key) }),
  }));
  const serverIds = sorted.flatMap(({ config, serverIds }) =>
    serverIds.map(({ mac, id }) => ({ mac: macToBytes(mac), config, id: hexBytes(id) })),
  );
  const header = { configs: configs.length, serverIds: serverIds.length };
  return concat([
    table(records, "CidTable", [header]),
    table(records, "CidConfig", configs),
    table(records, "ServerId", serverIds.sort(byKey)),
  ]);
}

interface Keyed {
  readonly config: number;
  readonly id: Uint8Array;
}

const KEY_BYTES = 16;

/** By configuration and server id, as two little-endian numbers of 8 bytes. */
function byKey(a: Keyed, b: Keyed): number {
  const [x, y] = [keyOf(a), keyOf(b)];
  for (const at of [0, KEY_BYTES / 2]) {
    const [p, q] = [x.getBigUint64(at, true), y.getBigUint64(at, true)];
    if (p !== q) return p < q ? -1 : 1;
  }
  return 0;
}

function keyOf({ config, id }: Keyed): DataView {
  const bytes = new Uint8Array(KEY_BYTES);
  bytes[0] = config;
  bytes.set(id, 1);
  return new DataView(bytes.buffer);
}

function hexBytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function usesRequest(): Request {
  return { type: "USES", payload: new Uint8Array(0) };
}

/** By local owner's index: ms since a packet was last delivered to it because its connection id names it. */
export function decodeUses(records: Records, payload: Uint8Array): number[] {
  const size = records.size("OwnerUse");
  const count = Math.floor(payload.length / size);
  return Array.from({ length: count }, (_, index) => records.number(payload, "OwnerUse", index * size, "cidUnusedMs"));
}
