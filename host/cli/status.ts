/** `dobbs status`: how the appliance is now. */
import { Command } from "commander";
import type { BladeDocument, StatusDocument } from "../api/status-document.ts";
import { statusOf } from "./blade-commands.ts";
import { count } from "./event-text.ts";
import { MANAGER_EXIT_CODES, MANAGER_HELP, type ManagerOptions, withManager, withManagerOptions } from "./manager.ts";
import { type Cell, print, printJson, table } from "./output.ts";
import { switchText } from "./watch-view.ts";
import { durationText, timeOfDay } from "./time-text.ts";

const HELP = `
Columns: status (active; draining; offline; failed; spare: known, and not added), health (healthy; unwell: its
NIC does not answer; silent; absent: no traffic manager is connected), load (runnable processes a CPU),
weight (times what load has made of it: \`balance\` in the appliance file), generation in force on its NIC,
live connections, buckets that it owns now and that it was the previous owner of. Under that, what was cut
and who was declared failed since the first day, if anything was. A switch has the generation in which
buckets moved last: what is only forgotten is no matter to it.
${MANAGER_HELP}

Examples:
  dobbs status
  dobbs status --json
${MANAGER_EXIT_CODES}`;

export function statusCommand(): Command {
  const command = new Command("status")
    .summary("show blades, buckets, drains and switches")
    .description("Shows how the appliance is now: blades, buckets, drains and switches.");
  return withManagerOptions(command).addHelpText("after", HELP).action(statusAction);
}

async function statusAction(options: ManagerOptions): Promise<void> {
  await withManager(options, async (client) => {
    const status = await statusOf(client);
    if (options.json) printJson(status);
    else print(statusText(status));
  });
}

export function statusText(status: StatusDocument): string {
  const { appliance, vips, buckets, generation, phase, missing, waiting, blades, owners, switches, filters, forward } = status;
  const state = missing.length === 0 ? phase : `${phase}, no answer yet from ${missing.join(", ")}`;
  const vms = owners.filter(({ name, blade }) => name !== blade);
  const lost = lossText(status);
  const refusals = blades.flatMap(({ name, refuses }) => (refuses === null ? [] : [`${name} refuses the filter rules and stations: ${refuses}`]));
  const parts = [
    `${appliance}  ${vips.join(" ")}\ngeneration ${generation}, ${count(buckets, "bucket")}, ${state}`,
    ...(waiting.length === 0 ? [] : [`Waiting\n${waiting.map((request) => `  ${request}`).join("\n")}`]),
    table([["blade", "status", "health", "load", "weight", "generation", "live", "current", "previous", "drain ends"], ...blades.map(bladeRow)]),
    ...(vms.length === 0
      ? []
      : [table([["VM", "weight", "live", "current", "previous"], ...vms.map((vm): Cell[] => [vm.name, weightCell(vm), vm.live, vm.current, vm.previous])])]),
    ...(switches.length === 0
      ? []
      : [table([["switch", "role", "state"], ...switches.map((one): Cell[] => [one.name, one.role, switchText(one)])])]),
    ...(refusals.length === 0 ? [] : [refusals.join("\n")]),
    ...(lost === "" ? [] : [lost]),
    ...(filters + forward === 0 ? [] : [`${count(filters, "filter rule")}, ${count(forward, "station")}`]),
  ];
  return parts.join("\n\n");
}

/** What was lost since the first day; empty: nothing. */
function lossText({ tally: { cut, declared, declaredFalsely } }: StatusDocument): string {
  const { deadline, failed, forced, flows } = cut;
  const sum = deadline + failed + forced + flows;
  const cuts = `${count(sum, "connection")} cut so far: ${deadline} at deadlines, ${failed} with failed blades, ${forced} by force, ${flows} by udpDrain`;
  const failures = `${count(declared, "blade")} declared failed so far, ${declaredFalsely} falsely`;
  return [...(sum === 0 ? [] : [cuts]), ...(declared === 0 ? [] : [failures])].join("\n");
}

/** `1`, or `1 x 0.85` where load has its say. */
function weightCell({ weight, factor }: { readonly weight: number; readonly factor: number }): Cell {
  const rounded = Number(weight.toFixed(3));
  return factor === 1 ? rounded : `${rounded} x ${factor.toFixed(2)}`;
}

function bladeRow({ name, status, health, load, weight, factor, generation, live, current, previous, leftMs, deadline }: BladeDocument): Cell[] {
  const end = deadline === null || leftMs === null ? "" : leftMs <= 0 ? "now" : `in ${durationText(leftMs)} (${timeOfDay(deadline)})`;
  return [name, status, health, load === null ? "-" : load.toFixed(2), weightCell({ weight, factor }), generation, live, current, previous, end];
}
