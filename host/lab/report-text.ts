/** A lab's report for a terminal. */
import { formatSeconds } from "../model/duration.ts";
import type { LabReport } from "./report.ts";

const INDENT = "  ";
const US_PER_MS = 1_000;

/** `timeline`: whether what happened is told too, and not by `timelineLine` when it did. */
export function reportText(report: LabReport, { timeline }: { readonly timeline: boolean } = { timeline: true }): string {
  const { redirect, clients, sessions, server, seed, wallMs } = report;
  const head = [
    `lab: ${report.switch} switches, ${server}, kernel TCP${redirect ? "" : ", redirection off"}`,
    `${INDENT}${clients} client addresses, ${sessions} sessions, ${Math.round(wallMs / 1_000)} seconds, seed ${seed}`,
  ];
  const happened = timeline ? [...report.timeline.map(timelineLine), ""] : [];
  return [...head, "", ...happened, ...counts(report)].join("\n");
}

export function timelineLine({ atMs, what }: LabReport["timeline"][number]): string {
  return `${INDENT}${formatSeconds(atMs * US_PER_MS).padStart(9)}  ${what}`;
}

function counts({ moved, kinds, endings, broken, resets, failed, redirects, generations, silences, pauses, managerKills, cut }: LabReport): string[] {
  const kindText = (of: LabReport["kinds"]): string =>
    `${of.download} downloads, ${of.upload} uploads, ${of["keep-alive"]} kept alive, ${of.idle} idle`;
  const rows: [string, string | number][] = [
    ["sessions", kindText(kinds)],
    ["alive across their bucket's move", moved.alive],
    ["  of these", kindText(moved.kinds)],
    ["  broken in the end", `${moved.broken} (${moved.brokenPercent}%)`],
    ["ended well, every hash right", endings.ok],
    ["broken", broken.length],
    ["RSTs from the VIP at the clients", resets],
    ...(failed ? [["on the failed blade, apart", failedText(failed)] as [string, string]] : []),
    ["cut by a drain", cut],
    ["frames redirected: hop, resteer, final", [redirects.hop, redirects.resteer, redirects.final].map(shown).join(", ")],
    ["generations", generationText(generations)],
    ["silent for a while, at least, segments meanwhile", silenceText(silences)],
    ["appliance manager killed, resumed, ended as intended", killsText(managerKills)],
    ...pauses.map(({ what, ms }): [string, string] => [`pause: ${what}`, `${ms.toLocaleString("en-US")} ms`]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${INDENT}${label.padEnd(width)}  ${typeof value === "number" ? shown(value) : value}`);
}

function failedText({ blade, sessions, broken, resets }: NonNullable<LabReport["failed"]>): string {
  return `${blade}: ${sessions} sessions, ${broken} broken, ${resets} RSTs`;
}

function silenceText({ sessions, shortestMs, segments }: LabReport["silences"]): string {
  return `${sessions} sessions, ${Math.floor(shortestMs / 1_000)} s, ${segments}`;
}

function killsText(kills: LabReport["managerKills"]): string {
  return [kills, kills.filter(({ resumed }) => resumed), kills.filter(({ intended }) => intended)].map(({ length }) => length).join(", ");
}

function generationText(generations: readonly number[]): string {
  return generations.length === 0 ? "none" : `${generations[0]} to ${generations.at(-1)}, ${generations.length} seen`;
}

function shown(value: number): string {
  return value.toLocaleString("en-US");
}
