/** The API, path by path. docs/api.md is its manual. */
import { DobbsError } from "../errors.ts";
import type { Blade, Filter, Forward } from "../model/appliance.ts";
import { filterInForm } from "../model/appliance-file.ts";
import { EVENTS_MAX } from "./event-log.ts";
import { numberOf } from "./body.ts";
import { revisionOf } from "./lists.ts";
import type { Answer, Asked, Route } from "./route.ts";
import { filterDocument, type FilterDocument } from "./rules.ts";
import { bodyChecks } from "./schemas.ts";
import type { Service } from "./service.ts";

/** A request whose outcome is not known by then is answered by its id. */
const WAIT_S_MAX = 60;
const EVENTS_DEFAULT = 1_000;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

export function routesOf(service: Service): Route[] {
  const bodies = bodyChecks();
  const get = (path: string, answer: (asked: Asked) => unknown, query: readonly string[] = []): Route => ({
    method: "GET",
    path,
    query,
    body: null,
    answer: (asked) => ({ status: 200, body: answer(asked) }),
  });
  /** `begin` returns the id of a request. */
  const change = (
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body: Route["body"],
    begin: (asked: Asked) => string,
    query: readonly string[] = [],
  ): Route => ({
    method,
    path,
    query: ["wait", ...query],
    body,
    answer: async (asked) => {
      const ms = numberOf(asked.query, "wait", WAIT_S_MAX, WAIT_S_MAX) * 1_000;
      return outcomeAnswer(await service.outcome(begin(asked), ms));
    },
  });

  return [
    get("/v1/status", () => service.status()),
    get("/v1/assignment", () => service.assignment()),
    get("/v1/events", ({ query }) => events(service, query), ["after", "limit"]),
    get("/v1/switches", () => ({ switches: service.status().switches })),
    get("/v1/requests/:id", ({ places }) => service.request(places["id"]!)),
    change("POST", "/v1/blades/:name/add", bodies.add, ({ places, body }) => service.add(places["name"]!, bladeOf(body), isForced(body))),
    change("POST", "/v1/blades/:name/drain", bodies.drain, ({ places, body }) =>
      service.drain(places["name"]!, (body as { deadlineMs?: number | null }).deadlineMs ?? null, isForced(body)),
    ),
    change("POST", "/v1/blades/:name/undrain", bodies.undrain, ({ places, body }) => service.undrain(places["name"]!, isForced(body))),
    change("POST", "/v1/blades/:name/remove", null, ({ places }) => service.remove(places["name"]!)),
    change("POST", "/v1/blades/:name/fail", null, ({ places }) => service.fail(places["name"]!)),
    change("POST", "/v1/weights", bodies.weights, ({ body }) =>
      service.weigh((body as { weights: Record<string, number> }).weights, isForced(body)),
    ),
    change("POST", "/v1/moves", bodies.moves, ({ body }) => {
      const { buckets, to } = body as { buckets: number[]; to: string };
      return service.move(buckets, to, isForced(body));
    }),
    change("POST", "/v1/rebalance", bodies.rebalance, ({ body }) => service.rebalance(isForced(body))),
    change("POST", "/v1/switches/:name/activate", null, ({ places }) => service.activate(places["name"]!)),

    get("/v1/filters", () => {
      const { filters } = service.tables();
      return { filters: filters.map(filterDocument), revision: revisionOf(filters) };
    }),
    change("PUT", "/v1/filters", bodies.filters, ({ body }) => {
      const { filters } = body as { filters: FilterDocument[] };
      service.checkTables({ filters });
      return service.changeFilters("replace the filter rules", () => filters.map(filterInForm));
    }),
    change("POST", "/v1/filters", bodies.filter, ({ body }) => {
      const { filter, position } = body as { filter: FilterDocument; position?: number };
      service.checkTables({ filters: [filter] });
      return service.changeFilters("add a filter rule", (rules) => {
        const at = position === undefined ? rules.length : Math.min(position - 1, rules.length);
        return rules.toSpliced(at, 0, filterInForm(filter));
      });
    }),
    change(
      "DELETE",
      "/v1/filters/:position",
      null,
      ({ places, query }) => service.changeFilters("remove a filter rule", (rules) => without(rules, places["position"]!, query.get("revision"))),
      ["revision"],
    ),

    get("/v1/forward", () => {
      const { forward } = service.tables();
      return { forward, revision: revisionOf(forward) };
    }),
    change("PUT", "/v1/forward", bodies.forward, ({ body }) => {
      const forward = (body as { forward: Forward[] }).forward.map(stationInForm);
      service.checkTables({ forward });
      return service.changeForward("replace the stations", () => forward);
    }),
    change("POST", "/v1/forward", bodies.station, ({ body }) => {
      const station = stationInForm((body as { station: Forward }).station);
      service.checkTables({ forward: [station] });
      return service.changeForward("add a station", (stations) => [...stations.filter(({ mac }) => mac !== station.mac), station]);
    }),
    change("DELETE", "/v1/forward/:mac", null, ({ places }) => {
      const mac = places["mac"]!.toLowerCase();
      return service.changeForward("remove a station", (stations) => withoutStation(stations, mac));
    }),
  ];
}

function outcomeAnswer(body: Awaited<ReturnType<Service["outcome"]>>): Answer {
  return { status: body.state === "waiting" ? 202 : 200, body };
}

function events(service: Service, query: Asked["query"]): unknown {
  const after = numberOf(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const records = service.events(after, numberOf(query, "limit", EVENTS_DEFAULT, EVENTS_MAX));
  return { events: records, next: records.at(-1)?.n ?? Math.min(after, service.lastEvent) };
}

function isForced(body: unknown): boolean {
  return (body as { force?: boolean }).force ?? false;
}

/** With every address in its one form, and every default in place. */
function bladeOf(body: unknown): Blade | undefined {
  const { blade } = body as { blade?: Omit<Blade, "vms"> & { readonly vms?: Blade["vms"] } };
  if (!blade) return undefined;
  const vms = (blade.vms ?? []).map((vm) => ({ ...vm, mac: vm.mac.toLowerCase() }));
  return { ...blade, mac: blade.mac.toLowerCase(), vms };
}

function stationInForm({ mac, port, at }: Forward): Forward {
  return { mac: mac.toLowerCase(), port, at };
}

/** `position` counts from 1. `revision`: of the list that the position is in. */
function without(rules: readonly Filter[], position: string, revision: string | undefined): readonly Filter[] {
  if (revision !== undefined && revision !== revisionOf(rules)) {
    throw new DobbsError("E_FILTER_CHANGED", "the filter rules have changed since they were looked at", "Look at them again.", 1);
  }
  const index = /^[1-9]\d{0,3}$/.test(position) ? Number(position) - 1 : -1;
  if (rules[index] !== undefined) return rules.toSpliced(index, 1);
  const mend = rules.length === 0 ? "There are none." : `Name one from 1 to ${rules.length}.`;
  throw new DobbsError("E_FILTER_UNKNOWN", "there is no filter rule at this position", mend);
}

function withoutStation(stations: readonly Forward[], mac: string): readonly Forward[] {
  const left = stations.filter((station) => station.mac !== mac);
  if (left.length < stations.length) return left;
  const message = MAC.test(mac) ? `there is no station ${mac}` : "what is named here is no MAC address";
  throw new DobbsError("E_STATION_UNKNOWN", message, "Look at the list of stations: dobbs forward list");
}
