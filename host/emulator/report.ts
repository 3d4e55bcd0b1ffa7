/** A run, and a comparison of runs, as a picture for a terminal. */
import type { DemoRun } from "./demo.ts";
import { formatSeconds } from "./duration.ts";
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
    return `${"█".repeat(length)}${length > 0 ? " " : ""}${count}`.padEnd(column);
  };
  const lines = owners.map((owner) => `${owner.padEnd(width)}  ${bar(bucketsBefore[owner])}  ${bar(bucketsAfter[owner])}`);
  return [`${"buckets".padEnd(width)}  ${"before".padEnd(column)}  after`, ...lines].map((line) => `${INDENT}${line}`.trimEnd());
}

function countsText(report: RunReport): string {
  const { moved, outcomes, framesRedirected, bytes, frames, digest, engine, refusals } = report;
  const rows: [string, string | number][] = [
    ["alive across their bucket's move", moved.alive],
    ["  silent at that moment", moved.idle],
    ["  in an upload, a download", `${moved.uploads}, ${moved.downloads}`],
    ["  broken in the end", moved.broken],
    ["connections done, kept open", `${outcomes.done}, ${outcomes.keeping}`],
    ["reset", outcomes.reset],
    ["with lost or changed bytes", outcomes.corrupt],
    ["that never came to an end", outcomes.stalled],
    ["cut at a deadline, as announced", outcomes.cut],
    ["frames redirected", framesRedirected],
    ["payload bytes, all checked", bytes],
    ["frames on all wires", frames],
    ["engine", engine],
    ["digest of all frames", digest],
    ...refusals.map((refusal): [string, string] => ["refused", refusal]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${INDENT}${label.padEnd(width)}  ${shown(value)}`).join("\n");
}

/** One line a scenario, with and without redirection. */
export function comparisonText(runs: readonly DemoRun[]): string {
  const header = ["scenario", "connections", "alive across\ntheir move", "frames\nredirected", "resets with\nredirection", "resets\nwithout it", "engine"];
  const rows = runs.map(({ on, off }) =>
    [on.name, on.connections, on.moved.alive, on.framesRedirected, on.outcomes.reset, off.outcomes.reset, on.engine].map(shown),
  );
  const heads = header.map((text) => text.split("\n"));
  const lines = [heads.map(([first]) => first!), heads.map(([, second = ""]) => second), ...rows];
  const widths = header.map((_, c) => Math.max(...lines.map((line) => line[c]!.length)));
  const isText = (c: number): boolean => c === 0 || c === header.length - 1;
  const aligned = lines.map((line) => line.map((text, c) => (isText(c) ? text.padEnd(widths[c]!) : text.padStart(widths[c]!))));
  aligned.splice(2, 0, widths.map((width) => "─".repeat(width)));
  const notes = runs.flatMap(({ on }) => on.offline.filter(({ cutAnnounced }) => cutAnnounced > 0).map((gone) =>
    `${on.name}: ${gone.cutAnnounced} connections never closed, and were cut with ${gone.blade} at its deadline, as announced; no others.`));
  return [...aligned.map((line) => `${INDENT}${line.join("  ")}`.trimEnd()), ...(notes.length > 0 ? ["", ...notes.map((note) => `${INDENT}${note}`)] : [])].join("\n");
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
    faults.push(`${blade} went offline at ${formatSeconds(atMs * 1_000)} with ${live} connections, and ${cutAnnounced} were announced`);
  }
  return faults.map((fault) => `${name}: ${fault}`);
}
