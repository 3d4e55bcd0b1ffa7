/** A run, and a comparison of runs, as a picture for a terminal. */
import { US_PER_MS } from "./clock.ts";
import type { DemoRun } from "./demo.ts";
import { formatSeconds } from "../model/duration.ts";
import type { RunReport } from "./run-report.ts";
import { timelineLines } from "./timeline-text.ts";

const BAR_WIDTH = 32;
const INDENT = "  ";

/** Everything about one run. */
export function runText(report: RunReport): string {
  return [pictureText(report), countsText(report)].join("\n\n");
}

/** What happened, and what it did to the buckets. */
export function pictureText(report: RunReport): string {
  const { name, title, clients, connections, virtualMs, seed, redirect, timeline } = report;
  const scale = `${clients} clients, ${connections} connections, ${virtualMs / 1_000} seconds, seed ${seed}`;
  const parts = [
    `${name}: ${title}`,
    `${INDENT}${scale}${redirect ? "" : ", redirection off"}`,
    "",
    ...timelineLines(timeline),
    "",
    ...bucketBars(report),
  ];
  return parts.join("\n");
}

/** Bars of the buckets that each server has, before and after. */
function bucketBars({ bucketsBefore, bucketsAfter }: RunReport): string[] {
  const owners = [...new Set([...Object.keys(bucketsBefore), ...Object.keys(bucketsAfter)])];
  const most = Math.max(1, ...Object.values(bucketsBefore), ...Object.values(bucketsAfter));
  const width = Math.max(...owners.map((owner) => owner.length), "buckets".length);
  const column = BAR_WIDTH + 1 + String(most).length;
  const bar = (count = 0): string => {
    const length = count === 0 ? 0 : Math.max(1, Math.round((count / most) * BAR_WIDTH));
    return `${"█".repeat(length)}${length > 0 ? " " : ""}${count}`;
  };
  const line = (name: string, before: string, after: string): string =>
    `${INDENT}${name.padEnd(width)}  ${before.padEnd(column)}  ${after}`.trimEnd();
  return [
    line("buckets", "before", "after"),
    ...owners.map((owner) => line(owner, bar(bucketsBefore[owner]), bar(bucketsAfter[owner]))),
  ];
}

function countsText(report: RunReport): string {
  const { opening, moved, outcomes, flowsCut, framesRedirected, bytes, migrated, datagramsLost, frames, digest, engine, refusals } = report;
  const rows: [string, string | number][] = [
    ["ms until a connection was open: median, longest", `${shown(Math.round(opening.medianMs))}, ${shown(Math.round(opening.longestMs))}`],
    ["alive across their bucket's move", moved.alive],
    ["  silent at that moment", moved.idle],
    ["  in an upload, a download", `${moved.uploads}, ${moved.downloads}`],
    ...shownIfAny("  tunnels", moved.tunnels),
    ...shownIfAny("  over QUIC", moved.quic),
    ["  broken in the end", moved.broken],
    ["connections done, kept open", `${outcomes.done}, ${outcomes.keeping}`],
    ["reset", outcomes.reset],
    ["with lost or changed bytes", outcomes.corrupt],
    ["that never came to an end", outcomes.stalled],
    ["cut at a deadline, as announced", outcomes.cut],
    ...shownIfAny("flows cut after udpDrain", flowsCut),
    ["frames redirected", framesRedirected],
    ["payload bytes, all checked", bytes],
    ...shownIfAny("connections that went on from another address", migrated),
    ...shownIfAny("datagrams of tunnels that were lost", datagramsLost),
    ["frames on all wires", frames],
    ["engine", engine],
    ["digest of all frames", digest],
    ...refusals.map((refusal): [string, string] => ["refused", refusal]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${INDENT}${label.padEnd(width)}  ${shown(value)}`).join("\n");
}

function shownIfAny(label: string, count: number): [string, number][] {
  return count > 0 ? [[label, count]] : [];
}

/** One line a scenario, with and without redirection, and what is to be said about them. */
export function comparisonText(runs: readonly DemoRun[]): string {
  const rows = runs.map(({ on, off }) => [
    on.name, on.connections, on.moved.alive, on.framesRedirected, on.outcomes.reset, off.outcomes.reset, on.engine,
  ]);
  const notes = runs.flatMap(({ on }) => cutNotes(on));
  return [...alignedRows(COMPARISON_HEAD, rows), ...(notes.length > 0 ? ["", ...notes] : [])]
    .map((line) => `${INDENT}${line}`.trimEnd())
    .join("\n");
}

/** Column heads, of two lines. */
const COMPARISON_HEAD = [
  ["scenario", ""],
  ["connections", ""],
  ["alive across", "their move"],
  ["frames", "redirected"],
  ["resets with", "redirection"],
  ["resets", "without it"],
  ["engine", ""],
] as const;

function cutNotes({ name, offline }: RunReport): string[] {
  return offline
    .filter(({ cutAnnounced }) => cutAnnounced > 0)
    .map(({ blade, cutAnnounced }) =>
      `${name}: ${cutAnnounced} connections never closed, and were cut with ${blade} at its deadline, as announced; no others.`);
}

/** Numbers to the right, text to the left; heads as the cells below them. */
function alignedRows(
  head: readonly (readonly [string, string])[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const columns = head.map(([first, second], c) => {
    const cells = rows.map((row) => shown(row[c]!));
    const width = Math.max(...[first, second, ...cells].map((text) => text.length));
    const align = (text: string): string => (typeof rows[0]?.[c] === "number" ? text.padStart(width) : text.padEnd(width));
    return [align(first), align(second), "─".repeat(width), ...cells.map(align)];
  });
  return columns[0]!.map((_, line) => columns.map((column) => column[line]).join("  "));
}

function shown(value: string | number): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : value;
}

/** What in a run is not as it must be with redirection on: nothing broken, no order refused, drains without loss. */
export function faultsOf(report: RunReport): string[] {
  const { name, outcomes, refusals, offline } = report;
  const faults = (["reset", "corrupt", "stalled"] as const)
    .filter((outcome) => outcomes[outcome] > 0)
    .map((outcome) => `${outcomes[outcome]} connections are ${outcome}`);
  faults.push(...refusals.map((refusal) => `refused: ${refusal}`));
  for (const { blade, atMs, cutAnnounced, live } of offline) {
    if (live === cutAnnounced) continue;
    const when = formatSeconds(atMs * US_PER_MS);
    faults.push(`${blade} went offline at ${when} with ${live} connections, and ${cutAnnounced} were announced`);
  }
  return faults.map((fault) => `${name}: ${fault}`);
}
