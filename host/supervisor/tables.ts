/** Filter rules and stations of all nodes: who gets which, and what is told to whom. Pure functions. */
import type { FilterEntry, ForwardStation, PortRoleName } from "../management/tables.ts";
import { AT_BLADES, AT_SWITCH } from "../model/appliance.ts";
import type { Order } from "./messages.ts";
import type { ApplianceState, Tables } from "./state.ts";

/** The rules for a blade (by its name) or the switches (AT_SWITCH), in order. */
export function filtersFor({ filters }: Tables, at: string): FilterEntry[] {
  return filters
    .filter((rule) => rule.at === at || (rule.at === AT_BLADES && at !== AT_SWITCH))
    .map(({ at: _, ...entry }) => entry);
}

export function forwardFor({ forward }: Tables, at: string): ForwardStation[] {
  return forward.filter((entry) => entry.at === at).map(({ at: _, ...station }) => station);
}

/** What a blade is told. */
export function tablesOrder(tables: Tables, blade: string): Order {
  const { revision } = tables;
  return { kind: "tables", revision, filters: filtersFor(tables, blade), forward: forwardFor(tables, blade) };
}

/** Roles of the switches' ports: those of the appliance file (`base`), of blades and stations that came later, and shut
 *  where a blade has failed. */
export function switchPorts(
  base: readonly PortRoleName[],
  { view, tables, fenced }: Pick<ApplianceState, "view" | "tables" | "fenced">,
): PortRoleName[] {
  const ports = [...base];
  const open = (port: number, role: PortRoleName): void => {
    while (ports.length <= port) ports.push("shut");
    if (ports[port] === "shut") ports[port] = role;
  };
  for (const { port } of view.members) open(port, "fabric");
  // A station on a port of its own is outside the fabric, as clients are.
  for (const { port } of forwardFor(tables, AT_SWITCH)) open(port, "uplink");
  for (const { port } of Object.values(fenced)) if (port < ports.length) ports[port] = "shut";
  return ports;
}
