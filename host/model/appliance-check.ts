/** What an appliance file can get wrong beyond its schema: addresses, names and ports that clash or lead nowhere. */
import { DobbsError } from "../errors.ts";
import { fieldName, type Path, type Problem } from "../files/problem.ts";
import { bytesToIp, ipToBytes, isUnicastMac, macToBytes } from "./address.ts";
import { type Appliance, AT_BLADES, AT_SWITCH, ownersOf } from "./appliance.ts";
import { type BalanceEntry, checkBalance } from "./balance-check.ts";
import { checkConnectionIds, type ConnectionIdsEntry } from "./connection-ids.ts";
import { checkDrain, checkServices, type ServiceEntry } from "./service.ts";
import { checkSwitches, type SwitchEntry } from "./switch-check.ts";
import { APPLIANCE_MANAGER, isTakenName } from "./taken-name.ts";

export type { SwitchEntry };

/** An appliance file that has passed its schema: as `Appliance`, but for what is yet to be brought into form. */
export type ApplianceFile = Omit<
  Appliance,
  "blades" | "services" | "connectionIds" | "filters" | "forward" | "switches" | "balance" | "udpDrainMs"
> & {
  readonly blades: readonly (Omit<Appliance["blades"][number], "vms"> & { vms?: Appliance["blades"][number]["vms"] })[];
  readonly services?: readonly ServiceEntry[];
  readonly connectionIds?: readonly ConnectionIdsEntry[];
  readonly filters?: readonly {
    readonly action: "allow" | "drop";
    readonly destination?: string;
    readonly source?: string;
    readonly ethertype?: number | "arp" | "ipv4" | "ipv6";
    readonly port?: number;
    readonly at: string;
  }[];
  readonly forward?: Appliance["forward"];
  readonly switches?: readonly SwitchEntry[];
  readonly balance?: BalanceEntry;
  readonly udpDrain?: string;
};

type Problems = Generator<Problem, void>;

/** All problems, the most telling ones first. */
export function* checkMeaning(file: ApplianceFile): Problems {
  yield* checkBuckets(file);
  yield* checkVips(file);
  yield* checkServices(file.services ?? [], file.vips);
  yield* checkNames(file);
  yield* checkConnectionIds(file.services ?? [], file.connectionIds ?? [], ownerNames(file));
  yield* checkMacs(file);
  yield* checkSwitchPorts(file);
  yield* checkPlaces(file);
  yield* checkSwitches(file);
  yield* checkBalance(file);
  yield* checkDrain(file);
}

function ownerNames({ blades }: ApplianceFile): string[] {
  return ownersOf({ blades: blades.map((blade) => ({ ...blade, vms: blade.vms ?? [] })) }).map(({ owner }) => owner.name);
}

function* checkBuckets({ buckets }: ApplianceFile): Problems {
  if (Number.isInteger(Math.log2(buckets))) return;
  const below = 2 ** Math.floor(Math.log2(buckets));
  yield {
    code: "E_APPLIANCE_BUCKETS",
    path: ["buckets"],
    message: `${buckets} is not a power of two`,
    mend: `Use ${below} or ${below * 2}.`,
  };
}

function* checkVips({ vips }: ApplianceFile): Problems {
  const places = new Map<string, Path>();
  for (const [i, vip] of vips.entries()) {
    const path = ["vips", i];
    let bytes: Uint8Array;
    try {
      bytes = ipToBytes(vip);
    } catch (error) {
      if (!(error instanceof DobbsError)) throw error;
      yield { code: "E_APPLIANCE_ADDRESS", path, message: error.message, mend: error.mend };
      continue;
    }
    if (!isHostAddress(bytes)) {
      const message = `${vip} is no address of a host`;
      yield { code: "E_APPLIANCE_ADDRESS", path, message, mend: "Use a unicast address that clients can reach." };
    }
    yield* checkFirst(places, bytesToIp(bytes), path, `the VIP ${vip}`, "Remove one of the two.");
  }
}

/** No multicast, broadcast, loopback or unspecified address. */
function isHostAddress(bytes: Uint8Array): boolean {
  const [first] = bytes;
  if (bytes.length === 4) return first !== 0 && first !== 127 && first! < 224;
  return first !== 0xff && bytes.subarray(0, 15).some((byte) => byte !== 0);
}

