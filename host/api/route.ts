/** Routes: a method, a path with named places, what the body must be, and who answers. */
import type { ValidateFunction } from "ajv/dist/2020.js";
import { DobbsError } from "../errors.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A request that has passed every check that needs no knowledge of the appliance. */
export interface Asked {
  /** By name of the place in the route's path, decoded. */
  readonly places: Readonly<Record<string, string>>;
  /** Only the route's own parameters. */
  readonly query: ReadonlyMap<string, string>;
  /** Checked against the route's schema; `{}` when there was none. */
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Route {
  readonly method: Method;
  /** `/v1/blades/:name/drain`. */
  readonly path: string;
  /** Query parameters that it knows. */
  readonly query?: readonly string[];
  /** Of the body. Null: it takes none. */
  readonly body: ValidateFunction | null;
  /** Throws a DobbsError, or rejects with one. */
  readonly answer: (asked: Asked) => Answer | Promise<Answer>;
}

export interface Found {
  readonly route: Route;
  readonly places: Readonly<Record<string, string>>;
}

/** Throws E_API_PATH, or E_API_METHOD when other methods are known there: `allowed` has them. */
export function findRoute(routes: readonly Route[], method: string, path: string): Found {
  const parts = path.split("/");
  const here = routes.flatMap((route) => {
    const places = placesOf(route.path.split("/"), parts);
    return places === null ? [] : [{ route, places }];
  });
  const found = here.find(({ route }) => route.method === method);
  if (found) return found;
  if (here.length === 0) {
    throw new DobbsError("E_API_PATH", "there is nothing at this path", "See docs/api.md for the paths; all begin with /v1/.");
  }
  throw new MethodError(here.map(({ route }) => route.method));
}

export class MethodError extends DobbsError {
  readonly allowed: readonly Method[];

  constructor(allowed: readonly Method[]) {
    super("E_API_METHOD", "this path does not know this method", `Use ${allowed.join(" or ")}.`);
    this.allowed = allowed;
  }
}

function placesOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (pattern.length !== parts.length) return null;
  const places: Record<string, string> = {};
  for (const [at, expected] of pattern.entries()) {
    const part = decoded(parts[at]!);
    if (part === null) return null;
    if (expected.startsWith(":")) places[expected.slice(1)] = part;
    else if (expected !== part) return null;
  }
  return places;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
