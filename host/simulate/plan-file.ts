/** Reads a plan file: syntax, then schema, then meaning; the first thing wrong is told with its place. */
import { readFileSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { fieldName } from "../files/problem.ts";
import { checkPlan } from "./plan-check.ts";
import { planSchema } from "./plan-schema.ts";
import type { Plan } from "./plan.ts";

const CODE = "E_PLAN";

/** Throws E_PLAN. */
export function readPlan(path: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new DobbsError(CODE, `cannot read the plan ${path}: ${(error as Error).message}`, "Give a file that dobbs simulate has written.");
  }
  return planOf(value, path);
}

/** `name` stands for the file in errors. Throws E_PLAN. */
export function planOf(value: unknown, name: string): Plan {
  const problem = planSchema.check(value) ?? checkPlan(value as Plan).next().value;
  if (!problem) return value as Plan;
  const { path, message, mend } = problem;
  const field = path.length === 0 ? "" : ` ${fieldName(path)}:`;
  throw new DobbsError(CODE, `${name}:${field} ${message}`, mend);
}
