/** What can be asked of an appliance, as plain data, and the view that each request leads to. */
import { DobbsError } from "../errors.ts";
import type { Blade, Filter, Forward } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { bladesOf, membersOf, type Member, type View } from "./view.ts";

export type Request =
  | { readonly kind: "add"; readonly blades: readonly Blade[] }
  | { readonly kind: "drain"; readonly blade: string; readonly deadlineMs: number | null }
  | { readonly kind: "weights"; readonly weights: Readonly<Record<string, number>> }
  | { readonly kind: "move"; readonly buckets: readonly number[]; readonly to: string }
  | { readonly kind: "rebalance" }
  | { readonly kind: "fail"; readonly blade: string }
  | TablesRequest;

/** A whole list of filter rules, or of stations. */
export type TablesRequest =
  | { readonly kind: "filters"; readonly filters: readonly Filter[] }
  | { readonly kind: "forward"; readonly forward: readonly Forward[] };

/** Said of a request in the journal. */
export function describe(request: Request): string {
  switch (request.kind) {
    case "add":
      return `add ${request.blades.map(({ name }) => name).join(", ")}`;
    case "drain":
      return `drain ${request.blade}`;
    case "weights":
      return `weights ${Object.entries(request.weights)
        .map(([owner, weight]) => `${owner}=${weight}`)
        .join(", ")}`;
    case "move":
      return `move ${request.buckets.length} ${request.buckets.length === 1 ? "bucket" : "buckets"} to ${request.to}`;
    case "rebalance":
      return "rebalance";
    case "fail":
      return `fail ${request.blade}`;
    case "filters":
      return `${request.filters.length} filter ${request.filters.length === 1 ? "rule" : "rules"}`;
    case "forward":
      return `${request.forward.length} ${request.forward.length === 1 ? "station" : "stations"}`;
  }
}

/** The view to propose. Throws a DobbsError when the request does not fit `view`. */
export function changeView(view: View, request: Exclude<Request, TablesRequest>): View {
  switch (request.kind) {
    case "add":
      return { ...view, members: request.blades.reduce(addBlade, view.members), moves: [] };
    case "drain":
      return { ...view, members: drainBlade(view, request.blade), moves: [] };
    case "weights":
      return { ...view, members: weigh(view.members, request.weights), moves: [] };
    case "move":
      return { ...view, moves: request.buckets.map((bucket) => ({ bucket, to: request.to })) };
    case "rebalance":
      return { ...view, moves: [] };
    case "fail":
      requireStatus(view, request.blade, "active", "draining");
      return { ...withStatus(view, request.blade, "failed"), moves: [] };
  }
}

/** `view` with all members of a blade in another status. */
export function withStatus(view: View, blade: string, status: Member["status"]): View {
  return { ...view, members: view.members.map((member) => (member.blade === blade ? { ...member, status } : member)) };
}

/** Draining blades that no history names any more. */
export function drainedBlades(view: View, assignment: Assignment): string[] {
  const named = new Set(assignment.buckets.flat().map((number) => assignment.owners[number]!.blade));
  return bladesOf(view, "draining").filter((blade) => !named.has(blade));
}

function addBlade(members: readonly Member[], blade: Blade): readonly Member[] {
  const others = members.filter((member) => member.blade !== blade.name);
  const same = members.find((member) => member.blade === blade.name);
  if (same && same.status !== "offline" && same.status !== "failed") {
    throw new DobbsError(
      "E_BLADE_THERE",
      `blade "${blade.name}" is in the appliance already`,
      "Give the new one another name.",
    );
  }
  const added = membersOf(blade);
  for (const { name, mac } of added) {
    const other = [...others, ...added].find((member) => member.mac === mac && member.name !== name);
    if (other) {
      throw new DobbsError(
        "E_MAC_TAKEN",
        `${name} and ${other.name} have the same MAC ${mac}`,
        "Give each owner a MAC of its own.",
      );
    }
  }
  return [...others, ...added];
}

function drainBlade(view: View, blade: string): readonly Member[] {
  requireStatus(view, blade, "active");
  return withStatus(view, blade, "draining").members;
}

/** Throws E_BLADE_UNKNOWN or E_BLADE_STATUS. */
export function requireStatus(view: View, blade: string, ...statuses: Member["status"][]): void {
  const member = view.members.find((candidate) => candidate.blade === blade);
  if (!member) {
    const blades = [...new Set(view.members.map((candidate) => candidate.blade))].sort().join(", ");
    throw new DobbsError("E_BLADE_UNKNOWN", `there is no blade "${blade}"`, `Name one of: ${blades || "(none)"}.`);
  }
  if (statuses.includes(member.status)) return;
  throw new DobbsError(
    "E_BLADE_STATUS",
    `blade "${blade}" is ${member.status}`,
    member.status === "active" ? `Drain it first: dobbs drain ${blade}` : `Name one that is ${statuses.join(" or ")}.`,
  );
}

function weigh(members: readonly Member[], weights: Readonly<Record<string, number>>): Member[] {
  for (const [name, weight] of Object.entries(weights)) {
    if (!members.some((member) => member.name === name)) {
      throw new DobbsError(
        "E_OWNER_UNKNOWN",
        `there is no owner "${name}"`,
        `Name one of: ${members
          .map((m) => m.name)
          .sort()
          .join(", ")}.`,
      );
    }
    if (!Number.isFinite(weight) || weight < 0) {
      throw new DobbsError("E_WEIGHT", `${name} cannot have the weight ${weight}`, "Give a number of 0 or more.");
    }
  }
  return members.map((member) => ({ ...member, weight: weights[member.name] ?? member.weight }));
}
