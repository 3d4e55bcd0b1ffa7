/** Gives the structs of a source file of the firmware another field order, of the same size. */
import type { Random } from "../../host/emulator/random.ts";
import { isNext, reordered, runsOf } from "./shuffle.ts";

interface Field {
  readonly name: string;
  readonly bytes: number;
  /** Its declaration, with the comment above it. */
  readonly text: string;
}

/** `Region`: the images write its rows out as lists of numbers. */
const KEPT = new Set(["Region"]);

const STRUCT = /(@unmanaged\nexport class (\w+) \{\n)([^}]*?)(\n\})/g;
const FIELD = /^ {2}(\w+): u(\d+);$/;

export function permuteStructs(source: string, random: Random): { source: string; changes: string[] } {
  const changes: string[] = [];
  const permuted = source.replace(STRUCT, (whole, head: string, name: string, body: string, tail: string) => {
    const order = KEPT.has(name) ? undefined : permuteFields(fieldsOf(body), random);
    if (!order) return whole;
    changes.push(`${name} { ${order.map((field) => field.name).join(", ")} }`);
    return head + order.map((field) => field.text).join("\n") + tail;
  });
  return { source: permuted, changes };
}

function fieldsOf(body: string): Field[] {
  const fields: Field[] = [];
  let lines: string[] = [];
  for (const line of body.split("\n")) {
    lines.push(line);
    const [, name, bits] = FIELD.exec(line) ?? [];
    if (name === undefined) continue;
    fields.push({ name, bytes: Number(bits) / 8, text: lines.join("\n") });
    lines = [];
  }
  return fields;
}

function permuteFields(fields: readonly Field[], random: Random): Field[] | undefined {
  // `mac` and `macHigh` are one field to a host.
  const units = runsOf(fields, (before, field) => field.name === `${before.name}High` || isNext(before.name, field.name));
  const size = layout(fields).size;
  return reordered(units, random, (order) => layout(order.flat()).size === size && order.every((unit) => isClosed(unit, order)))?.flat();
}

/** Offsets by field name, and the size without padding at the end, as AssemblyScript lays them out. */
function layout(fields: readonly Field[]): { offsets: Map<string, number>; size: number } {
  const offsets = new Map<string, number>();
  let size = 0;
  for (const { name, bytes } of fields) {
    size = Math.ceil(size / bytes) * bytes;
    offsets.set(name, size);
    size += bytes;
  }
  return { offsets, size };
}

/** Whether the parts of a unit touch each other in this order of units. */
function isClosed(unit: readonly Field[], order: readonly (readonly Field[])[]): boolean {
  const { offsets } = layout(order.flat());
  return unit.every((field, i) => i === 0 || offsets.get(field.name) === offsets.get(unit[i - 1]!.name)! + unit[i - 1]!.bytes);
}