function* checkNames({ blades }: ApplianceFile): Problems {
  const bladePlaces = new Map<string, Path>();
  for (const [b, blade] of blades.entries()) {
    const path = ["blades", b, "name"];
    if (blade.name === AT_BLADES || blade.name === AT_SWITCH) {
      const message = `no blade can be called "${blade.name}", which means something else in "at"`;
      yield { code: "E_APPLIANCE_NAME", path, message, mend: "Give it another name." };
    }
    if (blade.name === APPLIANCE_MANAGER) {
      const message = `no blade can be called "${blade.name}": managers call the appliance manager so`;
      yield { code: "E_APPLIANCE_NAME", path, message, mend: "Give it another name." };
    }
    if (isTakenName(blade.name)) {
      const message = `no blade can be called "${blade.name}", which means something else in JavaScript`;
      yield { code: "E_APPLIANCE_NAME", path, message, mend: "Give it another name." };
    }
    yield* checkFirst(bladePlaces, blade.name, path, `the blade name "${blade.name}"`, "Rename one of the two.");
    const vmPlaces = new Map<string, Path>();
    for (const [v, vm] of (blade.vms ?? []).entries()) {
      const vmPath = ["blades", b, "vms", v, "name"];
      yield* checkFirst(vmPlaces, vm.name, vmPath, `the VM name "${vm.name}"`, "Rename one of the two.");
    }
  }
}

function* checkMacs(file: ApplianceFile): Problems {
  const places = new Map<string, Path>();
  for (const [path, mac] of macsOf(file)) {
    const key = mac.toLowerCase();
    if (!isUnicastMac(macToBytes(mac))) {
      const message = `${mac} is a group address or zero`;
      const mend = "Use a unicast address: the second hex digit even, such as 02:d0:bb:00:00:01.";
      yield { code: "E_APPLIANCE_ADDRESS", path, message, mend };
    }
    yield* checkFirst(places, key, path, `the MAC address ${key}`, "Give each station a MAC address of its own.");
  }
}

function* macsOf({ vmac, blades, forward }: ApplianceFile): Generator<[Path, string]> {
  yield [["vmac"], vmac];
  for (const [b, blade] of blades.entries()) {
    yield [["blades", b, "mac"], blade.mac];
    for (const [v, vm] of (blade.vms ?? []).entries()) yield [["blades", b, "vms", v, "mac"], vm.mac];
  }
  for (const [f, entry] of (forward ?? []).entries()) yield [["forward", f, "mac"], entry.mac];
}

function* checkSwitchPorts({ uplinks, blades }: ApplianceFile): Problems {
  const places = new Map<number, Path>(uplinks.map((port, i) => [port, ["uplinks", i]]));
  for (const [b, blade] of blades.entries()) {
    const path = ["blades", b, "port"];
    yield* checkFirst(places, blade.port, path, `the switch port ${blade.port}`, "Give each blade a switch port of its own.");
  }
}

function* checkPlaces({ blades, filters, forward }: ApplianceFile): Problems {
  const names = blades.map((blade) => blade.name);
  for (const [i, rule] of (filters ?? []).entries()) {
    yield* checkPlace(["filters", i, "at"], rule.at, [AT_BLADES, AT_SWITCH, ...names]);
  }
  for (const [i, entry] of (forward ?? []).entries()) {
    yield* checkPlace(["forward", i, "at"], entry.at, [AT_SWITCH, ...names]);
    if (entry.at !== AT_SWITCH && entry.port === 0) {
      const message = "port 0 of a blade is its wire, and stations there are learned by the switch";
      yield { code: "E_APPLIANCE_PORT", path: ["forward", i, "port"], message, mend: "Name a host port, 1 or higher." };
    }
  }
}

function* checkPlace(path: Path, at: string, places: readonly string[]): Problems {
  if (places.includes(at)) return;
  yield {
    code: "E_APPLIANCE_REFERENCE",
    path,
    message: `there is no blade "${at}"`,
    mend: `Name one of ${places.join(", ")}.`,
  };
}

/** A problem when `key` has a place already. */
function* checkFirst<K>(places: Map<K, Path>, key: K, path: Path, what: string, mend: string): Problems {
  const first = places.get(key);
  if (first === undefined) {
    places.set(key, path);
  } else {
    yield { code: "E_APPLIANCE_DUPLICATE", path, message: `${what} is taken: ${fieldName(first)} has it`, mend };
  }
}
