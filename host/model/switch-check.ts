/** What the `switches:` section of an appliance file can get wrong beyond its schema. */
import type { Path, Problem } from "../files/problem.ts";
import { type Appliance, type DobbsSwitchSpec, type NftSwitchSpec, type OvsSwitchSpec, switchPortsOf } from "./appliance.ts";
import { isTakenName } from "./taken-name.ts";

/** An entry that has passed the schema. */
export interface SwitchEntry {
  readonly name: string;
  readonly role?: "active" | "standby";
  readonly dobbs?: Pick<DobbsSwitchSpec, "link">;
  readonly nft?: Pick<NftSwitchSpec, "run" | "interfaces">;
  readonly ovs?: Pick<OvsSwitchSpec, "run" | "bridge" | "interfaces">;
}

interface File extends Pick<Appliance, "hash" | "uplinks"> {
  readonly blades: readonly Pick<Appliance["blades"][number], "name" | "port">[];
  readonly forward?: Appliance["forward"];
  readonly switches?: readonly SwitchEntry[];
}

const KINDS = ["dobbs", "nft", "ovs"] as const;
/** What is no part of Dobbs can match the low bits of a source address, and compute no other hash. */
const FOREIGN_KINDS = ["nft", "ovs"] as const;

/** The role that a switch starts with: the first one is active if nothing is said. */
export function roleOfSwitch({ role }: SwitchEntry, index: number): "active" | "standby" {
  return role ?? (index === 0 ? "active" : "standby");
}

export function* checkSwitches(file: File): Generator<Problem, void> {
  const switches = file.switches ?? [];
  const names = new Map(file.blades.map(({ name }) => [name, "a blade"]));
  let active: string | undefined;
  for (const [i, entry] of switches.entries()) {
    const path = ["switches", i];
    const taken = names.get(entry.name);
    if (isTakenName(entry.name)) {
      yield problem([...path, "name"], `no switch can be called "${entry.name}", which means something else in JavaScript`, "Give it another name.");
    }
    if (taken) yield problem([...path, "name"], `${taken} is called "${entry.name}" already`, "Rename one of the two.");
    names.set(entry.name, "another switch");
    yield* checkKind(entry, path);
    if (roleOfSwitch(entry, i) === "active") {
      const mend = "Write `role: standby` at all but one.";
      if (active !== undefined) yield problem([...path, "role"], `"${active}" is active too`, mend);
      active ??= entry.name;
    }
    for (const kind of FOREIGN_KINDS) if (entry[kind]) yield* checkForeign(file, kind, entry[kind], [...path, kind]);
  }
}

function* checkKind(entry: SwitchEntry, path: Path): Generator<Problem, void> {
  const kinds = KINDS.filter((kind) => entry[kind] !== undefined);
  if (kinds.length === 1) return;
  const message = kinds.length === 0 ? "nothing says what kind of switch this is" : `a switch cannot be ${kinds.join(" and ")} at once`;
  yield problem([...path, ...kinds.slice(1, 2)], message, `Give it exactly one of ${KINDS.join(", ")}.`);
}

function* checkForeign(
  file: File,
  kind: (typeof FOREIGN_KINDS)[number],
  { interfaces }: Pick<NftSwitchSpec, "interfaces">,
  path: Path,
): Generator<Problem, void> {
  if (file.hash !== "low-bits") {
    const message = `a switch of kind ${kind} cannot compute the hash "${file.hash}"`;
    yield problem(path, message, "Write `hash: low-bits`, or use a switch of kind dobbs.");
  }
  const missing = switchPortsOf(file).filter((port) => interfaces[port] === undefined);
  if (missing.length > 0) {
    const message = `no interface is named for port ${missing.join(", ")}`;
    yield problem([...path, "interfaces"], message, "Name the interface of every port that an uplink, a blade or a station is plugged into.");
  }
  const places = new Map<string, string>();
  for (const [port, name] of Object.entries(interfaces)) {
    const first = places.get(name);
    if (first !== undefined) {
      yield problem([...path, "interfaces", port], `port ${first} is "${name}" too`, "Name another interface for one of the two.");
    }
    places.set(name, port);
  }
}

function problem(path: Path, message: string, mend: string): Problem {
  return { code: "E_APPLIANCE_SWITCH", path, message, mend };
}
