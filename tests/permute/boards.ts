/** Gives a board profile other table sizes. */
import type { Random } from "../../host/emulator/random.ts";

/** The part of a profile, as it stands in its file, that is changed. */
export interface Sizes {
  tables?: Record<string, number>;
  frames?: Record<string, number>;
  ports?: Record<string, number>;
}

/** Smaller where a power of two must stay one, so that the board's memory is enough. */
const HALVED = ["flows", "stations", "slots"];
/** A few more of each; buckets stay as they are, since appliances say how many they have. */
const RAISED = ["owners", "localOwners", "vips", "services", "filters", "forwards", "blade", "switch"];
const RAISE_MAX = 3;
/** No image can have more ports than that. */
const PORTS_MAX = 64;
const SLOT_STEP = 16;

/** Changes `profile` in place; says what has become of what. */
export function permuteBoard(profile: Sizes, random: Random): string[] {
  const changes: string[] = [];
  for (const part of [profile.tables, profile.frames, profile.ports]) {
    if (!part) continue;
    for (const [name, size] of Object.entries(part)) {
      part[name] = otherSize(name, size, random);
      if (part[name] !== size) changes.push(`${name} ${size} -> ${part[name]}`);
    }
  }
  return changes;
}

function otherSize(name: string, size: number, random: Random): number {
  if (HALVED.includes(name)) return size / 2;
  if (name === "switch" && size === PORTS_MAX) return size;
  if (RAISED.includes(name)) return size + random.between(1, RAISE_MAX);
  if (name === "slotBytes") return size + SLOT_STEP;
  return size;
}
