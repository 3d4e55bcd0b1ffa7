/** What a scenario can get wrong beyond its schema: names that nothing has, times out of order, places that clash. */
import type { Path, Problem } from "../files/problem.ts";
import { type Appliance, ownersOf } from "../model/appliance.ts";
import { parseDuration } from "../model/duration.ts";
import { type Family, familyOf } from "../model/address.ts";
import { areNeighbours, FAMILIES, isInPlan, PREFIX_BITS, SITES_MAX } from "./address-plan.ts";
import { ADDRESSES_MAX } from "./netstack.ts";
import type { Migration, TrafficKind } from "./scenario.ts";

/** A scenario file that has passed its schema, defaults filled in. */
export interface ScenarioFile {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  readonly appliance: string | object;
  readonly start: readonly string[];
  readonly sites: readonly { readonly name: string; readonly clients: number }[];
  readonly traffic: readonly GroupFile[];
  readonly events: readonly EventFile[];
  readonly end: string;
  readonly network: Readonly<Record<"uplink" | "fabric" | "host" | "management", WireFile>>;
}

export interface WireFile {
  readonly latency: string;
  readonly jitter: string;
  readonly loss: number;
}

export interface GroupFile {
  readonly name: string;
  readonly kind: TrafficKind;
  readonly family?: "ipv4" | "ipv6" | "both";
  readonly connections: number;
  readonly start: string | readonly [string, string];
  readonly bytes: number | readonly [number, number];
  readonly over?: string | readonly [string, string];
  readonly every: string;
  readonly silence?: string | readonly [string, string];
  readonly rounds: number;
  readonly keeps: boolean;
  readonly datagram: number;
  readonly migrate?: string | readonly [string, string];
  readonly migrates: Migration;
}

export interface EventFile {
  readonly at: string;
  readonly add?: string;
  readonly drain?: string;
  readonly undrain?: string;
  readonly stall?: string;
  readonly for?: string;
  readonly deadline?: string;
  readonly weights?: Readonly<Record<string, number>>;
  readonly move?: readonly number[];
  readonly to?: string;
  readonly force?: boolean;
}

/** Of a datagram, with room for what is around it. The schema says the same of tunnels. */
const PAYLOAD_BYTES_MAX = 30_000;

type Problems = Generator<Problem, void>;

/** All problems, the most telling ones first. */
export function* checkMeaning(file: ScenarioFile, appliance: Appliance): Problems {
  yield* checkAddresses(appliance);
  yield* checkSites(file, appliance);
  yield* checkStart(file, appliance);
  for (const [i, group] of file.traffic.entries()) yield* checkGroup(file, group, ["traffic", i], appliance);
  for (const [i, event] of file.events.entries()) yield* checkEvent(file, event, ["events", i], appliance);
}

function* checkAddresses({ vips }: Appliance): Problems {
  const first = new Map<Family, string>();
  for (const vip of vips) {
    const family = familyOf(vip);
    const neighbour = first.get(family) ?? vip;
    first.set(family, neighbour);
    if (isInPlan(vip)) {
      const message = `the VIP ${vip} is where the emulator puts clients or hosts`;
      yield { code: "E_SCENARIO_ADDRESS", path: ["appliance"], message, mend: IN_PLAN_MENDS[family] };
    }
    if (!areNeighbours(vip, neighbour)) {
      const message = `the VIPs ${neighbour} and ${vip} are not in one network, and the emulator has no router`;
      const mend = `Use VIPs of each family that have the first ${PREFIX_BITS[family]} bits in common.`;
      yield { code: "E_SCENARIO_ADDRESS", path: ["appliance"], message, mend };
    }
  }
  const room = ADDRESSES_MAX - first.size;
  if (vips.length > room) {
    const message = `${vips.length} VIPs are more than an emulated host has room for: ${room}`;
    yield { code: "E_SCENARIO_ADDRESS", path: ["appliance"], message, mend: "Remove some of them." };
  }
}

const IN_PLAN_MENDS: Readonly<Record<Family, string>> = {
  4: "Use an address whose third number is 0.",
  6: "Use an address whose last number but one is 0.",
};

