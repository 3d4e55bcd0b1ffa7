/** The firmware that a lab's blades run, and what they are flashed with while they run. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { boardNames } from "../boards/board-file.ts";
import { encodeBundle } from "../bundle/bundle.ts";
import { bundlePath, readBundle } from "../bundle/bundle-file.ts";
import type { RunFolder } from "./run-folder.ts";

/** Bundle files to flash a blade with. */
export interface OtherFirmware {
  /** The image that runs already, as a release of its own: a blade keeps its tables. */
  readonly nextRelease: string;
  /** The image of a board whose tables have other sizes: a blade loses its tables, and is programmed again. */
  readonly otherBoard: string;
}

/** Writes the bundles, to `record` too: a recording can be replayed by who has its bundles beside it. */
export function otherFirmware(folder: RunFolder, board: string, record: string | null): OtherFirmware {
  const { bundle } = readBundle(bundlePath(board, "blade"));
  const other = boardNames().find((name) => name !== board && memoryOf(name) > bundle.manifest.memoryBytes);
  if (other === undefined) throw new Error(`no board has more room than ${board}`);
  const nextRelease = folder.join("next-release.bundle");
  writeFileSync(nextRelease, encodeBundle({ ...bundle.manifest, version: `${bundle.manifest.version}-next` }, bundle.image));
  const otherBoard = folder.join("other-board.bundle");
  copyFileSync(bundlePath(other, "blade"), otherBoard);
  if (record !== null) {
    mkdirSync(record, { recursive: true });
    for (const path of [bundlePath(board, "switch"), bundlePath(board, "blade"), nextRelease, otherBoard]) copyFileSync(path, join(record, basename(path)));
  }
  return { nextRelease, otherBoard };
}

function memoryOf(board: string): number {
  return readBundle(bundlePath(board, "blade")).bundle.manifest.memoryBytes;
}
