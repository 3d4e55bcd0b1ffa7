/** Views and assignments for tests. */
import type { Member, MemberStatus, View } from "../../host/supervisor/view.ts";
import type { Assignment } from "../../host/model/assignment.ts";
import { emptyAssignment, succeed } from "../../host/supervisor/succession.ts";

export function member(name: string, weight = 1, status: MemberStatus = "active"): Member {
  const [blade] = name.split("/");
  const number = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) & 0xffff, 7);
  const mac = `02:00:00:00:${(number >> 8).toString(16).padStart(2, "0")}:${(number & 0xff).toString(16).padStart(2, "0")}`;
  return { name, mac, blade: blade!, port: 1, weight, status };
}

export function viewOf(members: readonly Member[], buckets = 256): View {
  return { buckets, members, assigner: "balanced", moves: [] };
}

/** The assignment that a sequence of views leads to, with all histories kept. */
export function assignmentAfter(...views: readonly View[]): Assignment {
  return views.reduce((last, view) => succeed(view, last, last.generation + 1), emptyAssignment(views[0]!.buckets));
}

/** Current owner's name by bucket. */
export function currentNames({ owners, buckets }: Assignment): string[] {
  return buckets.map(([current]) => owners[current!]!.name);
}
