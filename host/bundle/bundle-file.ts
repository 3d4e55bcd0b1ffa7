/** Bundles as files: where the build puts them, how they are made from images and read. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ImageKind, readImage } from "../boards/image-file.ts";
import { Firmware } from "../engine/firmware.ts";
import { openEngine } from "../engine/open.ts";
import { DobbsError } from "../errors.ts";
import { packagePath } from "../paths.ts";
import { type Bundle, decodeBundle, encodeBundle } from "./bundle.ts";

/** Where `npm run build` puts them. */
export const BUNDLES_FOLDER = packagePath("build", "bundles");

/** `<folder>/<board>/<kind>.bundle`. */
export function bundlePath(board: string, kind: ImageKind, folder: string = BUNDLES_FOLDER): string {
  return join(folder, board, `${kind}.bundle`);
}

export interface WrittenBundle {
  readonly path: string;
  readonly bundle: Bundle;
  readonly bytes: number;
  /** It was there already, byte for byte. */
  readonly kept: boolean;
}

/** Makes the bundle of an image that was built. `features`: Wasm features that it needs, as the gate says. Throws
 *  E_IMAGE_* or E_FILE_WRITE. */
export function writeBundle(board: string, kind: ImageKind, features: readonly string[], folder: string = BUNDLES_FOLDER): WrittenBundle {
  const image = readImage(board, kind);
  const path = bundlePath(board, kind, folder);
  const bytes = bundleOf(board, kind, features, image);
  const kept = existsSync(path) && Buffer.compare(readFileSync(path), bytes) === 0;
  if (!kept) replaceFile(path, bytes);
  return { path, bundle: decodeBundle(bytes), bytes: bytes.length, kept };
}

/** Throws E_BUNDLE_READ, or what `decodeBundle` throws, with the path in it. */
export function readBundle(path: string): { readonly bundle: Bundle; readonly bytes: Uint8Array } {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const mend = "Name a bundle file; `dobbs build` writes them to build/bundles/.";
    throw new DobbsError("E_BUNDLE_READ", `cannot read the bundle ${path}: ${(error as Error).message}`, mend);
  }
  try {
    return { bundle: decodeBundle(bytes), bytes };
  } catch (error) {
    if (!(error instanceof DobbsError)) throw error;
    throw new DobbsError(error.code, `${path}: ${error.message}`, error.mend, error.exitStatus);
  }
}

function bundleOf(board: string, kind: ImageKind, features: readonly string[], image: Uint8Array): Uint8Array {
  // V8 is in every Node. Loading also shows that it is an image of ours, and of which kind.
  const firmware = Firmware.load(openEngine("v8"), image);
  if (firmware.kind !== kind) {
    throw new DobbsError("E_BUNDLE_KIND", `the ${kind} image for board "${board}" says that it is a ${firmware.kind}'s`, "Build it anew: npm run build", 1);
  }
  const { version } = JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string };
  const abi = firmware.layout.constant("ABI_VERSION");
  const memoryBytes = firmware.instance.memory().length;
  return encodeBundle({ kind, board, version, abi, features, memoryBytes }, image);
}

/** A shim may read it at any time: it finds the old one or the new one. */
function replaceFile(path: string, bytes: Uint8Array): void {
  const fresh = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(fresh, bytes);
    renameSync(fresh, path);
  } catch (error) {
    throw new DobbsError("E_FILE_WRITE", `cannot write ${path}: ${(error as Error).message}`, "Check that the folder exists and is yours.");
  }
}
