/** Filter rules and stations as callers write and read them: as in an appliance file. */
import { DobbsError } from "../errors.ts";
import { fieldName } from "../files/problem.ts";
import type { Appliance, Blade, Filter, Forward, MacMatch } from "../model/appliance.ts";
import { type ApplianceFile, checkMeaning } from "../model/appliance-check.ts";
import { ETHERTYPES, EXACT_MASK } from "../model/appliance-file.ts";
import type { SwitchEntry } from "../model/switch-check.ts";

/** A filter rule in the appliance file's form. */
export type FilterDocument = NonNullable<ApplianceFile["filters"]>[number];

export function filterDocument({ action, destination, source, ethertype, port, at }: Filter): FilterDocument {
  const name = Object.entries(ETHERTYPES).find(([, number]) => number === ethertype)?.[0] as keyof typeof ETHERTYPES | undefined;
  return {
    action,
    ...(destination && { destination: macText(destination) }),
    ...(source && { source: macText(source) }),
    ...(ethertype !== undefined && { ethertype: name ?? ethertype }),
    ...(port !== undefined && { port }),
    at,
  };
}

function macText({ mac, mask }: MacMatch): string {
  return mask === EXACT_MASK ? mac : `${mac}/${mask}`;
}

/** What an appliance file with these parts would be told: names, addresses and ports that clash or lead nowhere.
 *  Throws E_APPLIANCE_*. */
export function checkParts(
  appliance: Appliance,
  parts: {
    readonly blades: readonly Blade[];
    readonly filters?: readonly FilterDocument[];
    readonly forward?: readonly Forward[];
  },
): void {
  const switches = appliance.switches.map(({ name, role, kind, ...rest }) => ({ name, role, [kind]: rest }) as SwitchEntry);
  // What was in order when the appliance began, and no part can change.
  const { balance: _, ...rest } = appliance;
  const unchanged = { services: [], connectionIds: [], filters: [], forward: [] };
  const problem = checkMeaning({ ...rest, ...unchanged, ...parts, switches }).next().value;
  if (!problem) return;
  throw new DobbsError(problem.code, `${fieldName(problem.path)}: ${problem.message}`, problem.mend);
}
