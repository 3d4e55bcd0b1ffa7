/** What the bodies of requests must be. Blades, filters and stations are as in an appliance file: one schema for both. */
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { APPLIANCE_SCHEMA_PATH } from "../model/appliance-schema.ts";

/** Ten years: a deadline beyond that is a mistake. */
const DEADLINE_MS_MAX = 315_360_000_000;
const LIST_MAX = 4_096;
const BUCKETS_MAX = 65_536;
const WEIGHT_MAX = 1_000;
const APPLIANCE = "urn:dobbs:schema:appliance";
const OWNER_NAME = "^[A-Za-z0-9][A-Za-z0-9.-]{0,62}(/[A-Za-z0-9][A-Za-z0-9.-]{0,62})?$";

const ofAppliance = (name: string): object => ({ $ref: `${APPLIANCE}#/$defs/${name}` });
const object = (properties: Readonly<Record<string, object>>, required: readonly string[] = []): object => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});

/** Of a request that moves buckets. */
const FORCE = { force: { type: "boolean" } } as const;

const BODIES = {
  add: object({ blade: ofAppliance("blade"), ...FORCE }),
  drain: object({ deadlineMs: { type: ["integer", "null"], minimum: 0, maximum: DEADLINE_MS_MAX }, ...FORCE }),
  undrain: object(FORCE),
  rebalance: object(FORCE),
  weights: object(
    {
      weights: {
        type: "object",
        minProperties: 1,
        maxProperties: LIST_MAX,
        additionalProperties: false,
        patternProperties: { [OWNER_NAME]: { type: "number", minimum: 0, maximum: WEIGHT_MAX } },
      },
      ...FORCE,
    },
    ["weights"],
  ),
  moves: object(
    {
      buckets: {
        type: "array",
        minItems: 1,
        maxItems: BUCKETS_MAX,
        uniqueItems: true,
        items: { type: "integer", minimum: 0, maximum: BUCKETS_MAX - 1 },
      },
      to: { type: "string", pattern: OWNER_NAME },
      ...FORCE,
    },
    ["buckets", "to"],
  ),
  filters: object({ filters: { type: "array", maxItems: LIST_MAX, items: ofAppliance("filter") } }, ["filters"]),
  filter: object({ filter: ofAppliance("filter"), position: { type: "integer", minimum: 1, maximum: LIST_MAX } }, ["filter"]),
  forward: object({ forward: { type: "array", maxItems: LIST_MAX, items: ofAppliance("forward") } }, ["forward"]),
  station: object({ station: ofAppliance("forward") }, ["station"]),
} as const;

export type BodyName = keyof typeof BODIES;

/** A check of each body; it fills in the appliance file's defaults, in place. */
export function bodyChecks(): Readonly<Record<BodyName, ValidateFunction>> {
  const ajv = new Ajv2020({ useDefaults: true, allowUnionTypes: true, verbose: true });
  ajv.addSchema(JSON.parse(readFileSync(APPLIANCE_SCHEMA_PATH, "utf8")) as object);
  const checks = Object.entries(BODIES).map(([name, schema]) => [name, ajv.compile(schema)] as const);
  return Object.fromEntries(checks) as Record<BodyName, ValidateFunction>;
}
