/** The appliance file's published JSON Schema. What it cannot say (addresses that clash, names that nothing has) is in
 *  `appliance-check.ts`. */
import { SchemaCheck } from "../files/schema-check.ts";
import { packagePath } from "../paths.ts";

export const APPLIANCE_SCHEMA_PATH = packagePath("schemas", "appliance.schema.json");

export const applianceSchema = new SchemaCheck({
  schemaPath: APPLIANCE_SCHEMA_PATH,
  codePrefix: "E_APPLIANCE",
  startMend: "Start from a file that works: dobbs init <file> writes one.",
});
