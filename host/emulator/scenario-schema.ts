/** The scenario file's published JSON Schema. What it cannot say is in `scenario-check.ts`. */
import { SchemaCheck } from "../files/schema-check.ts";
import { packagePath } from "../paths.ts";

export const scenarioSchema = new SchemaCheck({
  schemaPath: packagePath("schemas", "scenario.schema.json"),
  codePrefix: "E_SCENARIO",
  startMend: "Start from a scenario that works: those that come with Dobbs are in scenarios/.",
});
