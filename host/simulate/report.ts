/** What simulated runs went through, as text for people and as one JSON document. */
import { coverageOf } from "./coverage.ts";
import { replayCommand, violationText, type Ran } from "./failure.ts";
import { LIVE_MIN } from "./run.ts";
import { sum, type Counts, type Totals } from "./totals.ts";

const EVICTED = "Event.FLOW_EVICTED";
const WITHOUT_ROOM = "Event.FLOW_OVERFLOW";

/** What was asked for. */
export interface Asked extends Omit<Ran, "seed"> {
  /** How many seeds; not all may have been begun. */
  readonly seeds: number;
}

/** The document of `--json`. */
export function simulationJson(totals: Totals, asked: Asked) {
  const { seeds, connections, generations, failed, tally, faults } = totals;
  const { hits, missed } = coverageOf(tally);
  return {
    seeds,
    asked: asked.seeds,
    connections,
    reconfigurations: generations,
    faults: sum(faults),
    violations: failed.map(({ seed, violations }) => ({ seed, replay: replayCommand({ ...asked, seed }), ...violations[0]! })),
    branches: { taken: Object.keys(hits).length - missed.length, of: Object.keys(hits).length, hits, missed },
    details: {
      questions: totals.questions,
      tunnels: totals.tunnels,
      quic: totals.quic,
      neighbours: totals.neighbours,
      evictions: totals.tally[EVICTED] ?? 0,
      withoutRoom: totals.tally[WITHOUT_ROOM] ?? 0,
      frames: totals.frames,
      moves: totals.moves,
      overlappingMoves: totals.overlaps,
      overlappingMovesAmidFaults: totals.overlapsAmidFaults,
      seedsWithoutOverlap: totals.withoutOverlap,
      failovers: totals.failovers,
      failbacks: totals.failbacks,
      falseDeclarations: totals.falseDeclarations,
      outcomes: totals.outcomes,
      orders: totals.orders,
      refusals: totals.refusals,
      faults,
      faultsPlanned: totals.faultsPlanned,
    },
  };
}

export function simulationText(totals: Totals, asked: Asked): string {
  const { seeds, connections, outcomes, generations, moves, overlaps, withoutOverlap, frames, falseDeclarations, orders, refusals, faults, tally, failed } = totals;
  const { hits, missed } = coverageOf(tally);
  const rows: [string, string][] = [
    ["seeds", seeds === asked.seeds ? number(seeds) : `${number(seeds)} of ${number(asked.seeds)} were begun; --minutes was over`],
    ["connections", `${number(connections)}: ${list(outcomes)}`],
    ["questions answered", number(totals.questions)],
    ["sessions over UDP", number(totals.tunnels)],
    ["QUIC connections", number(totals.quic)],
    ["questions for a MAC answered", number(totals.neighbours)],
    ["rows of flows", `${number(tally[EVICTED] ?? 0)} evicted, ${number(tally[WITHOUT_ROOM] ?? 0)} found no room`],
    ["frames through images", number(frames)],
    ["reconfigurations", `${number(generations)} generations, ${number(moves)} of them moves`],
    ["moves into buckets with histories", `${number(overlaps)} with ${LIVE_MIN} live connections, ${number(totals.overlapsAmidFaults)} amid faults`],
    ["switch failovers", `${number(totals.failovers)}, ${number(totals.failbacks)} of them back`],
    ["orders carried out", `${number(sum(orders))}: ${list(orders)}`],
    ["orders refused", `${number(sum(refusals))}: ${list(refusals)}`],
    ["faults that came to pass", `${number(sum(faults))} of ${number(sum(totals.faultsPlanned))} that were planned: ${list(faults)}`],
    ["declared failed while alive", number(falseDeclarations)],
    ["branches", `${Object.keys(hits).length - missed.length} of ${Object.keys(hits).length}${missed.length > 0 ? `; never taken: ${missed.join(", ")}` : ""}`],
    ["violations", number(failed.length)],
  ];
  if (withoutOverlap.length > 0) rows.push(["seeds without overlap", withoutOverlap.join(", ")]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...failed.flatMap(({ seed, violations }) => ["", `VIOLATION seed ${seed}: ${violationText(violations[0]!)}`, `  replay: ${replayCommand({ ...asked, seed })}`]),
  ].join("\n");
}

function number(count: number): string {
  return count.toLocaleString("en-US");
}

/** Most first. */
function list(counts: Readonly<Counts>): string {
  const entries = Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return entries.map(([name, count]) => `${number(count)} ${name}`).join(", ") || "none";
}
