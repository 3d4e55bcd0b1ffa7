/** What many runs went through, summed. */
import type { RunOutcome } from "./run.ts";
import type { Violation } from "./safety.ts";

export type Counts = Record<string, number>;

/** A seed whose run broke what must hold, with the first of what it broke. */
export interface FailedSeed {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

export interface Totals {
  seeds: number;
  connections: number;
  questions: number;
  tunnels: number;
  quic: number;
  /** Answers to questions for the VIP's MAC. */
  neighbours: number;
  /** Assignments that were put in force after the first. */
  generations: number;
  moves: number;
  /** Moves into buckets that had histories, with enough live connections. */
  overlaps: number;
  /** Moves into buckets that had histories while faults went on, with however many live connections. */
  overlapsAmidFaults: number;
  /** Seeds in which no move overlapped with enough live connections. */
  readonly withoutOverlap: number[];
  /** Times that another switch became the active one; and of these, one that had been it before. */
  failovers: number;
  failbacks: number;
  frames: number;
  falseDeclarations: number;
  readonly outcomes: Counts;
  readonly orders: Counts;
  readonly refusals: Counts;
  /** That have come to pass, and that were planned. */
  readonly faults: Counts;
  readonly faultsPlanned: Counts;
  readonly tally: Counts;
  readonly failed: FailedSeed[];
}

export function noTotals(): Totals {
  return {
    seeds: 0,
    connections: 0,
    questions: 0,
    tunnels: 0,
    quic: 0,
    neighbours: 0,
    generations: 0,
    moves: 0,
    overlaps: 0,
    overlapsAmidFaults: 0,
    failovers: 0,
    failbacks: 0,
    withoutOverlap: [],
    frames: 0,
    falseDeclarations: 0,
    outcomes: {},
    orders: {},
    refusals: {},
    faults: {},
    faultsPlanned: {},
    tally: {},
    failed: [],
  };
}

/** Adds a run to `totals`, and returns it. */
export function addOutcome(totals: Totals, { seed, violations, counts, tally }: RunOutcome): Totals {
  totals.seeds++;
  totals.connections += counts.connections;
  totals.questions += counts.questions;
  totals.tunnels += counts.tunnels;
  totals.quic += counts.quic;
  totals.neighbours += counts.neighbours;
  totals.generations += counts.generations;
  totals.moves += counts.moves;
  totals.overlaps += counts.overlaps;
  totals.overlapsAmidFaults += counts.overlapsAmidFaults;
  totals.failovers += counts.failovers;
  totals.failbacks += counts.failbacks;
  totals.frames += counts.frames;
  totals.falseDeclarations += counts.falseDeclarations;
  if (counts.overlaps === 0 && violations.length === 0) totals.withoutOverlap.push(seed);
  add(totals.outcomes, counts.outcomes);
  add(totals.orders, counts.orders);
  add(totals.refusals, counts.refusals);
  add(totals.faults, counts.faults);
  add(totals.faultsPlanned, counts.faultsPlanned);
  add(totals.tally, tally);
  if (violations.length > 0) totals.failed.push({ seed, violations });
  return totals;
}

export function sum(counts: Readonly<Counts>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function add(total: Counts, counts: Readonly<Counts>): void {
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
}