function* checkSites({ sites }: ScenarioFile, { uplinks, blades }: Appliance): Problems {
  const room = Math.min(uplinks.length, SITES_MAX);
  if (sites.length > room) {
    const message = `${sites.length} sites are more than the switch has uplinks: ${room}`;
    yield { code: "E_SCENARIO_SITES", path: ["sites"], message, mend: "Give the appliance more uplinks, or remove a site." };
  }
  const taken = new Map<string, string>(blades.map(({ name }) => [name, "a blade"]));
  for (const [i, { name }] of sites.entries()) {
    const wire = wireName(name);
    const other = taken.get(wire);
    if (other !== undefined) {
      const message = `${other} has the wire called "${wire}" already`;
      yield { code: "E_SCENARIO_DUPLICATE", path: ["sites", i, "name"], message, mend: "Give the site another name." };
    }
    taken.set(wire, `site ${name}`);
  }
}

/** `University Heights` -> `university-heights`: what the site's wire is called. */
export function wireName(site: string): string {
  return site.toLowerCase().replaceAll(" ", "-");
}

function* checkStart({ start }: ScenarioFile, appliance: Appliance): Problems {
  for (const [i, name] of start.entries()) yield* checkBlade(name, ["start", i], appliance);
}

function* checkBlade(name: string, path: Path, { blades }: Appliance): Problems {
  if (blades.some((blade) => blade.name === name)) return;
  yield unknown(path, `there is no blade "${name}"`, blades.map((blade) => blade.name));
}

function* checkOwner(name: string, path: Path, appliance: Appliance): Problems {
  const owners = ownersOf(appliance).map(({ owner }) => owner.name);
  if (!owners.includes(name)) yield unknown(path, `there is no owner "${name}"`, owners);
}

function unknown(path: Path, message: string, known: readonly string[]): Problem {
  return { code: "E_SCENARIO_REFERENCE", path, message, mend: `Name one of ${known.join(", ")}.` };
}

/** What a kind of traffic cannot do without, and what it is. */
const NEEDED: Readonly<Record<TrafficKind, readonly ["silence" | "over", string] | null>> = {
  upload: ["over", "how long a transfer takes"],
  download: ["over", "how long a transfer takes"],
  idle: ["silence", "how long it is silent"],
  udp: ["over", "how long both sides send"],
  quic: ["over", "how long a transfer takes"],
  dns: null,
};
/** What only some kinds have. */
const ONLY: Readonly<Partial<Record<keyof GroupFile, readonly TrafficKind[]>>> = {
  silence: ["idle", "udp", "quic"],
  migrate: ["quic"],
};

/** The families of the VIPs that a group's connections are opened to. */
export function familiesOf({ family }: GroupFile, { vips }: Appliance): readonly Family[] {
  if (family === "both") return FAMILIES;
  if (family !== undefined) return [family === "ipv4" ? 4 : 6];
  return [FAMILIES.find((each) => vips.some((vip) => familyOf(vip) === each))!];
}

function* checkGroup(file: ScenarioFile, group: GroupFile, path: Path, appliance: Appliance): Problems {
  const needed = NEEDED[group.kind];
  if (needed && group[needed[0]] === undefined) {
    const message = `"${needed[0]}" is missing`;
    yield { code: "E_SCENARIO_MISSING", path, message, mend: `Say ${needed[1]}, such as ${needed[0]}: [8s, 12s].` };
  }
  for (const [field, kinds] of Object.entries(ONLY)) {
    if (group[field as keyof GroupFile] === undefined || kinds.includes(group.kind)) continue;
    const message = `"${field}" says nothing of ${group.kind}`;
    yield { code: "E_SCENARIO_VALUE", path: [...path, field], message, mend: `Remove it, or make the group ${kinds.join(" or ")}.` };
  }
  if (group.keeps && group.silence === undefined) {
    const message = "only connections with silences can be kept open";
    yield { code: "E_SCENARIO_VALUE", path: [...path, "keeps"], message, mend: "Remove it, or make the group idle." };
  }
  yield* checkFamily(group, path, appliance);
  for (const field of ["start", "over", "silence", "migrate"] as const) {
    const range = group[field];
    if (Array.isArray(range) && parseDuration(range[0] as string) > parseDuration(range[1] as string)) {
      yield backwards([...path, field], range as readonly string[]);
    }
  }
  const { bytes } = group;
  if (typeof bytes !== "number" && bytes[0] > bytes[1]) yield backwards([...path, "bytes"], bytes);
  const latest = typeof group.start === "string" ? group.start : group.start[1];
  if (parseDuration(latest) >= parseDuration(file.end)) yield tooLate([...path, "start"], latest, file.end);
  if (parseDuration(group.every) === 0) {
    const message = "a transfer cannot send all its pieces at once";
    yield { code: "E_SCENARIO_VALUE", path: [...path, "every"], message, mend: "Write a duration above zero, such as 200ms." };
  }
}

