/** The plan file's JSON Schema. What it cannot say is in `plan-check.ts`. */
import { SchemaCheck } from "../files/schema-check.ts";
import { packagePath } from "../paths.ts";

export const planSchema = new SchemaCheck({
  schemaPath: packagePath("schemas", "plan.schema.json"),
  codePrefix: "E_PLAN",
  startMend: "Give a file that dobbs simulate has written.",
});
