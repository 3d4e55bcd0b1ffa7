/** The firmware that a simulation runs on. */
import { readImage } from "../boards/image-file.ts";

export interface Images {
  readonly blade: Uint8Array;
  readonly switch: Uint8Array;
  /** A blade's with small tables, for the plans that are about these. */
  readonly cramped: Uint8Array;
}

export const CRAMPED_BOARD = "cramped";

/** As they were built for `board`, and the small one. Throws as `readImage` does. */
export function builtImages(board: string): Images {
  return { blade: readImage(board, "blade"), switch: readImage(board, "switch"), cramped: readImage(CRAMPED_BOARD, "blade") };
}
