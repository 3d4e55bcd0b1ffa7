/** Checks a file against its published JSON Schema: right fields, right types. The schema's own descriptions say how
 *  to mend what is wrong. */
import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { Path, Problem } from "./problem.ts";

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly enum?: readonly string[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

export interface SchemaCheckOptions {
  readonly schemaPath: string;
  /** Of the problems' codes, such as `E_APPLIANCE`. */
  readonly codePrefix: string;
  /** What to do about a file that is something else altogether. */
  readonly startMend: string;
}

export class SchemaCheck {
  readonly #options: SchemaCheckOptions;
  #schema: Schema = {};
  #validate: ValidateFunction | undefined;

  constructor(options: SchemaCheckOptions) {
    this.#options = options;
  }

  /** Checks `value` and fills in the schema's defaults, in place. Returns the first problem, if any: its code is
   *  `<prefix>_MISSING`, `_UNKNOWN` or `_VALUE`. */
  check(value: unknown): Problem | undefined {
    const validate = (this.#validate ??= this.#compile());
    if (validate(value)) return undefined;
    // The last error is the outermost: of an `anyOf`, the one that has the description.
    return this.#explain(validate.errors!.at(-1)!, value);
  }

  #compile(): ValidateFunction {
    this.#schema = JSON.parse(readFileSync(this.#options.schemaPath, "utf8")) as Schema;
    return new Ajv2020({ useDefaults: true, verbose: true, allowUnionTypes: true, discriminator: true }).compile(this.#schema);
  }

  #explain(error: ErrorObject, root: unknown): Problem {
    const { codePrefix, startMend } = this.#options;
    const path = pathOf(error.instancePath, root);
    const place = error.parentSchema as Schema;
    switch (error.keyword) {
      case "required": {
        const field = error.params.missingProperty as string;
        const mend = `Add "${field}": ${this.#describe(place.properties?.[field] ?? place)}`;
        return { code: `${codePrefix}_MISSING`, path, message: `"${field}" is missing`, mend };
      }
      case "additionalProperties": {
        const field = error.params.additionalProperty as string;
        const known = Object.keys(place.properties ?? {}).join(", ");
        const mend = `Correct its spelling or remove it; the fields here are ${known}.`;
        return { code: `${codePrefix}_UNKNOWN`, path: [...path, field], message: `unknown field "${field}"`, mend };
      }
      case "discriminator": {
        const tag = error.params.tag as string;
        const message = `${shown((error.data as Readonly<Record<string, unknown>>)[tag])} is not what belongs here`;
        return { code: `${codePrefix}_VALUE`, path: [...path, tag], message, mend: `Write ${this.#describe(place)}` };
      }
      default: {
        const message = `${shown(error.data)} is not what belongs here`;
        const choice = place.enum ? `one of ${place.enum.join(", ")}: ` : "";
        const mend = path.length === 0 ? startMend : `Write ${choice}${this.#describe(place)}`;
        return { code: `${codePrefix}_VALUE`, path, message, mend };
      }
    }
  }

  /** The description of a field, to be read in mid-sentence. */
  #describe(place: Schema | undefined): string {
    const name = place?.$ref?.replace("#/$defs/", "");
    const description = place?.description ?? (name && this.#schema.$defs?.[name]?.description) ?? "what the schema says.";
    return description.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase());
  }
}

/** Of a value that is quoted in a message: enough to find it by. */
const QUOTED_CHARS_MAX = 60;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "an empty value";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "this list";
  if (typeof value === "object") return "a mapping";
  const text = JSON.stringify(value);
  return text.length <= QUOTED_CHARS_MAX ? text : `${text.slice(0, QUOTED_CHARS_MAX)}...`;
}

/** `/blades/1/mac` -> `["blades", 1, "mac"]`: a number where the value has a list. */
export function pathOf(pointer: string, root: unknown): Path {
  let value = root;
  return pointer.split("/").slice(1).map((escaped) => {
    const key = escaped.replaceAll("~1", "/").replaceAll("~0", "~");
    const step = Array.isArray(value) ? Number(key) : key;
    value = (value as Record<string | number, unknown>)[step];
    return step;
  });
}
