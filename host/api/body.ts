/** Reads what a request brings: JSON, of a bounded size, as its route's schema says. */
import type { IncomingMessage } from "node:http";
import type { ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import { DobbsError } from "../errors.ts";
import type { Route } from "./route.ts";

export const BODY_BYTES_MAX = 1024 * 1024;

const DRAIN_BYTES_MAX = 8 * BODY_BYTES_MAX;
const DRAIN_MS_MAX = 1_000;

/** Of a schema: what a single value must be. */
const VALUE_KEYWORDS = ["pattern", "enum", "type", "minimum", "maximum"];

const JSON_TYPE = /^application\/json *(; *charset *= *"?utf-8"? *)?$/i;

/** Whoever asked has gone, and waits for no answer. */
export class CallerGone extends Error {}

/** The body as bytes. Rejects with E_API_SIZE, or with `CallerGone` when it ends early. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) return void chunks.push(chunk);
      chunks.length = 0;
      request.pause();
      reject(tooLarge());
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", () => reject(new CallerGone()));
  });
}

/** Reads what is left of a refused request, and drops it: up to so much, for so long. */
export async function drain(request: IncomingMessage): Promise<void> {
  let bytes = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, DRAIN_MS_MAX);
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DRAIN_BYTES_MAX) resolve();
    });
    for (const event of ["end", "close", "error"]) request.once(event, () => resolve());
    request.once("close", () => clearTimeout(timer));
    request.resume();
  });
}

/** Throws E_API_TYPE, E_API_JSON and E_API_BODY. */
export function parseBody({ body: validate }: Route, request: IncomingMessage, bytes: Buffer): unknown {
  if (bytes.length === 0) return checked(validate, {});
  if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
    throw new DobbsError("E_API_TYPE", "the body is not declared as JSON", 'Send the header "Content-Type: application/json".');
  }
  return checked(validate, parseJson(bytes));
}

/** Parameters that the route does not know, or that come twice, are refused: E_API_QUERY. */
export function parseQuery({ query: known = [] }: Route, search: URLSearchParams): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of search) {
    if (!known.includes(name) || query.has(name)) {
      const mend = known.length === 0 ? "Leave the query out." : `Use each of these at most once: ${known.join(", ")}.`;
      throw new DobbsError("E_API_QUERY", `unknown or repeated parameter "${shown(name)}"`, mend);
    }
    query.set(name, value);
  }
  return query;
}

/** A parameter that is a whole number. Throws E_API_QUERY. */
export function numberOf(query: ReadonlyMap<string, string>, name: string, otherwise: number, max: number): number {
  const text = query.get(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,16}$/.test(text) && Number(text) <= max) return Number(text);
  throw new DobbsError("E_API_QUERY", `"${name}" is no whole number from 0 to ${max}`, "Correct it, or leave it out.");
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new DobbsError("E_API_JSON", "the body is no JSON", "Send one JSON object in UTF-8.");
  }
}

function checked(validate: ValidateFunction | null, body: unknown): unknown {
  if (validate === null) {
    if (isEmptyObject(body)) return body;
    throw new DobbsError("E_API_BODY", "this request takes no body", "Leave the body out, or send {}.");
  }
  if (validate(body)) return body;
  const error = validate.errors!.at(-1)!;
  throw new DobbsError("E_API_BODY", bodyProblem(error), bodyMend(error));
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** `blade.port: must be integer`. */
function bodyProblem({ instancePath, keyword, message, params, data }: ErrorObject): string {
  const place = shown(instancePath.slice(1).replaceAll("/", ".")) || "the body";
  if (keyword === "additionalProperties") return `${place}: unknown field "${shown(String(params.additionalProperty))}"`;
  if (keyword === "pattern") return `${place}: "${shown(String(data))}" is not what belongs here`;
  return `${place}: ${message ?? "is not what belongs here"}`;
}

/** The appliance file's schema says of each of its values what to write. */
function bodyMend({ keyword, parentSchema }: ErrorObject): string {
  const { description } = parentSchema as { readonly description?: string };
  if (description === undefined || !VALUE_KEYWORDS.includes(keyword)) return "See docs/api.md for what belongs there.";
  return `Write ${description.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase())}`;
}

/** What a caller sent comes back short, and without control characters. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 80);
}

function tooLarge(): DobbsError {
  return new DobbsError("E_API_SIZE", "the body is larger than 1 MiB", "Send less at a time.");
}
