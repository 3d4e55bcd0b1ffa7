/** Reads an appliance file (YAML): syntax, then schema, then meaning; the first thing wrong is told with its line. */
import { YamlSource } from "../files/yaml-source.ts";
import { bytesToIp, bytesToMac, ipToBytes, macToBytes } from "./address.ts";
import { type Appliance, type Filter, type MacMatch, ownersOf, type SwitchSpec } from "./appliance.ts";
import { type ApplianceFile, checkMeaning } from "./appliance-check.ts";
import { applianceSchema } from "./appliance-schema.ts";
import { balanceOf } from "./balance-check.ts";
import { connectionIdsInForm } from "./connection-ids.ts";
import { drainMs, serviceInForm } from "./service.ts";
import { roleOfSwitch, type SwitchEntry } from "./switch-check.ts";

const CODE_PREFIX = "E_APPLIANCE";
export const ETHERTYPES = { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd } as const;
export const EXACT_MASK = "ff:ff:ff:ff:ff:ff";

/** Throws E_APPLIANCE_READ, or what `parseAppliance` throws. */
export function loadAppliance(path: string): Appliance {
  const mend = `Check the path, or write a file to start from with: dobbs init ${path}`;
  return applianceOf(YamlSource.read(path, CODE_PREFIX, mend));
}

/** `name` stands for the file in errors. Throws E_APPLIANCE_YAML and the other E_APPLIANCE_*, with `name:line: field`. */
export function parseAppliance(text: string, name: string): Appliance {
  return applianceOf(new YamlSource(text, name, CODE_PREFIX));
}

function applianceOf(source: YamlSource): Appliance {
  const file = source.value();
  const problem = applianceSchema.check(file) ?? checkMeaning(file as ApplianceFile).next().value;
  if (problem) throw source.error(problem);
  return inForm(file as ApplianceFile);
}

/** With every default in place, and every address in its one form. */
function inForm({ balance: entry, udpDrain, ...file }: ApplianceFile): Appliance {
  const balance = balanceOf(entry);
  const blades = file.blades.map((blade) => ({
    ...blade,
    mac: blade.mac.toLowerCase(),
    vms: (blade.vms ?? []).map((vm) => ({ ...vm, mac: vm.mac.toLowerCase() })),
  }));
  const owners = ownersOf({ blades }).map(({ owner }) => owner.name);
  return {
    ...file,
    ...(udpDrain !== undefined && { udpDrainMs: drainMs(udpDrain) }),
    ...(balance && { balance }),
    vips: file.vips.map((vip) => bytesToIp(ipToBytes(vip))),
    vmac: file.vmac.toLowerCase(),
    ...(file.seed !== undefined && { seed: file.seed.toLowerCase() }),
    blades,
    services: (file.services ?? []).map(serviceInForm),
    connectionIds: (file.connectionIds ?? []).map((entry) => connectionIdsInForm(entry, owners)),
    filters: (file.filters ?? []).map(filterInForm),
    forward: (file.forward ?? []).map((entry) => ({ ...entry, mac: entry.mac.toLowerCase() })),
    switches: (file.switches ?? []).map(switchInForm),
  };
}

/** Of the three kinds exactly one is there: `checkMeaning` has seen to it. */
function switchInForm(entry: SwitchEntry, index: number): SwitchSpec {
  const { name, dobbs, nft, ovs } = entry;
  const common = { name, role: roleOfSwitch(entry, index) };
  if (dobbs) return { ...common, kind: "dobbs", ...dobbs };
  if (nft) return { ...common, kind: "nft", ...nft };
  return { ...common, kind: "ovs", ...ovs! };
}

/** A rule that has passed the schema, with its addresses in their one form. */
export function filterInForm(rule: NonNullable<ApplianceFile["filters"]>[number]): Filter {
  const { action, at, destination, source, ethertype, port } = rule;
  return {
    action,
    at,
    ...(destination !== undefined && { destination: macMatch(destination) }),
    ...(source !== undefined && { source: macMatch(source) }),
    ...(ethertype !== undefined && { ethertype: typeof ethertype === "number" ? ethertype : ETHERTYPES[ethertype] }),
    ...(port !== undefined && { port }),
  };
}

/** `mac` or `mac/mask`. Bits of `mac` that the mask leaves out are cleared: they mean nothing. */
function macMatch(text: string): MacMatch {
  const [mac, mask = EXACT_MASK] = text.split("/") as [string, string?];
  const maskBytes = macToBytes(mask);
  return { mac: bytesToMac(macToBytes(mac).map((byte, i) => byte & maskBytes[i]!)), mask: mask.toLowerCase() };
}
