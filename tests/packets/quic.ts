/** QUIC packets, as far as anyone on the way can read them: a header, and bytes that only its ends know. */
import type { NodeConnectionIds } from "../../host/management/connection-id-table.ts";
import { concat } from "../../host/management/records.ts";
import { makeConnectionId } from "../../host/quic/connection-id.ts";
import { macOf, type OwnerName } from "../conformance/node.ts";

export const VERSION_1 = 1;
export const VERSION_2 = 0x6b3343cf;

export const QUIC_SERVICE = { protocol: 17, port: 443, class: "cid", idleMs: 60_000, provisionalMs: 5_000 } as const;

/** Server ids of all owners, by configuration: 0 without a key, 1 in four passes, 2 in one (appendix B.2 of the draft). */
const KEY = "8f95f09245765f80256934e50c66207f";
const LAYOUTS = [
  { config: 0, serverIdBytes: 2, nonceBytes: 6 },
  { config: 1, serverIdBytes: 10, nonceBytes: 5, key: KEY },
  { config: 2, serverIdBytes: 8, nonceBytes: 8, key: KEY },
] as const;
export const CONFIGS: readonly number[] = LAYOUTS.map(({ config }) => config);

export const CONNECTION_IDS: readonly NodeConnectionIds[] = LAYOUTS.map((layout) => ({
  ...layout,
  serverIds: [..."abcdef"].map((name) => ({ mac: macOf(name as OwnerName), id: serverId(name, layout.serverIdBytes) })),
}));

/** In hex: the letter's code, again and again. */
function serverId(owner: string, bytes: number): string {
  return owner.charCodeAt(0).toString(16).repeat(bytes);
}

/** A connection id that names `owner`. Whether there is such an owner is another matter. */
export function connectionIdOf(owner: string, config: number, nonce = 1): Uint8Array {
  const { serverIdBytes, nonceBytes, ...layout } = LAYOUTS[config]!;
  const key = "key" in layout ? { key: new Uint8Array(Buffer.from(layout.key, "hex")) } : {};
  const id = new Uint8Array(Buffer.from(serverId(owner, serverIdBytes), "hex"));
  return makeConnectionId({ id: config, serverIdBytes, nonceBytes, ...key }, id, new Uint8Array(nonceBytes).fill(nonce));
}

const PROTECTED = Uint8Array.from({ length: 24 }, (_, at) => 0xff - at);

export function shortHeader(connectionId: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0x40), connectionId, PROTECTED]);
}

const TYPES: Readonly<Record<number, readonly string[]>> = {
  [VERSION_1]: ["initial", "0-rtt", "handshake", "retry"],
  [VERSION_2]: ["retry", "initial", "0-rtt", "handshake"],
};

/** Of an unknown version, as if it were version 1. */
export function longHeader(type: "initial" | "0-rtt" | "handshake", version: number, connectionId: Uint8Array): Uint8Array {
  const code = (TYPES[version] ?? TYPES[VERSION_1]!).indexOf(type);
  const versionBytes = Uint8Array.of(version >>> 24, (version >>> 16) & 0xff, (version >>> 8) & 0xff, version & 0xff);
  const first = Uint8Array.of(0xc0 | (code << 4));
  return concat([first, versionBytes, Uint8Array.of(connectionId.length), connectionId, Uint8Array.of(0), PROTECTED]);
}
