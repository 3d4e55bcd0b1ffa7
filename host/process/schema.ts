/** Pieces of the schemas of what comes over a link between managers. Nothing unknown is let in, and everything has a
 *  bound. */
import { HASH_NAMES, SERVICE_CLASSES } from "../model/appliance.ts";
import { CONFIG_ID_MAX, PLAINTEXT_BYTES_MAX, SERVER_ID_BYTES_MAX } from "../quic/connection-id.ts";

export type Schema = Readonly<Record<string, unknown>>;

export const BUCKETS_MAX = 65_536;
/** Owners in an appliance: their numbers have 16 bits, of which one stands for none. */
export const OWNERS_MAX = 65_535;
/** Buckets and owners in which a blade has connections; with more, its report would be longer than a frame. */
export const COUNTS_MAX = 262_144;
const NUMBER_MAX = 2 ** 53 - 1;
const LIST_MAX = 4_096;
const TEXT_MAX = 65_536;
const PORT_MAX = 255;

/** All members are required, unless `optional` names them. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", additionalProperties: false, properties, required };
}

export function list(items: Schema, maxItems = LIST_MAX): Schema {
  return { type: "array", items, maxItems };
}

/** By name. */
export function map(pattern: string, value: Schema): Schema {
  return { type: "object", maxProperties: LIST_MAX, additionalProperties: false, patternProperties: { [pattern]: value } };
}

export function orNull(schema: Schema): Schema {
  return { anyOf: [{ type: "null" }, schema] };
}

export function oneOf(...values: readonly string[]): Schema {
  return { enum: values };
}

export function whole(minimum: number, maximum: number): Schema {
  return { type: "integer", minimum, maximum };
}

export const BOOLEAN: Schema = { type: "boolean" };
/** For people. */
export const TEXT: Schema = { type: "string", maxLength: TEXT_MAX };
export const SERIAL = whole(0, NUMBER_MAX);
/** As wide as in the images. */
export const GENERATION = whole(0, 2 ** 32 - 1);
export const COUNT = SERIAL;
/** Milliseconds, up to a day. */
export const DURATION = whole(1, 86_400_000);
export const BUCKET = whole(0, BUCKETS_MAX - 1);
export const PORT = whole(0, PORT_MAX);
export const DIGEST: Schema = { type: "string", pattern: "^[0-9a-f]{1,128}$" };

const NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9.-]{0,62}";
export const NODE_NAME_PATTERN = `^${NAME_PATTERN}$`;
const OWNER_NAME_PATTERN = `^${NAME_PATTERN}(/${NAME_PATTERN})?$`;
/** Of a blade or a switch. */
export const NODE_NAME: Schema = { type: "string", pattern: NODE_NAME_PATTERN };
/** `ardsley`, or `ardsley/vm1`. */
export const OWNER_NAME: Schema = { type: "string", pattern: OWNER_NAME_PATTERN };
/** Of an assigner, an error, a status. */
export const WORD: Schema = { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" };

export const MAC: Schema = { type: "string", pattern: "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" };
/** What it means is checked where it is used. */
export const IP: Schema = { type: "string", pattern: "^[0-9a-f.:]{2,45}$" };
export const HASH = oneOf(...HASH_NAMES);
export const SEED: Schema = { type: "string", pattern: "^[0-9a-f]{32}$" };
export const ROLE = oneOf("active", "standby");
export const PORT_ROLES = list(oneOf("uplink", "fabric", "host", "shut"), PORT_MAX + 1);

const MAC_MATCH = object({ mac: MAC, mask: MAC });
const FILTER = object(
  {
    action: oneOf("allow", "drop"),
    destination: MAC_MATCH,
    source: MAC_MATCH,
    ethertype: whole(0, 0xffff),
    port: PORT,
  },
  ["destination", "source", "ethertype", "port"],
);
export const FILTERS = list(FILTER);
export const FORWARD = list(object({ mac: MAC, port: PORT }));

const SERVICE = object(
  {
    vip: IP,
    protocol: whole(0, 0xff),
    port: whole(1, 0xffff),
    class: oneOf(...SERVICE_CLASSES),
    idleMs: DURATION,
    provisionalMs: DURATION,
  },
  ["vip", "port"],
);
export const SERVICES = list(SERVICE, PORT_MAX);

const SERVER_ID: Schema = { type: "string", pattern: `^([0-9a-f]{2}){1,${SERVER_ID_BYTES_MAX}}$` };
export const CONNECTION_IDS = list(
  object(
    {
      config: whole(0, CONFIG_ID_MAX),
      serverIdBytes: whole(1, SERVER_ID_BYTES_MAX),
      nonceBytes: whole(1, PLAINTEXT_BYTES_MAX),
      key: SEED,
      serverIds: list(object({ mac: MAC, id: SERVER_ID }), OWNERS_MAX),
    },
    ["key"],
  ),
  CONFIG_ID_MAX + 1,
);

export const BUCKET_COUNT: Schema = { enum: Array.from({ length: 17 }, (_, bits) => 2 ** bits) };
