/** The demonstration: every scenario that comes with the package, with redirection and without it. */
import type { EngineName } from "../engine/engine.ts";
import { comparisonText, faultsOf, pictureText } from "./report.ts";
import { emulate } from "./run.ts";
import type { RunReport } from "./run-report.ts";
import { loadScenario, shippedScenarios } from "./scenario-file.ts";

/** One scenario, twice. */
export interface DemoRun {
  readonly on: RunReport;
  readonly off: RunReport;
}

export interface DemoOptions {
  readonly engine: EngineName;
  /** Instead of the scenarios' own. */
  readonly seed?: number;
  /** Told of each scenario when it is done. */
  readonly onRun?: (run: DemoRun) => void;
}

/** Throws what `loadScenario` and `emulate` throw. */
export function runDemo({ engine, seed, onRun }: DemoOptions): DemoRun[] {
  return shippedScenarios().map((path) => {
    const options = { scenario: loadScenario(path), engine, ...(seed !== undefined && { seed }) };
    const run = { on: emulate(options), off: emulate({ ...options, redirect: false }) };
    onRun?.(run);
    return run;
  });
}

/** What happened in one scenario, with redirection. */
export function demoRunText({ on }: DemoRun): string {
  return pictureText(on);
}

/** The table at the end, and what is not as it must be. */
export function demoSummaryText(runs: readonly DemoRun[]): string {
  return [comparisonText(runs), ...demoFaults(runs)].join("\n");
}

/** Empty when everything is as it must be. */
export function demoFaults(runs: readonly DemoRun[]): string[] {
  return runs.flatMap(({ on }) => faultsOf(on));
}

export interface DemoJson {
  readonly engine: EngineName;
  readonly scenarios: readonly DemoScenarioJson[];
}

export interface DemoScenarioJson extends Omit<RunReport, "title" | "redirect" | "engine" | "timeline" | "moved"> {
  readonly movedAlive: number;
  readonly movedIdle: number;
  readonly movedUploads: number;
  readonly movedDownloads: number;
  /** With redirection. Connections that a deadline cuts, as announced, are not among them. */
  readonly resets: number;
  readonly cut: number;
  readonly resetsWithoutRedirection: number;
  /** Of `movedAliveWithoutRedirection`: those that were reset, lost or changed bytes, or never came to an end. */
  readonly movedBrokenWithoutRedirection: number;
  readonly movedAliveWithoutRedirection: number;
  readonly faults: readonly string[];
}

export function demoJson(engine: EngineName, runs: readonly DemoRun[]): DemoJson {
  return { engine, scenarios: runs.map(scenarioJson) };
}

function scenarioJson({ on, off }: DemoRun): DemoScenarioJson {
  const { name, connections, framesRedirected, bytes, digest, seed, clients, outcomes, broken } = on;
  const { opening, flowsCut, datagramsLost, migrated, frames, redirects, virtualMs, bucketsBefore, bucketsAfter, offline, refusals } = on;
  return {
    name,
    connections,
    movedAlive: on.moved.alive,
    framesRedirected,
    resets: outcomes.reset,
    resetsWithoutRedirection: off.outcomes.reset,
    bytes,
    digest,
    seed,
    clients,
    movedIdle: on.moved.idle,
    movedUploads: on.moved.uploads,
    movedDownloads: on.moved.downloads,
    cut: outcomes.cut,
    broken,
    outcomes,
    movedAliveWithoutRedirection: off.moved.alive,
    movedBrokenWithoutRedirection: off.moved.broken,
    opening,
    flowsCut,
    datagramsLost,
    migrated,
    frames,
    redirects,
    virtualMs,
    bucketsBefore,
    bucketsAfter,
    offline,
    refusals,
    faults: faultsOf(on),
  };
}
