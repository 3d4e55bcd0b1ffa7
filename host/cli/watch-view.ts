/** What `dobbs watch` shows: a status and the last events as lines of text. Pure, and never wider or longer than asked. */
import type { EventRecord } from "../api/event-log.ts";
import type { BladeDocument, OwnerDocument, StatusDocument, SwitchDocument } from "../api/status-document.ts";
import { count, eventLine } from "./event-text.ts";
import { durationText, timeOfDay } from "./time-text.ts";

export interface WatchModel {
  /** The last that was heard; null: nothing yet. */
  readonly status: StatusDocument | null;
  /** Oldest first. */
  readonly events: readonly EventRecord[];
  /** Why the status is not fresh; null: it is. */
  readonly problem: string | null;
}

export interface WatchSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a piece of text is set off; the plain one returns it as it is. */
export type Paint = (tone: Tone, text: string) => string;
export type Tone = "title" | "heading" | "good" | "wait" | "bad" | "quiet";

export const plainPaint: Paint = (_, text) => text;

const CODES: Readonly<Record<Tone, string>> = { title: "1", heading: "2", good: "32", wait: "33", bad: "31", quiet: "2" };
export const colorPaint: Paint = (tone, text) => (text === "" ? "" : `\x1b[${CODES[tone]}m${text}\x1b[0m`);

const CURRENT = "█";
const PREVIOUS = "░";
const COLUMNS_MIN = 40;
const BAR_MIN = 8;
const KEYS = "q quits";

/** A piece of a line, and how it is set off. */
type Piece = readonly [text: string, tone?: Tone];
type Line = readonly Piece[];

export function watchLines(model: WatchModel, { columns, rows }: WatchSize, paint: Paint = plainPaint): string[] {
  const width = Math.max(columns, COLUMNS_MIN);
  const { status, problem } = model;
  const trouble: Line[] = problem === null ? [] : [[[problem, "bad"]], []];
  const body = status === null ? [[["waiting for the appliance manager", "quiet"]] as Line] : bodyOf(status, width);
  const head = status === null ? [] : headOf(status, width);
  const fixed = [...head, ...trouble, ...body];
  const left = rows - fixed.length - 2;
  const shown = left < 1 ? [] : model.events.slice(-left);
  const events: Line[] = shown.length === 0 ? [] : [[], [["events", "heading"]], ...shown.map((record): Line => [[eventLine(record)]])];
  return [...fixed, ...events].slice(0, rows).map((line) => painted(line, columns, paint));
}

function headOf(status: StatusDocument, width: number): Line[] {
  const { appliance, vips, generation, buckets, phase, missing, waiting, at } = status;
  const time = timeOfDay(at);
  const title = `${appliance}  ${vips.join(" ")}`;
  const state = phase === "idle" ? "idle" : `${phase}${missing.length === 0 ? "" : `, no answer yet from ${missing.join(", ")}`}`;
  const summary = `generation ${generation}, ${count(buckets, "bucket")}, `;
  const room = Math.max(1, width - title.length - KEYS.length - time.length - 2);
  return [
    [[title, "title"], [" ".repeat(room)], [`${KEYS}  `, "quiet"], [time]],
    [[summary], [state, phase === "idle" ? "quiet" : "wait"]],
    ...(waiting.length === 0 ? [] : [[[`waiting: ${waiting.join("; ")}`, "wait"]] as Line]),
    [],
  ];
}

function bodyOf(status: StatusDocument, width: number): Line[] {
  return [...bladeLines(status, width), ...drainLines(status), ...switchLines(status)];
}

function bladeLines({ blades, owners }: StatusDocument, width: number): Line[] {
  const rows = blades.flatMap((blade) => {
    const vms = owners.filter((owner) => owner.blade === blade.name && owner.name !== blade.name);
    return [bladeCells(blade), ...vms.map(vmCells)];
  });
  const heading = ["blade", "status", "health", "load", "gen", "live"];
  const widths = heading.map((name, c) => Math.max(name.length, ...rows.map(({ cells }) => cells[c]!.length)));
  const left = widths.reduce((sum, size) => sum + size + 2, 0);
  const bars = barsOf(rows, width - left);
  return [
    [[`${alignedCells(heading, widths)}  buckets`, "heading"]],
    ...rows.map(({ cells, tone }, at): Line => [[alignedCells(cells, widths), tone], ["  "], [bars[at]!]]),
  ];
}

