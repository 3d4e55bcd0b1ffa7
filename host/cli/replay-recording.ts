/** `dobbs replay` of a recording that a shim made: does the image come to the same verdicts again? */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Capture } from "../capture/capture.ts";
import { BUNDLES_FOLDER, readBundle } from "../bundle/bundle-file.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { EngineName } from "../engine/engine.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import { DobbsError } from "../errors.ts";
import { replayRecording, type RecordingResult } from "../replay/recording.ts";
import { print, printJson, table } from "./output.ts";

export interface RecordingOptions {
  readonly in: string;
  readonly engine: EngineName;
  /** Bundles that the shim ran; they are looked for beside the recording and in `build/bundles`, too. */
  readonly bundle: readonly string[];
  readonly json?: true;
}

/** Differences that are shown one by one. */
const SHOWN_MAX = 20;

/** Exit status 1 when a verdict differs. Throws E_RECORDING, E_RECORDING_BUNDLE or E_BUNDLE_*. */
export function replayRecordingAction(capture: Capture, options: RecordingOptions): void {
  const engine = openEngine(options.engine);
  const result = replayRecording(capture, (digest) => Firmware.load(engine, bundleWith(digest, options).image));
  if (options.json) printJson({ recording: options.in, engine: options.engine, ...result });
  else print(textOf(result, options));
  if (result.differences.length > 0) process.exitCode = 1;
}

function bundleWith(digest: string, { bundle: named, in: recording }: RecordingOptions): Bundle {
  for (const path of [...named, ...bundlesIn(dirname(recording)), ...bundlesIn(BUNDLES_FOLDER)]) {
    const { bundle } = readBundle(path);
    if (bundle.digest === digest) return bundle;
  }
  const message = `${recording} is of a bundle that is neither beside it nor in ${BUNDLES_FOLDER}: ${digest}`;
  throw new DobbsError("E_RECORDING_BUNDLE", message, "Name the bundle that the shim ran: --bundle <file>.");
}

/** Of the folder, and of its folders by board. */
function bundlesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const boards = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && folder === BUNDLES_FOLDER);
  return [folder, ...boards.map(({ name }) => join(folder, name))].flatMap((place) =>
    readdirSync(place).filter((file) => file.endsWith(".bundle")).map((file) => join(place, file)),
  );
}

function textOf(result: RecordingResult, options: RecordingOptions): string {
  const { bundles, frames, batches, requests, verdicts, differences } = result;
  const some = Object.entries(verdicts).filter(([, count]) => count > 0);
  const parts = [
    `${frames} frames in ${batches} batches and ${requests} management messages of ${options.in} (${options.engine})`,
    `bundles that ran: ${bundles.join(", then ")}`,
    table([["verdict", "frames"], ...some]),
  ];
  if (differences.length === 0) return [...parts, "Every verdict is the one that the shim came to."].join("\n\n");
  const rows = differences.slice(0, SHOWN_MAX).map(({ packet, recorded, replayed }) => [packet, recorded, replayed]);
  parts.push(`${differences.length} verdicts differ:`, table([["packet", "recorded", "here"], ...rows]));
  return parts.join("\n\n");
}
