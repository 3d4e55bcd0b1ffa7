/** Where the build puts the images of boards, and how they are read from there. */
import { existsSync, readFileSync } from "node:fs";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { boardNames } from "./board-file.ts";

export const IMAGE_KINDS = ["blade", "switch"] as const;
export type ImageKind = (typeof IMAGE_KINDS)[number];

/** `build/images/<board>/<kind>.wasm`. */
export function imagePath(board: string, kind: ImageKind): string {
  return packagePath("build", "images", board, `${kind}.wasm`);
}

/** Throws E_BOARD_NOT_FOUND or E_IMAGE_MISSING. */
export function readImage(board: string, kind: ImageKind): Uint8Array {
  const path = imagePath(board, kind);
  if (existsSync(path)) return readFileSync(path);
  const boards = boardNames();
  if (boards.includes(board)) {
    throw new DobbsError("E_IMAGE_MISSING", `the ${kind} image for board "${board}" is not built: there is no ${path}`, "Build it: npm run build");
  }
  throw new DobbsError("E_BOARD_NOT_FOUND", `there is no board "${board}"`, `Use one of ${boards.join(", ")}.`);
}