function* checkFamily(group: GroupFile, path: Path, appliance: Appliance): Problems {
  const families = familiesOf(group, appliance);
  const missing = families.find((family) => !appliance.vips.some((vip) => familyOf(vip) === family));
  if (missing !== undefined) {
    const message = `the appliance has no IPv${missing} VIP`;
    yield { code: "E_SCENARIO_REFERENCE", path: [...path, "family"], message, mend: "Give it one, or name the other family." };
  }
  const bytes = typeof group.bytes === "number" ? group.bytes : group.bytes[1];
  if (group.kind === "dns" && bytes > PAYLOAD_BYTES_MAX) {
    const message = `an answer of ${bytes} bytes is more than a datagram has room for`;
    yield { code: "E_SCENARIO_VALUE", path: [...path, "bytes"], message, mend: `Write ${PAYLOAD_BYTES_MAX} or less.` };
  }
}

function backwards(path: Path, [first, second]: readonly (string | number)[]): Problem {
  const message = `${first} is more than ${second}`;
  return { code: "E_SCENARIO_VALUE", path, message, mend: `Write the smaller one first: [${second}, ${first}].` };
}

function tooLate(path: Path, at: string, end: string): Problem {
  const message = `${at} is not before the end of the run, ${end}`;
  return { code: "E_SCENARIO_TIME", path, message, mend: "Let it happen earlier, or the run end later." };
}

const EVENT_KINDS = ["add", "drain", "undrain", "stall", "weights", "move"] as const;

function* checkEvent(file: ScenarioFile, event: EventFile, path: Path, appliance: Appliance): Problems {
  const kinds = EVENT_KINDS.filter((kind) => event[kind] !== undefined);
  if (kinds.length !== 1) {
    const message = kinds.length === 0 ? "nothing happens here" : `${kinds.join(" and ")} cannot be one event`;
    yield { code: "E_SCENARIO_EVENT", path, message, mend: `Write one of ${EVENT_KINDS.join(", ")} in each event.` };
  }
  if (parseDuration(event.at) >= parseDuration(file.end)) yield tooLate([...path, "at"], event.at, file.end);
  if (event.deadline !== undefined && event.drain === undefined) yield belongs([...path, "deadline"], "deadline", "drain");
  if (event.for !== undefined && event.stall === undefined) yield belongs([...path, "for"], "for", "stall");
  if (event.to !== undefined && event.move === undefined) yield belongs([...path, "to"], "to", "move");
  if (event.add !== undefined) yield* checkBlade(event.add, [...path, "add"], appliance);
  if (event.add !== undefined && file.start.includes(event.add)) {
    const message = `${event.add} serves from the beginning`;
    yield { code: "E_SCENARIO_EVENT", path: [...path, "add"], message, mend: "Take it out of `start`, or add another blade." };
  }
  if (event.drain !== undefined) yield* checkBlade(event.drain, [...path, "drain"], appliance);
  if (event.undrain !== undefined) yield* checkBlade(event.undrain, [...path, "undrain"], appliance);
  if (event.stall !== undefined) yield* checkBlade(event.stall, [...path, "stall"], appliance);
  if (event.stall !== undefined && event.for === undefined) {
    const message = '"for" is missing';
    yield { code: "E_SCENARIO_MISSING", path, message, mend: 'Say how long it is stuck, such as for: 8s.' };
  }
  for (const name of Object.keys(event.weights ?? {})) yield* checkOwner(name, [...path, "weights", name], appliance);
  yield* checkMove(event, path, appliance);
}

function* checkMove({ move, to }: EventFile, path: Path, appliance: Appliance): Problems {
  if (move === undefined) return;
  if (to === undefined) {
    const message = '"to" is missing';
    yield { code: "E_SCENARIO_MISSING", path, message, mend: 'Add "to": the owner that gets the buckets.' };
  } else {
    yield* checkOwner(to, [...path, "to"], appliance);
  }
  const i = move.findIndex((bucket) => bucket >= appliance.buckets);
  if (i < 0) return;
  const message = `there is no bucket ${move[i]}`;
  yield { code: "E_SCENARIO_REFERENCE", path: [...path, "move", i], message, mend: `Name one from 0 to ${appliance.buckets - 1}.` };
}

function belongs(path: Path, field: string, other: string): Problem {
  const message = `"${field}" says nothing without "${other}"`;
  return { code: "E_SCENARIO_EVENT", path, message, mend: `Remove it, or add "${other}".` };
}
