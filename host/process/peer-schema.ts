/**
 * What goes over the link between the appliance manager and a traffic manager (docs/protocol.md): JSON objects, one a
 * frame of kind PEER, each checked before anyone looks at it.
 *
 *   traffic manager -> appliance manager   join, first; then message, ping
 *   appliance manager -> traffic manager   charter, first and whenever it changes; then message, ping
 */
import { type AnySchema, Ajv2020 } from "ajv/dist/2020.js";
import { linkError } from "../transport/link-error.ts";
import type { Timing } from "../supervisor/timing.ts";
import type { Charter } from "./charter.ts";
import * as s from "./schema.ts";

export type ToManager =
  /** `release`: package.json's version. */
  | { readonly type: "join"; readonly blade: string; readonly release: string }
  | { readonly type: "message"; readonly to: string; readonly message: unknown }
  | { readonly type: "ping" };

export type ToBlade =
  | { readonly type: "charter"; readonly charter: Charter }
  | { readonly type: "message"; readonly from: string; readonly message: unknown }
  | { readonly type: "ping" };

export type PeerWords = ToManager | ToBlade;

export const PEER_BYTES_MAX = 16 * 1024 * 1024;
/** Both ends say something this often, and close the link when the other one is silent for so long. */
export const PING_MS = 1_000;
export const SILENT_MS = 5_000;
/** What a link may have to send yet. */
export const QUEUED_BYTES_MAX = 2 * PEER_BYTES_MAX;

const INTERFACES = s.map("^(0|[1-9][0-9]{0,2})$", { type: "string", pattern: "^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$" });
const SWITCH = { name: s.NODE_NAME, role: s.ROLE };
const RUN = s.list({ type: "string", minLength: 1, maxLength: 1_000 }, 64);
const TIMINGS: Readonly<Record<keyof Timing, s.Schema>> = {
  pollMs: s.DURATION,
  retryMs: s.DURATION,
  prepareMs: s.DURATION,
  installMs: s.DURATION,
  forgetMs: s.DURATION,
  silentMs: s.DURATION,
  checkMs: s.DURATION,
  flowDrainMs: s.DURATION,
};
const CHARTER_MEMBERS: Readonly<Record<keyof Charter, s.Schema>> = {
  appliance: s.NODE_NAME,
  vips: { ...s.list(s.IP), minItems: 1 },
  vmac: s.MAC,
  hash: s.HASH,
  buckets: s.BUCKET_COUNT,
  seed: s.SEED,
  redirect: s.BOOLEAN,
  blade: s.object({
    name: s.NODE_NAME,
    mac: s.MAC,
    port: s.PORT,
    owners: { ...s.list(s.object({ name: s.OWNER_NAME, mac: s.MAC, hostPort: s.PORT }), 256), minItems: 1 },
    ports: s.PORT_ROLES,
  }),
  services: s.SERVICES,
  connectionIds: s.CONNECTION_IDS,
  filters: s.FILTERS,
  forward: s.FORWARD,
  switches: s.list({
    anyOf: [
      s.object({ ...SWITCH, kind: s.oneOf("dobbs"), link: s.TEXT }),
      s.object({ ...SWITCH, kind: s.oneOf("nft"), run: RUN, interfaces: INTERFACES }),
      s.object({ ...SWITCH, kind: s.oneOf("ovs"), run: RUN, bridge: s.TEXT, interfaces: INTERFACES }),
    ],
  }),
  timing: s.object(TIMINGS, Object.keys(TIMINGS)),
};

/** Who it is to, or from: a blade, or the appliance manager. What it says is checked by who knows the sender. */
const MESSAGE = { type: s.oneOf("message"), message: { type: "object" } };
const PING = s.object({ type: s.oneOf("ping") });

const ajv = new Ajv2020();
const toManager = ajv.compile({
  anyOf: [
    s.object({ type: s.oneOf("join"), blade: s.NODE_NAME, release: s.TEXT }),
    s.object({ ...MESSAGE, to: s.NODE_NAME }),
    PING,
  ],
} as AnySchema);
const toBlade = ajv.compile({
  anyOf: [
    s.object({ type: s.oneOf("charter"), charter: s.object(CHARTER_MEMBERS) }),
    s.object({ ...MESSAGE, from: s.NODE_NAME }),
    PING,
  ],
} as AnySchema);

export function encodePeerWords(words: PeerWords): Uint8Array {
  return Buffer.from(JSON.stringify(words));
}

/** Throws E_LINK_PAYLOAD. */
export function decodeToManager(payload: Uint8Array): ToManager {
  const words = parse(payload);
  if (toManager(words)) return words as ToManager;
  throw linkError("E_LINK_PAYLOAD", "this is nothing that a traffic manager says");
}

/** Throws E_LINK_PAYLOAD. */
export function decodeToBlade(payload: Uint8Array): ToBlade {
  const words = parse(payload);
  if (toBlade(words)) return words as ToBlade;
  throw linkError("E_LINK_PAYLOAD", "this is nothing that an appliance manager says");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(payload));
  } catch {
    throw linkError("E_LINK_PAYLOAD", "the frame is no JSON");
  }
}
