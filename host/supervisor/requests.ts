/** What can be asked of an appliance, as plain data, and the view that each request leads to. */
import { DobbsError } from "../errors.ts";
import type { Blade, Filter, Forward } from "../model/appliance.ts";
import type { Assignment } from "../model/assignment.ts";
import { bladesOf, membersOf, settled, type Member, type Move, type View } from "./view.ts";

export type Request = MoveRequest | { readonly kind: "fail"; readonly blade: string } | LoadRequest | TablesRequest;

/** Buckets move. `force`: also where that makes histories too long, and cuts what their oldest owners hold. */
export type MoveRequest = { readonly force: boolean } & (
  | { readonly kind: "add"; readonly blades: readonly Blade[] }
  | { readonly kind: "drain"; readonly blade: string; readonly deadlineMs: number | null }
  | { readonly kind: "undrain"; readonly blade: string }
  | { readonly kind: "weights"; readonly weights: Readonly<Record<string, number>> }
  | { readonly kind: "move"; readonly buckets: readonly number[]; readonly to: string }
  | { readonly kind: "rebalance" }
);

/** Of the load policy (`load-policy.ts`), not of people. */
export interface LoadRequest {
  readonly kind: "load";
  readonly moves: readonly Move[];
  /** By blade, see `Member.factor`. */
  readonly factors: Readonly<Record<string, number>>;
}

/** A whole list of filter rules, or of stations. */
export type TablesRequest =
  | { readonly kind: "filters"; readonly filters: readonly Filter[] }
  | { readonly kind: "forward"; readonly forward: readonly Forward[] };

/** Said of a request in the journal. */
export function describe(request: Request): string {
  return "force" in request && request.force ? `${describeAsked(request)}, by force` : describeAsked(request);
}

function describeAsked(request: Request): string {
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
      return `move ${bucketsText(request.buckets.length)} to ${request.to}`;
    case "undrain":
      return `cancel the drain of ${request.blade}`;
    case "rebalance":
      return "rebalance";
    case "load":
      return `move ${bucketsText(request.moves.length)} by load`;
    case "fail":
      return `fail ${request.blade}`;
    case "filters":
      return `${request.filters.length} filter ${request.filters.length === 1 ? "rule" : "rules"}`;
    case "forward":
      return `${request.forward.length} ${request.forward.length === 1 ? "station" : "stations"}`;
  }
}

function bucketsText(count: number): string {
  return `${count} ${count === 1 ? "bucket" : "buckets"}`;
}

/** The view to propose. Throws a DobbsError when the request does not fit `view`. */
export function changeView(before: View, request: Exclude<Request, TablesRequest>): View {
  const view = changed(settled(before), request);
  return "force" in request && request.force ? { ...view, force: true } : view;
}

function changed(view: View, request: Exclude<Request, TablesRequest>): View {
  switch (request.kind) {
    case "add":
      return { ...view, members: request.blades.reduce(addBlade, view.members) };
    case "drain":
      requireStatus(view, request.blade, "active");
      return withStatus(view, request.blade, "draining");
    case "undrain":
      requireStatus(view, request.blade, "draining");
      return withStatus(view, request.blade, "active");
    case "weights":
      return { ...view, members: Object.entries(request.weights).reduce(weigh, view.members) };
    case "move":
      return { ...view, moves: request.buckets.map((bucket) => ({ bucket, to: request.to })) };
    case "load":
      return { ...view, members: view.members.map((member) => withFactor(member, request.factors)), moves: request.moves };
    case "rebalance":
      return view;
    case "fail":
      requireStatus(view, request.blade, "active", "draining");
      return withStatus(view, request.blade, "failed");
  }
}

function withFactor(member: Member, factors: LoadRequest["factors"]): Member {
  const factor = factors[member.blade];
  return factor === undefined ? member : { ...member, factor };
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
      same.status === "draining"
        ? `It drains. To keep it, before its deadline: dobbs drain ${blade.name} --cancel`
        : "Give the new one another name.",
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
    member.status === "active" && statuses.length > 1
      ? `Drain it first: dobbs drain ${blade}`
      : `Name one that is ${statuses.join(" or ")}.`,
  );
}

/** `name`: of an owner, or of a blade, whose VMs divide the weight evenly. What load had made of the old weight is forgotten. */
function weigh(members: readonly Member[], [name, weight]: readonly [string, number]): readonly Member[] {
  const named = members.filter((member) => member.name === name);
  const owners = named.length > 0 ? named : members.filter((member) => member.blade === name);
  if (owners.length === 0) {
    const names = members.map((member) => member.name).sort();
    throw new DobbsError("E_OWNER_UNKNOWN", `there is no owner "${name}"`, `Name one of: ${names.join(", ")}.`);
  }
  if (!Number.isFinite(weight) || weight < 0) {
    throw new DobbsError("E_WEIGHT", `${name} cannot have the weight ${weight}`, "Give a number of 0 or more.");
  }
  return members.map((member) => {
    if (!owners.includes(member)) return member;
    const { factor: _, ...rest } = member;
    return { ...rest, weight: weight / owners.length };
  });
}
