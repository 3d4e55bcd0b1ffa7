/** The bench's report: as JSON it is `BenchReport` itself, and for people a table. */
import { BATCH } from "./batch.ts";
import type { Machine } from "./machine.ts";
import type { CaseResult } from "./case.ts";
import type { Scenario } from "./scenarios.ts";
import { FRAME_BYTES } from "./segment.ts";

/** Names of the engines that are compared. */
export const WASMTIME = "wasmtime";
export const UNBOUNDED = "wasmtime-unbounded";
export const V8 = "v8";

export interface BenchReport {
  readonly board: string;
  readonly frameBytes: number;
  /** Frames a call of `process`. */
  readonly batch: number;
  readonly batchesPerRound: number;
  readonly rounds: number;
  readonly seed: number;
  readonly machine: Machine;
  readonly engines: readonly string[];
  readonly results: readonly CaseResult[];
}

export function textOf(report: BenchReport, scenarios: readonly Scenario[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  const abouts = scenarios.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return [heading(report), abouts.join("\n"), figures(report), NOTES].join("\n\n");
}

function heading({ board, batchesPerRound, rounds, machine }: BenchReport): string {
  const { cpu, cpus, arch, node, v8, load } = machine;
  return [
    `ns a packet of the firmware alone: frames of ${FRAME_BYTES} bytes, batches of ${BATCH}, board ${board}.`,
    `Only the call of the image is timed: no port, no system call, no copy of a frame. Medians of ${rounds} rounds of`,
    `${batchesPerRound} batches; the engines take turns, with the same frames.`,
    `${cpu}, ${cpus} CPUs, ${arch}, load ${load}; Node ${node}, V8 ${v8}.`,
  ].join("\n");
}

const NOTES = `flows     flows that the frames are of
in table  rows of the flow table: where fewer than "flows", the others found no room, and are unknown to it
          (syn-insert begins with a table that is at most half full)
hot       the same ${BATCH} flows in each batch; random: all of them in turn, shuffled
no bound  wasmtime with nothing that ends a call that runs too long
ratios    wasmtime by V8, and by wasmtime without bound: medians over the rounds
fuel      what a packet takes of wasmtime's bound in the worst batch, and the worst packet alone; about one a
          Wasm instruction`;

const HEAD = ["scenario", "flows", "in table", "order", "wasmtime", "no bound", "V8", "/V8", "/no bound", "fuel", "alone"];
/** Columns of words. */
const LEFT = [HEAD.indexOf("scenario"), HEAD.indexOf("order")];

function figures({ results }: BenchReport): string {
  return columns([HEAD, ...results.map(row)], LEFT);
}

function row({ scenario, flows, rowsHeld, order, engines, fuel }: CaseResult): string[] {
  const ns = (engine: string): string => engines[engine]!.nsPerPacket.median.toFixed(1);
  const ratio = (other: string): string => engines[WASMTIME]!.ratioTo[other]!.toFixed(2);
  return [
    scenario,
    whole(flows),
    rowsHeld === null ? "-" : whole(rowsHeld),
    order,
    ...[WASMTIME, UNBOUNDED, V8].map(ns),
    ...[V8, UNBOUNDED].map(ratio),
    fuel ? whole(fuel.perPacket) : "-",
    fuel ? whole(fuel.worst) : "-",
  ];
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Aligned to the right, but for the columns `left`. */
function columns(rows: readonly (readonly string[])[], left: readonly number[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const cell = (text: string, column: number): string =>
    left.includes(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((cells) => cells.map(cell).join("  ").trimEnd()).join("\n");
}