interface Row {
  readonly cells: readonly string[];
  readonly current: number;
  readonly previous: number;
  readonly tone: Tone | undefined;
}

function bladeCells({ name, status, health, load, generation, live, current, previous, refuses }: BladeDocument): Row {
  const member = status === "active" || status === "draining";
  const cells = [name, status, health, load === null ? "-" : load.toFixed(2), member ? String(generation) : "-", member ? number(live) : "-"];
  const bad = status === "failed" || (member && (health !== "healthy" || refuses !== null));
  return { cells, current, previous, tone: bad ? "bad" : status === "draining" ? "wait" : member ? undefined : "quiet" };
}

function vmCells({ name, blade, status, current, previous, live }: OwnerDocument): Row {
  return { cells: [`  ${name.slice(blade.length + 1)}`, status, "", "", "", number(live)], current, previous, tone: "quiet" };
}

/** Names to the left, what is counted to the right. */
function alignedCells(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((text, c) => (c < 3 ? text.padEnd(widths[c]!) : text.padStart(widths[c]!))).join("  ");
}

/** `██████████░░ 86 +12`: current, then previous buckets, all rows to one scale. */
function barsOf(rows: readonly Row[], room: number): string[] {
  const labels = rows.map(({ current, previous }) => `${current}${previous === 0 ? "" : ` +${previous}`}`);
  const longest = room - Math.max(0, ...labels.map((label) => label.length)) - 1;
  const most = Math.max(1, ...rows.map(({ current, previous }) => current + previous));
  return rows.map(({ current, previous }, at) => {
    if (current + previous === 0) return "";
    if (longest < BAR_MIN) return labels[at]!;
    const cells = (buckets: number): number => (buckets === 0 ? 0 : Math.max(1, Math.round((buckets / most) * (longest - 1))));
    return `${CURRENT.repeat(cells(current))}${PREVIOUS.repeat(cells(previous))} ${labels[at]!}`;
  });
}

function drainLines({ blades }: StatusDocument): Line[] {
  const draining = blades.filter(({ status }) => status === "draining");
  if (draining.length === 0) return [];
  const name = Math.max(...draining.map((blade) => blade.name.length));
  const lefts = draining.map((blade) => `${count(blade.live, "connection")} left`);
  const wide = Math.max(...lefts.map((text) => text.length));
  return [
    [],
    [["draining", "heading"]],
    ...draining.map((blade, at): Line => [[`${blade.name.padEnd(name)}  ${lefts[at]!.padStart(wide)}  ${endText(blade)}`, "wait"]]),
  ];
}

function endText({ leftMs, deadline }: BladeDocument): string {
  if (leftMs === null || deadline === null) return "no deadline";
  return leftMs <= 0 ? "its deadline has come" : `${durationText(leftMs)} until the rest is cut, at ${timeOfDay(deadline)}`;
}

function switchLines({ switches }: StatusDocument): Line[] {
  if (switches.length === 0) return [];
  const name = Math.max(...switches.map((one) => one.name.length));
  return [
    [],
    [["switches", "heading"]],
    ...switches.map((one): Line => {
      const tone = one.answers === false ? "bad" : undefined;
      return [[`${one.name.padEnd(name)}  ${one.role.padEnd("standby".length)}  `], [switchText(one), tone]];
    }),
  ];
}

export function switchText({ answers, generation }: SwitchDocument): string {
  if (answers === null) return "not asked yet";
  if (!answers || generation === null) return "no answer";
  return generation === 0 ? "empty" : `generation ${generation}`;
}

/** Cut to the width, then painted. Control characters cannot come through: names and texts are others'. */
function painted(line: Line, columns: number, paint: Paint): string {
  let room = columns;
  const parts = line.map(([text, tone]) => {
    const kept = [...text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?")].slice(0, Math.max(0, room)).join("");
    room -= [...kept].length;
    return tone === undefined ? kept : paint(tone, kept);
  });
  return parts.join("").trimEnd();
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
