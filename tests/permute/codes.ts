/** Gives the members of a source file's enums each other's values. */
import type { Random } from "../../host/emulator/random.ts";
import { isNext, reordered, runsOf } from "./shuffle.ts";

interface Member {
  readonly name: string;
  readonly value: number;
}

const ENUM = /(export enum (\w+) \{\n)([^}]*?)(\n\})/g;
const MEMBER = /^ {2}(\w+) = (\d+),$/gm;

/** By enum, the members whose value means more than another: the others stay below them. */
const KEPT: Readonly<Record<string, string>> = { RedirectKind: "COPY" };

/** Members of value 0 keep it (nothing, none, as memory is at start); so do flags their being one bit each, and
 *  members that are counted on from (`HOP1`, `HOP2`) their following each other. */
export function permuteCodes(source: string, random: Random): { source: string; changes: string[] } {
  const changes: string[] = [];
  const permuted = source.replace(ENUM, (whole, head: string, name: string, body: string, tail: string) => {
    const members = [...body.matchAll(MEMBER)].map(([, member, value]) => ({ name: member!, value: Number(value) }));
    const values = permuteValues(members.filter((member) => member.value !== 0 && member.name !== KEPT[name]), random);
    if (!values) return whole;
    changes.push(`${name} { ${[...values].map(([member, value]) => `${member} = ${value}`).join(", ")} }`);
    const text = body.replace(MEMBER, (line, member: string, value: string) => line.replace(`= ${value},`, `= ${values.get(member) ?? value},`));
    return head + text + tail;
  });
  return { source: permuted, changes };
}

function permuteValues(members: readonly Member[], random: Random): Map<string, number> | undefined {
  const values = members.map(({ value }) => value).sort((a, b) => a - b);
  const units = runsOf(members, (before, member) => isNext(before.name, member.name));
  const order = reordered(units, random, () => true)?.flat();
  return order && new Map(order.map(({ name }, i) => [name, values[i]!]));
}
